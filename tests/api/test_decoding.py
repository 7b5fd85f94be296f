"""Bytes that pretend to be JSON."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest

from toplist.api.decoding import one_line, parse_body
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
        (b"{'a': 1}", "broken at character 1"),
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
    [("a\r\n b\x1b[0m", "a b [0m"), (None, ""), (True, ""), ({}, ""), (7, "7"), ("x" * 400, "x" * 299 + "…")],
)
def test_one_line(raw: object, line: str) -> None:
    assert one_line(raw) == line
