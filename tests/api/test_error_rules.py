"""Each row of the table of error rules, in every shape that a refusal comes in."""

from __future__ import annotations

import json
from typing import Any

import pytest

from toplist.api.error_rules import RULES, TOKEN_CODES, ErrorRule, check_refusal
from toplist.errors import (
    ApiError,
    ClockSkewed,
    FatalApiError,
    Forbidden,
    ListError,
    PermissionDenied,
    Throttled,
    TransientApiError,
)
from toplist.ranktypes import Protocol

FLAT = [
    ("gw.SignatureMissing", FatalApiError),
    ("gw.AppKeyMissing", FatalApiError),
    ("gw.SignatureInvalid", FatalApiError),
    ("gw.AppKeyNotFound", FatalApiError),
    ("gw.APIUnsupported", PermissionDenied),
    ("gw.APIACLDecline", PermissionDenied),
    ("gw.ParamMissing", ListError),
    ("gw.ParamInvalid", ListError),
    ("401", FatalApiError),
    ("gw.QosAppFrequencyLimit", Throttled),
    ("QosApiFrequencyLimit", Throttled),
    ("ISPInvokeError", TransientApiError),
    ("ISPInvokeTimeout", TransientApiError),
]
SIBLING: list[tuple[int, type[ApiError]]] = [
    (7, Throttled),
    (10, TransientApiError),
    (30, ClockSkewed),
    (31, ClockSkewed),
]
SIBLING += [(code, PermissionDenied) for code in (11, 12, 13, 21, 22)]
SIBLING += [(code, FatalApiError) for code in (24, 25, 26, 27, 28, 29)]
SIBLING += [(code, ListError) for code in (40, 41)]
SHAPES = {
    "flat": lambda code: {"error_code": code, "error_message": "said so", "exception": "", "request_id": "r-1"},
    "sibling": lambda code: {"error_response": {"code": code, "msg": "said so", "request_id": "r-1"}},
    "business": lambda code: {"result": {"success": False, "code": code, "message": "said so"}, "request_id": "r-1"},
    "flat business": lambda code: {"result": {}, "success": "false", "code": code, "message": "said so"},
    "trend": lambda code: {"result": {"success": "true", "retCode": code, "retMsg": "said so"}},
    "wrapped business": lambda code: {"a_response": {"result": {"success": False, "code": code, "message": "said so"}}},
    "tree": lambda code: {"succes": "false", "errorCode": code, "errorMsg": "said so"},
}


def refused(status: int, answer: Any, protocol: Protocol = Protocol.BASE64) -> ApiError:
    body = answer if isinstance(answer, bytes) else json.dumps(answer, ensure_ascii=False).encode()
    with pytest.raises(ApiError) as caught:
        check_refusal(status, body, protocol)
    return caught.value


@pytest.mark.parametrize("protocol", Protocol)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("code", "leads_to"), FLAT + SIBLING)
def test_a_known_code_decides_whatever_its_shape_and_status(
    code: str | int, leads_to: type[ApiError], shape: str, protocol: Protocol
) -> None:
    for spelling in (code, str(code)):
        for status in (200, 400, 401, 403, 404, 500, 503):
            error = refused(status, SHAPES[shape](spelling), protocol)
            assert type(error) is leads_to, (status, spelling)
            assert error.code == str(code)
            assert error.message.startswith("said so")
    if "r-1" in json.dumps(SHAPES[shape](code)):
        assert error.request_id == "r-1"


def test_every_row_of_the_table_is_held_by_a_test() -> None:
    tested = {str(code).casefold().removeprefix("gw.") for code, _ in FLAT + SIBLING}
    assert tested == {rule.key for rule in RULES}
    assert len(tested) == len(RULES)


@pytest.mark.parametrize("code", ["gw.APIUnsupported", 21, 22])
def test_an_api_that_is_not_there_fails_the_whole_endpoint(code: str | int) -> None:
    error = refused(400, SHAPES["flat"](code))
    assert isinstance(error, PermissionDenied)
    assert error.whole_endpoint


