"""Bytes of an answer → a JSON value that can be stored, and the error that the value carries, in any envelope.

Any input gives a value or raises TransientApiError. A value never holds what a database, a feed or a pickle can't
store: infinities, lone surrogates, NUL characters, or integers that are too long to print.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from toplist import redaction
from toplist.api.values import read_flag
from toplist.errors import TransientApiError

#: The most digits of an integer; longer ones are kept as text, and the reader of the field rejects them.
MAX_DIGITS = 40

_ESCAPE = re.compile(r"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|u[0-9a-fA-F]{4}|.)", re.DOTALL)
_UNSTORABLE = re.compile(r"\\u(?:[dD][89a-fA-F]..|0000)")


def parse_body(body: bytes) -> Any:
    """The JSON value of an answer's body. Raises TransientApiError with what is wrong, never a part of the content."""
    if not body.strip():
        raise TransientApiError("unreadable", "the answer is empty")
    text = decode_body(body)
    if text.lstrip().startswith("<"):
        raise TransientApiError("unreadable", f"an HTML or XML page instead of JSON, {len(body)} bytes")
    try:
        return _DECODER.decode(_storable(text).strip())
    except json.JSONDecodeError as error:
        cut = error.msg.startswith("Unterminated") or error.pos >= len(text.strip()) - 1
        where = "cut off" if cut else f"broken at character {error.pos}"
        raise TransientApiError("unreadable", f"not JSON: {where}, {len(body)} bytes") from None
    except RecursionError:
        raise TransientApiError("unreadable", f"JSON nested too deep, {len(body)} bytes") from None


def decode_body(body: bytes) -> str:
    """UTF-8 with or without a byte order mark, otherwise GB18030. A few bad bytes in UTF-8 are replaced."""
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    lenient = body.decode("utf-8-sig", errors="replace")
    bad = lenient.count("\ufffd")
    if bad * 4 <= sum(not char.isascii() for char in lenient):
        # Mostly valid: a character is cut or damaged. GB18030 text that is read as UTF-8 is invalid nearly everywhere.
        return lenient
    try:
        return body.decode("gb18030")
    except UnicodeDecodeError:
        return lenient


def _storable(text: str) -> str:
    if "\x00" in text:
        text = text.replace("\x00", "")
    if _UNSTORABLE.search(text):
        text = _ESCAPE.sub(_storable_escape, text)
    return text


def _storable_escape(match: re.Match[str]) -> str:
    escape = match.group()
    # 12 characters are a complete pair of surrogates.
    return "\\ufffd" if len(escape) == 6 and _UNSTORABLE.match(escape) else escape


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= MAX_DIGITS else digits


def _float(digits: str) -> float | str:
    number = float(digits)
    return number if math.isfinite(number) else digits


#: Accepts control characters inside of text, which merchants' titles have; NaN and infinities stay text.
_DECODER = json.JSONDecoder(parse_int=_integer, parse_float=_float, parse_constant=str, strict=False)


def one_line(value: object, limit: int = 300) -> str:
    """A text from the gateway for a log line: one line, no control characters, at most `limit` characters."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    text = redaction.one_line(str(value)[: 4 * limit]).replace("\ufffd", " ").strip()
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


#: Codes that stand for success beside ``success``; trend APIs spell theirs ``retCode``.
SUCCESS_CODES = frozenset({"", "S0000", "S000", "200", "0"})

_CODE_KEYS = ("code", "retCode", "errorCode")
_MESSAGE_KEYS = ("message", "retMsg", "errorMsg", "msg")
_SUCCESS_KEYS = ("success", "succes")  # alibaba.category.get spells it with one s


@dataclass(frozen=True, slots=True)
class ErrorInfo:
    """The codes and messages of an error. Texts are shortened to one line; "" where one is missing."""

    code: str
    message: str
    sub_code: str = ""
    sub_message: str = ""
    request_id: str | None = None

    def name(self) -> str:
        """The code to report, or ""."""
        return self.code or self.sub_code

    def text(self) -> str:
        """The message with the sub-code's, at most 300 characters."""
        sub = ": ".join(part for part in (self.sub_code, self.sub_message) if part)
        return one_line(f"{self.message} ({sub})" if self.message and sub else self.message or sub)


def find_error_info(value: Any) -> ErrorInfo | None:
    """The error of an answer, in any envelope; `None` where the answer is not an error."""
    if isinstance(value, str):
        # An API whose answer is a bare text also refuses with a bare text.
        return ErrorInfo("", one_line(value)) if value.casefold().startswith("request need user") else None
    if not isinstance(value, dict):
        return None
    return _sibling(value) or _flat(value) or _business(value)


def _sibling(value: dict[str, Any]) -> ErrorInfo | None:
    if "error_response" not in value:
        return None
    envelope = value["error_response"]
    if not isinstance(envelope, dict):
        return ErrorInfo("", one_line(envelope))
    return ErrorInfo(
        _code(envelope.get("code")),
        one_line(envelope.get("msg")),
        _code(envelope.get("sub_code")),
        one_line(envelope.get("sub_msg")),
        _request_id(envelope),
    )


def _flat(value: dict[str, Any]) -> ErrorInfo | None:
    code = _code(value.get("error_code"))
    message = one_line(value.get("error_message")) or one_line(value.get("exception"))
    if code in SUCCESS_CODES and (code or not message):
        return None
    return ErrorInfo(code, message, request_id=_request_id(value))


def _business(value: dict[str, Any]) -> ErrorInfo | None:
    for level in _levels(value):
        codes = [_code(level.get(key)) for key in _CODE_KEYS]
        bad_code = next((code for code in codes if code not in SUCCESS_CODES), "")
        # A flag that is present and not true means failure, whatever its value.
        failed = any(read_flag(level.get(key)) not in (None, True) for key in _SUCCESS_KEYS)
        if bad_code or failed:
            message = next((text for key in _MESSAGE_KEYS if (text := one_line(level.get(key)))), "")
            return ErrorInfo(bad_code or "success=false", message, request_id=_request_id(value))
    return None


def _levels(value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The objects that may carry ``success`` and ``code``: the answer, its wrapper, and their ``result``."""
    yield value
    for key, inner in value.items():
        if isinstance(inner, dict) and (key == "result" or key.endswith("_response")):
            yield inner
            if key != "result" and isinstance(inner.get("result"), dict):
                yield inner["result"]


def _code(raw: object) -> str:
    if raw is not None and (isinstance(raw, bool) or not isinstance(raw, str | int | float)):
        return "not a code"  # which is not a code of success
    text = one_line(raw, 80)
    return text.removesuffix(".0") if isinstance(raw, float) else text


def _request_id(envelope: dict[str, Any]) -> str | None:
    return one_line(envelope.get("request_id"), 100) or None
