"""Bytes of an answer → JSON values that everything behind can hold.

Whatever comes, the outcome is a value or TransientApiError; and a value never holds what a database, a feed or a pickle
would choke on later: no infinities, no lone surrogates, no NUL, no integer too long to print.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from toplist.errors import TransientApiError

#: Digits that any count, id or time stays far below; longer numbers are kept as text and fail where they are read.
MAX_DIGITS = 40

_ESCAPE = re.compile(r"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|u[0-9a-fA-F]{4}|.)", re.DOTALL)
_UNHOLDABLE = re.compile(r"\\u(?:[dD][89a-fA-F]..|0000)")


def parse_body(body: bytes) -> Any:
    """The JSON value of an answer's body. Raises TransientApiError with what is wrong, never a part of the content."""
    if not body.strip():
        raise TransientApiError("unreadable", "the answer is empty")
    text = decode_body(body)
    if text.lstrip().startswith("<"):
        raise TransientApiError("unreadable", f"an HTML or XML page instead of JSON, {len(body)} bytes")
    try:
        return _DECODER.decode(_holdable(text).strip())
    except json.JSONDecodeError as error:
        cut = error.msg.startswith("Unterminated") or error.pos >= len(text.strip()) - 1
        where = "cut off" if cut else f"broken at character {error.pos}"
        raise TransientApiError("unreadable", f"not JSON: {where}, {len(body)} bytes") from None
    except RecursionError:
        raise TransientApiError("unreadable", f"JSON nested too deep, {len(body)} bytes") from None


def decode_body(body: bytes) -> str:
    """UTF-8 with or without a mark, else the GB family; a few bad bytes in UTF-8 do not make it the other."""
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    lenient = body.decode("utf-8-sig", errors="replace")
    bad = lenient.count("\ufffd")
    if bad * 4 <= sum(1 for char in lenient if char > "\x7f"):
        # Mostly good: a cut or damaged character. (Text of the GB family read as UTF-8 is bad nearly everywhere.)
        return lenient
    try:
        return body.decode("gb18030")
    except UnicodeDecodeError:
        return lenient


def _holdable(text: str) -> str:
    if "\x00" in text:
        text = text.replace("\x00", "")
    if _UNHOLDABLE.search(text):
        text = _ESCAPE.sub(_holdable_escape, text)
    return text


def _holdable_escape(match: re.Match[str]) -> str:
    escape = match.group()
    # Twelve characters are a pair of surrogates, which is whole.
    return "\\ufffd" if len(escape) == 6 and _UNHOLDABLE.match(escape) else escape


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= MAX_DIGITS else digits


def _float(digits: str) -> float | str:
    number = float(digits)
    return number if math.isfinite(number) else digits


#: Lenient about control characters inside of text, which merchants' titles bring; NaN and infinities stay text.
_DECODER = json.JSONDecoder(parse_int=_integer, parse_float=_float, parse_constant=str, strict=False)


_CONTROL = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029\ufffd\ud800-\udfff]+")


def one_line(value: object, limit: int = 300) -> str:
    """A text of the gateway's, fit for a log line: one line, no control characters, at most `limit` characters."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    text = _CONTROL.sub(" ", str(value)[: 4 * limit]).strip()
    return text if len(text) <= limit else text[: limit - 1] + "…"