@pytest.mark.parametrize("code", ["gw.APIACLDecline", 11, 12, 13])
def test_a_missing_grant_fails_the_rank_type_only(code: str | int) -> None:
    error = refused(400, SHAPES["flat"](code))
    assert isinstance(error, PermissionDenied)
    assert not error.whole_endpoint
    assert "no grant" in error.message


@pytest.mark.parametrize(
    ("code", "sub_code", "leads_to"),
    [
        (7, "accesscontrol.limited-by-api-access-count", Throttled),
        (15, "accesscontrol.limited-by-api-access-count", Throttled),
        (15, "isp.remote-service-timeout", TransientApiError),
        (40, "isp.top-remote-connection-error", TransientApiError),
        (None, "isp.unknown-error", TransientApiError),
        (11, "isv.permission-api-package-limit", PermissionDenied),
        (15, "isv.permission-api-package-limit", PermissionDenied),
        (15, "isv.invalid-parameter:cat", ListError),
        (40, "isv.missing-parameter", ListError),
        (None, "isv.something-new", ListError),
        (25, "isv.something-new", FatalApiError),  # a generic sub-code does not take a code's meaning away
        (999, "something.else", ListError),
    ],
)
def test_a_sub_code_decides_before_its_code(code: int | None, sub_code: str, leads_to: type[ApiError]) -> None:
    answer = {"error_response": {"code": code, "msg": "Remote service error", "sub_code": sub_code, "sub_msg": "why"}}
    error = refused(200, answer)
    assert type(error) is leads_to
    assert type(refused(503, answer)) is (TransientApiError if sub_code == "something.else" else leads_to)
    assert error.code == (sub_code if code is None else str(code))
    assert f"Remote service error ({sub_code}: why)" in error.message


@pytest.mark.parametrize(
    ("protocol", "named"),
    [
        (Protocol.BASE64, "TOPLIST_PROTOCOL=openplatform and TOPLIST_ACCESS_TOKEN"),
        (Protocol.OPENPLATFORM, "TOPLIST_PROTOCOL=base64"),
    ],
)
@pytest.mark.parametrize("code", ["gw.SignatureMissing", "gw.AppKeyMissing", 24, 26, 27, 28, 29])
def test_a_code_of_the_other_protocol_names_the_setting_and_its_value(
    code: str | int, protocol: Protocol, named: str
) -> None:
    assert named in refused(400, SHAPES["flat"](code), protocol).message


@pytest.mark.parametrize(
    ("code", "setting"),
    [
        ("gw.SignatureInvalid", "TOPLIST_APP_SECRET"),
        (25, "TOPLIST_APP_SECRET"),
        ("gw.AppKeyNotFound", "TOPLIST_APP_KEY"),
        ("401", "TOPLIST_ACCESS_TOKEN"),
    ],
)
def test_what_stops_a_crawl_names_what_to_check(code: str | int, setting: str) -> None:
    assert setting in refused(400, SHAPES["flat"](code)).message


@pytest.mark.parametrize("status", [200, 400, 401, 403, 500])
@pytest.mark.parametrize("word", ["authorized", "authenticated"])
def test_a_missing_token_is_known_by_its_text_alone(word: str, status: int) -> None:
    text = f"Request need user {word}"
    for answer in (
        {"error_message": text},
        {"error_code": "something", "error_message": text},
        {"error_response": {"msg": text}},
        {"success": False, "message": text},
        text,  # a JSON text
        text.encode(),  # a plain body
    ):
        error = refused(status, answer)
        assert type(error) is FatalApiError, answer
        assert error.code == "401"


