"""Secrets and control characters do not leave: in whatever form a gateway, a library or a traceback writes them."""

from __future__ import annotations

import base64
import html
import io
import json
import logging
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toplist.api.credentials import Credentials
from toplist.api.decoding import one_line
from toplist.api.error_rules import check_refusal
from toplist.errors import ApiError
from toplist.ranktypes import Protocol
from toplist.redaction import RedactingFilter, Redactor

SECRET = "密钥 s/3+cr&t=\"'\\<😀"
FORMS = {
    "plain": SECRET,
    "percent": quote(SECRET, safe=""),
    "percent, lower case": quote(SECRET, safe="").lower(),
    "percent, slash kept": quote(SECRET),
    "form": quote_plus(SECRET),
    "percent twice": quote(quote(SECRET, safe=""), safe=""),
    "JSON": json.dumps(SECRET)[1:-1],
    "JSON, Chinese plain": json.dumps(SECRET, ensure_ascii=False)[1:-1],
    "JSON in JSON": json.dumps(json.dumps(SECRET))[3:-3],
    "JSON, slash escaped": json.dumps(SECRET)[1:-1].replace("/", "\\/"),
    "all escaped": "".join(f"\\u{ord(char):04X}" for char in "密钥") + json.dumps(SECRET)[13:-1],
    "repr": repr(SECRET)[1:-1],
    "ascii": ascii(SECRET)[1:-1],
    "bytes": repr(SECRET.encode())[2:-1],
    "HTML": html.escape(SECRET),
    "HTML numbers": "".join(f"&#{ord(char)};" for char in SECRET),
    "Base64": base64.b64encode(SECRET.encode()).decode(),
    "Base64, percent": quote(base64.b64encode(SECRET.encode()).decode(), safe=""),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_secret_is_hidden_in_every_form(form: str) -> None:
    assert Redactor([SECRET])(f"before {FORMS[form]} after").replace("=", "").replace("%3D", "") == "before *** after"


@settings(deadline=None)
@given(st.text(min_size=1, max_size=12), st.data())
def test_a_secret_is_hidden_in_any_mixture_of_escapes(secret: str, data: st.DataObject) -> None:
    def escaped(char: str) -> str:
        forms = [char, json.dumps(char)[1:-1], ascii(char)[1:-1], html.escape(char)]
        return data.draw(st.sampled_from([*forms, "".join(f"%{byte:02X}" for byte in char.encode())]))

    hidden = Redactor([secret])("".join(map(escaped, secret)))
    assert set(hidden) == {"*"}


@pytest.mark.parametrize(
    "text",
    [
        "param2/1/x/y/1?access_token=abc-1&z=1",
        "sign=UcPVVmzMHD8IKcp2ObVaJCKtbrs=",
        "sign%3DUcPVVmzMHD8IKcp2ObVaJCKtbrs%3D",
        "code UcPVVmzMHD8IKcp2ObVaJCKtbrs= came",
        "code aWMTG%2Fy%2B5RVhdZbohQyS7Tt4JI4%3D came",
        "_aop_signature: F09A8152715D18EAB92FFD890D627641FAC010BE",
        '{"client_secret": "abc-1"}',
        '{\\"refresh_token\\":\\"abc-1\\"}',
        "http://minio:abc-1@localhost:9000/x",
        "postgresql://user:pa/abc-1@host/db",
    ],
)
def test_signatures_tokens_and_passwords_are_hidden_without_knowing_them(text: str) -> None:
    hidden = Redactor([])(text)
    assert "***" in hidden
    for value in ("abc-1", "UcPVVmzM", "aWMTG", "F09A8152"):
        assert value not in hidden


@pytest.mark.parametrize(
    "text",
    [
        "TOPLIST_APP_KEY is not set: set TOPLIST_APP_SECRET and TOPLIST_ACCESS_TOKEN, too",
        "GET https://gw.open.1688.com/openapi/param2/1/x (200)",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709 2026-11-24T03:00:00+08:00",
        "https://host:8443/a/b?c=d",
        "a design=4 of 100%",
        "",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert Redactor(["s3cret"])(text) == text


def test_a_refusal_that_echoes_secrets_hides_them_in_code_message_and_request_id() -> None:
    credentials = Credentials("8812345", "s/3 cr+t=密", "tok-456/7")
    echo = "8812345 s/3 cr+t=密 tok-456/7"
    for answer in (
        {"error_code": f"gw.{echo}", "error_message": json.dumps(echo), "request_id": echo},
        {"error_response": {"code": echo, "msg": quote(echo), "sub_code": echo, "sub_msg": echo, "request_id": echo}},
    ):
        with pytest.raises(ApiError) as caught:
            check_refusal(400, json.dumps(answer).encode(), Protocol.BASE64)
        error = caught.value
        error.redact(credentials.redact)
        for text in (str(error), repr(error), str(error.args)):
            assert "***" in text
            assert not any(secret in text for secret in ("8812345", "s/3", "cr+t", "\\u5bc6", "tok-456"))


@pytest.mark.parametrize("char", "\u202e\u2066\u200f\u061c\ufeff\x1b\x00\x85\u2028\n\r\ud83d\ue000\u0378\u3000")
def test_control_characters_do_not_reach_a_log_line(char: str) -> None:
    assert one_line(f"a{char}b") == "a b"


def test_a_log_handler_with_the_filter_hides_message_arguments_and_traceback() -> None:
    credentials = Credentials("8812345", "s3cret-value", "tok-456/7")
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.addFilter(RedactingFilter(lambda text: credentials.redact(text)))
    logger = logging.Logger("test")
    logger.addHandler(handler)
    try:
        raise ValueError("of s3cret-value")
    except ValueError:
        logger.exception("Expected response size at %s was %d", "https://h/param2/8812345?access_token=tok-456/7", 9)
    credentials = credentials.renewed("renewed-token", None)
    logger.warning("renewed-token and %(key)s", {"key": "tok-456/7"})
    text = out.getvalue()
    assert "ValueError: of ***" in text
    assert "was 9" in text
    assert "*** and ***" in text
    assert not any(secret in text for secret in ("8812345", "s3cret", "tok-456", "renewed-token"))


def test_an_installed_filter_serves_every_library_until_the_next_crawl(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(logging.root, "handlers", [handler := logging.StreamHandler(out)])
    first, second = (RedactingFilter(Redactor([secret])) for secret in ("first-secret", "second-secret"))
    first.install()
    first.install()
    assert handler.filters == [first]
    first.is_over = True
    logging.getLogger("some.library").warning("after the end: %s", "first-secret")
    second.install()
    assert handler.filters == [second]
    logging.getLogger("some.library").warning("of the next: %s", "second-secret", stack_info=True)
    logging.getLogger("some.library").warning("does not fit: %d", "second-secret")
    text = out.getvalue()
    assert "after the end: ***" in text
    assert "of the next: ***" in text
    assert "does not fit: %d" in text
    assert "-secret" not in text.replace('"second-secret"', "")
