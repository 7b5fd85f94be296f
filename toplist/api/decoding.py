"""Bytes of an answer → JSON values that everything behind can hold.

Any input gives a value or raises TransientApiError. A value never holds what a database, a feed or a pickle can't
store: infinities, lone surrogates, NUL characters, or integers that are too long to print.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from toplist import redaction
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
    if bad * 4 <= sum(1 for char in lenient if char > "\x7f"):
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