@pytest.mark.parametrize(("phrase", "rule"), [(phrase, rule) for rule in RULES for phrase in rule.phrases])
def test_an_envelope_with_text_alone_is_read(phrase: str, rule: ErrorRule) -> None:
    error = refused(200, {"error_response": {"msg": phrase.title()}})
    assert (error.code, type(error)) == (rule.code, rule.outcome.error)


def test_phrases_name_the_codes_of_the_sibling_platform() -> None:
    assert {phrase: rule.code for rule in RULES for phrase in rule.phrases}.items() >= {
        ("app call limited", "7"),
        ("invalid session", "27"),
        ("appkey is not allowed(acl)", "gw.APIACLDecline"),
        ("request need user authorized", "401"),
    }
    assert {"401", "26", "27"} == TOKEN_CODES


def test_every_error_has_the_name_of_its_stat() -> None:
    assert {error.stat_name for error in ApiError.__subclasses__()} == {
        "fatal", "list_failed", "permission_denied", "throttled", "forbidden", "clock_skewed", "transient",
    }  # fmt: skip


def test_a_page_that_quotes_a_refusal_is_none() -> None:
    assert type(refused(200, b"<html>Request need user authorized</html>")) is TransientApiError


def test_a_plain_401_is_about_the_token() -> None:
    error = refused(401, b"")
    assert (type(error), error.code) == (FatalApiError, "401")


@pytest.mark.parametrize(
    ("status", "leads_to"),
    [
        (200, ListError),
        (400, ListError),
        (404, ListError),
        (403, Forbidden),
        (408, TransientApiError),
        (429, Throttled),
        (500, TransientApiError),
        (503, TransientApiError),
    ],
)
@pytest.mark.parametrize("shape", SHAPES)
def test_an_unknown_code_is_a_failure_and_the_status_says_which(
    shape: str, status: int, leads_to: type[ApiError]
) -> None:
    error = refused(status, SHAPES[shape]("gw.NeverSeen"))
    assert (type(error), error.code) == (leads_to, "gw.NeverSeen")


@pytest.mark.parametrize(
    ("status", "leads_to", "code"),
    [
        (200, TransientApiError, "unreadable"),
        (204, TransientApiError, "unreadable"),
        (302, TransientApiError, "http 302"),
        (400, TransientApiError, "http 400"),
        (403, Forbidden, "http 403"),
        (404, TransientApiError, "http 404"),
        (408, TransientApiError, "http 408"),
        (429, Throttled, "http 429"),
        (500, TransientApiError, "http 500"),
        (502, TransientApiError, "http 502"),
        (599, TransientApiError, "http 599"),
    ],
)
@pytest.mark.parametrize("body", [b"", b" \n", b"<html><title>502</title></html>", b"oops", b'{"result": {"', b"\xff"])
def test_without_a_code_the_status_decides(body: bytes, status: int, leads_to: type[ApiError], code: str) -> None:
    error = refused(status, body)
    assert (type(error), error.code) == (leads_to, code)
    assert error.message


@pytest.mark.parametrize("status", [302, 400, 404, 500])
def test_json_without_a_code_is_no_answer_unless_the_status_is_good(status: int) -> None:
    assert type(refused(status, {"result": {"success": True}})) is TransientApiError


@pytest.mark.parametrize(
    "answer",
    [
        {"result": {"success": success, "code": code, "result": {}}}
        for success in (True, "true", 1, "1", None, "")
        for code in ("S0000", "S000", "200", 200, "0", 0, "", None)
    ]
    + [
        {"error_code": "", "error_message": ""},
        {"error_code": "0", "error_message": "成功"},
        {"succes": "true", "errorCode": " ", "errorMsg": " "},
        {"result": {"retCode": "S000", "success": True, "result": []}},
        "20261010164552223+0800",
        [],
        {},
    ],
)
def test_success_passes_through(answer: Any) -> None:
    assert check_refusal(200, json.dumps(answer).encode(), Protocol.BASE64) == answer


