"""A value as one cell of a CSV that people open in a spreadsheet.

Text that a spreadsheet would run as a formula gets a `'` in front: text that begins (white space and invisible
characters aside) with = + - @ or a full-width or small form of them, or with a tab or a line break. Numbers stay
numbers, negative ones too. `null` is an empty cell. Lists and tiers are JSON text.

Ids stay the bare digits that they are in every other feed, so that files join. Excel shows an id of 12 digits as
6.99E+11 but keeps every digit up to 15; to see them, take Data > From Text/CSV and make the column text (newer Excel
asks "convert?" when it opens the file: say no). pandas: `read_csv(..., dtype={"offer_id": str, "category_id": str})`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from pydantic import BaseModel
from pydantic_core import to_json

BOM = "\ufeff"  # without it Excel reads UTF-8 as the machine's code page, and Chinese as garbage

_FORMULA = frozenset("=+-@")


def safe_text(text: str) -> str:
    """The text, behind a `'` where a spreadsheet would take it for a formula."""
    if not text or text[0].isalnum():
        return text
    if text[0] in "\t\r\n":
        return f"'{text}"
    first = next((char for char in text if not _invisible(char)), "")
    return f"'{text}" if first and unicodedata.normalize("NFKC", first)[0] in _FORMULA else text


def cell(value: Any) -> Any:
    """One value as a cell: text or a number. Raises TypeError for a type that has no spelling here."""
    encode = _CELLS.get(type(value))
    if encode is None:
        encode = next((found for kind, found in _CELLS.items() if isinstance(value, kind)), None)
    if encode is None:
        raise TypeError(f"no CSV spelling for a {type(value).__name__}")
    return encode(value)


def _invisible(char: str) -> bool:
    return char.isspace() or unicodedata.category(char) in ("Cf", "Cc")


def _json(value: Any) -> str:
    return safe_text(to_json(value).decode())


_CELLS: Mapping[type, Callable[[Any], Any]] = {
    type(None): lambda value: "",
    str: safe_text,
    bool: lambda value: "true" if value else "false",  # before int, which it is one of
    int: lambda value: value,
    float: lambda value: value,
    Decimal: lambda value: value,
    datetime: lambda value: (value.astimezone(UTC) if value.tzinfo else value).isoformat().replace("+00:00", "Z"),
    date: lambda value: value.isoformat(),
    Enum: lambda value: cell(value.value),
    list: _json,
    tuple: _json,
    dict: _json,
    BaseModel: _json,
}
