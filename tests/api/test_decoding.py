"""Bytes that pretend to be JSON."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest

from toplist.api.decoding import ErrorInfo, decode_body, find_error_info, one_line, parse_body
from toplist.errors import TransientApiError


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030"])
def test_chinese_in_every_charset(encoding: str) -> None:
    value = {"subject": "2023厚底女士凉鞋软底拖鞋夏季现货", "price": "12.50"}
    assert parse_body(json.dumps(value, ensure_ascii=False).encode(encoding)) == value


def test_one_bad_byte_costs_one_character_and_not_the_charset() -> None:
    body = bytearray('{"subject": "厚底女士凉鞋现货软底拖鞋"}'.encode())
    body[14] = 0xE5
    assert bytes(body).decode("gb18030")  # it would pass for the other charset, as nonsense
    assert parse_body(bytes(body)) == {"subject": "\ufffd\ufffd底女士凉鞋现货软底拖鞋"}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "empty"),
        (b" \r\n\t", "empty"),
        (b"\xef\xbb\xbf", "not JSON"),
        (b"<!DOCTYPE html><html></html>", "HTML"),
        (b'{"result": {"itemList": [{"offerId": 1', "cut off"),
        (b'{"result": {"itemList": [{"subject": "abc', "cut off"),
        (b'{"a": -', "cut off"),
        (b'{"a": tr', "broken at character 6"),
        (b"{'a': 1}", "broken at character 1"),
        (b"x" * 99, "broken at character 0, 99 bytes"),
        (b'{"a": 1} trailing', "broken"),
        (b"[" * 200_000, "nested too deep"),
        (b'{"a":' * 200_000, "nested too deep"),
    ],
)
def test_what_is_not_json_says_how(body: bytes, said: str) -> None:
    with pytest.raises(TransientApiError, match=said) as caught:
        parse_body(body)
    assert caught.value.code == "unreadable"


def test_every_cut_of_an_answer_is_unreadable() -> None:
    whole = json.dumps({"result": {"itemList": [{"subject": "凉鞋", "price": 1.5}], "total": 100}}).encode()
    for length in range(len(whole)):
        with pytest.raises(TransientApiError):
            parse_body(whole[:length])


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"[NaN, Infinity, -Infinity]", ["NaN", "Infinity", "-Infinity"]),
        (b"[1e400, -1e400, 1e3]", ["1e400", "-1e400", 1000.0]),
        (b'{"a": 1, "a": 2}', {"a": 2}),
        (b'["a\tb\nc"]', ["a\tb\nc"]),
        (b'["a\x00b", "a\\u0000b"]', ["ab", "a\ufffdb"]),
        (b'["\\ud83d\\ude00", "\\ud83d", "\\ude00x", "\\\\ud83d"]', ["😀", "\ufffd", "\ufffdx", "\\ud83d"]),
        (b'["\\uD83D\\uD83D\\uDE00"]', ["\ufffd😀"]),
        (b'"\\u4e2d"', "中"),
    ],
)
def test_values_that_something_behind_would_choke_on(body: bytes, value: Any) -> None:
    assert parse_body(body) == value


def test_an_endless_number_stays_text() -> None:
    assert parse_body(b"[" + b"9" * 100_000 + b"]") == ["9" * 100_000]
    assert parse_body(b"[699490252651]") == [699490252651]


def test_what_was_parsed_can_be_sent_stored_and_pickled() -> None:
    value = parse_body(b'{"a": ["\\ud83d", NaN, 1e999, ' + b"1" * 5000 + b', "\\u0000"]}')
    json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    assert pickle.loads(pickle.dumps(value)) == value


@pytest.mark.parametrize(
    ("raw", "line"),
    [
        ("a\r\n b\x1b[0m", "a b [0m"),
        (None, ""),
        (True, ""),
        ({}, ""),
        (["a"], ""),
        (7, "7"),
        (1.5, "1.5"),
        ("a\ufffdb", "a b"),
        ("x" * 300, "x" * 300),
        ("x" * 301, "x" * 299 + "…"),
        (" " * 1199 + "a", "a"),
        (" " * 1200 + "a", ""),
    ],
)
def test_one_line(raw: object, line: str) -> None:
    assert one_line(raw) == line


@pytest.mark.parametrize("length", [1, 39, 40, 41, 42])
def test_an_integer_of_40_digits_is_a_number_and_a_longer_one_stays_text(length: int) -> None:
    digits = "7" * length
    assert parse_body(f"[{digits}]".encode()) == [int(digits) if length <= 40 else digits]


def test_a_line_may_be_cut_to_any_length() -> None:
    assert one_line("abcdef", 5) == "abcd…"
    assert one_line("abcde", 5) == "abcde"


def test_utf8_with_a_quarter_of_bad_characters_is_utf8_still_and_with_a_third_another_charset() -> None:
    assert decode_body("中中中".encode() + b"\x81@") == "中中中\ufffd@"
    body = "中中".encode() + b"\x81@"
    assert decode_body(body) == body.decode("gb18030")
    assert decode_body("中中".encode() + b"\xff") == "中中\ufffd"  # no charset at all


def test_an_error_says_its_code_its_sub_code_and_both_messages() -> None:
    info = ErrorInfo("7", "limited", "isv.x", "why")
    assert (info.name(), info.text()) == ("7", "limited (isv.x: why)")
    assert ErrorInfo("", "", "isv.x", "").name() == "isv.x"
    assert ErrorInfo("", "", "isv.x", "why").text() == "isv.x: why"
    assert ErrorInfo("7", "limited").text() == "limited"


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ({"error_code": "9" * 81, "error_message": "x"}, "9" * 79 + "…"),
        ({"error_code": "9" * 80, "error_message": "x"}, "9" * 80),
        ({"error_code": 7.0}, "7"),
        ({"error_code": "7.0"}, "7.0"),
        ({"error_code": False}, "not a code"),
        ({"error_code": 0, "error_message": "fine"}, None),
        ({"exception": "broken"}, ""),
        ({"success": "false"}, "success=false"),
        ({"a_response": {"success": False}}, "success=false"),
        ({"a_response": {"result": {"code": "E1"}}}, "E1"),
        ({"result": {"result": {"code": "E1"}}}, None),  # an offer's own field
        ({"other": {"code": "E1"}}, None),
        ({"code": "200", "retCode": "E2"}, "E2"),
        ([{"error_code": 7}], None),
        ("Request need user x", ""),
        ("x", None),
    ],
)
def test_the_code_of_an_answer(value: Any, code: str | None) -> None:
    info = find_error_info(value)
    assert (info and info.code) == code