@pytest.mark.parametrize(
    "answer",
    [
        {"result": {"success": False, "code": "S0000", "message": "but no"}},
        {"result": {"success": "false", "message": "but no"}},
        {"result": {"success": "FAIL", "code": "200", "message": "but no"}},
        {"result": {"success": 0, "message": "but no"}},
        {"result": {"success": {}, "message": "but no"}},
    ],
)
def test_success_that_is_not_true_is_a_failure_of_this_list(answer: Any) -> None:
    error = refused(200, answer)
    assert (type(error), error.code, error.message) == (ListError, "success=false", "but no")


@pytest.mark.parametrize("code", ["S0001", 500, "500_1", 1.5, True, {}, ["S0000"]])
def test_any_code_but_those_of_success_is_a_failure(code: Any) -> None:
    assert type(refused(200, {"result": {"success": True, "code": code}})) is ListError


@pytest.mark.parametrize("envelope", [None, [], "no such method here", 5, {}, {"code": None}, {"code": {}}])
def test_an_error_envelope_of_any_content_is_a_failure(envelope: Any) -> None:
    assert type(refused(200, {"error_response": envelope, "result": {"success": True}})) is ListError


def test_a_float_code_is_its_number() -> None:
    assert type(refused(200, {"error_response": {"code": 7.0}})) is Throttled


def test_a_message_is_one_short_line() -> None:
    nasty = "first\r\nsecond\x1b[31m\u2028third\x00 " + "长" * 5000
    for answer in (
        {"error_response": {"code": 999, "msg": nasty, "sub_code": nasty, "sub_msg": nasty, "request_id": nasty}},
        {"error_code": nasty, "error_message": nasty, "request_id": nasty},
        {"result": {"success": False, "code": nasty, "message": nasty}},
    ):
        error = refused(200, answer)
        assert error.message.startswith("first second")
        assert len(error.message) <= 300
        assert len(error.code) <= 80
        assert str(error).isprintable()


def test_an_unreadable_body_is_not_quoted() -> None:
    error = refused(200, b"<html>access_token=f14da3b8</html>")
    assert "f14da3b8" not in str(error)
    assert "HTML" in str(error)


@pytest.mark.parametrize("status", [100, 199, 300, 302])
@pytest.mark.parametrize("body", [b'{"result": {}}', b"not JSON"])
def test_only_a_status_from_200_to_299_is_a_success(status: int, body: bytes) -> None:
    with pytest.raises(TransientApiError) as caught:
        check_refusal(status, body, Protocol.BASE64)
    assert caught.value.code == f"http {status}"
    assert check_refusal(299, b"{}", Protocol.BASE64) == {}


def test_a_request_id_is_kept_to_100_characters() -> None:
    body = json.dumps({"error_code": "gw.ParamInvalid", "request_id": "r" * 300}).encode()
    with pytest.raises(ListError) as caught:
        check_refusal(200, body, Protocol.BASE64)
    assert len(caught.value.request_id or "") == 100


@pytest.mark.parametrize(("status", "leads_to"), [(499, ListError), (500, TransientApiError)])
def test_a_failure_of_the_server_begins_at_500(status: int, leads_to: type[ApiError]) -> None:
    assert type(refused(status, {"error_code": "gw.NeverSeen"})) is leads_to


def test_a_refusal_in_plain_text_is_looked_for_in_its_message_alone() -> None:
    text = b"request need user authorized"
    assert refused(200, b"\r\n" * 50 + text).code == "401"
    assert refused(200, b"x" * (299 - len(text)) + text + b" x").code == "401"
    assert refused(200, b"x" * 300 + text).code == "unreadable"


def test_a_refusal_without_words_says_its_status() -> None:
    assert refused(403, b"[]").message == "no error code"
    assert refused(403, {"error_code": "gw.NeverSeen"}).message == "HTTP 403"
    assert refused(400, {"error_response": {}}).code == "no code"
    assert refused(400, {"error_code": "gw.ISPInvokeError", "request_id": ""}).request_id is None
