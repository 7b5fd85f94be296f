"""Columns as compact JSON: a column of few different values is a dictionary and indexes into it."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Sequence
from types import NoneType
from typing import Any

import numpy as np

from toplist.trends.panel import Ints

#: Significant digits of a float below 1 (growths, probabilities) and of others (prices, to the cent below 10 billion).
DIGITS_BELOW_ONE, DIGITS = 7, 12
#: Types whose values stand for themselves; others are compared by their text.
PLAIN = (str, int, NoneType)


def encode_column(values: Sequence[Any]) -> Any:
    """A plain list, `{"v": value}` where all are the same, or `{"d": distinct, "i": indexes}` where that is shorter.

    Equal values that are no scalars (lists of tiers, of notes) stand once too.
    """
    kinds = set(map(type, values))
    shown = [_short(value) for value in values] if float in kinds else list(values)
    if kinds <= {int, float, NoneType}:
        return {"v": shown[0]} if len(set(shown)) == 1 else shown
    keys = [value if isinstance(value, PLAIN) else repr(value) for value in shown]
    distinct: dict[Any, int] = {}
    indexes = [distinct.setdefault(key, len(distinct)) for key in keys]
    if len(distinct) == 1:
        return {"v": shown[0]}
    if len(distinct) > 0.7 * len(shown):
        return shown
    firsts: dict[int, Any] = {}
    for index, value in zip(indexes, shown, strict=True):
        firsts.setdefault(index, value)
    return {"d": [firsts[at] for at in range(len(distinct))], "i": indexes}


def optional(values: Ints) -> list[int | None]:
    """The values, and None for those below 0."""
    found = values.astype(object)
    found[values < 0] = None
    return list(found)


def deltas(values: Ints) -> list[int | None]:
    """The differences between neighbouring values; one below 0 is None, and the next differs from the last known."""
    found = np.full(len(values), None, object)
    known = values >= 0
    found[known] = np.diff(values[known], prepend=0)
    return list(found)


def pack(data: Any) -> str:
    """JSON, gzip, base64: what a page carries in a script element of no executable type. Equal data, equal text."""
    return base64.b64encode(gzip.compress(_dump(data).encode(), 6, mtime=0)).decode("ascii")


def _short(value: Any) -> Any:
    if isinstance(value, float):
        rounded = float(f"{value:.{DIGITS_BELOW_ONE if abs(value) < 1 else DIGITS}g}")
        return int(rounded) if rounded.is_integer() and abs(rounded) < 1e15 else rounded
    return value


def _dump(data: Any) -> str:
    # a lone surrogate of a broken title has no UTF-8; escaped it travels as it is
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(data, separators=(",", ":"), allow_nan=False)
    return text
