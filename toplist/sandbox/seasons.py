"""What every offer of the market shares with the others on a date: weekdays, shopping festivals, the New Year lull."""

from __future__ import annotations

from datetime import date
from functools import cache

#: The dates that the market knows. A life reaches up to a year beyond on both sides.
FIRST, LAST = date(2021, 1, 1), date(2039, 12, 31)
_BEGIN = date(2020, 1, 1).toordinal()
_END = date(2041, 1, 1).toordinal()

_WEEKDAYS = (1.06, 1.08, 1.05, 1.03, 1.0, 0.88, 0.90)
#: Buyers stock up before the consumers' festivals: month, first and last day, factor.
_FESTIVALS = (
    (2, 1, 12, 0.55),
    (3, 1, 8, 1.15),
    (6, 5, 18, 1.35),
    (10, 20, 31, 1.2),
    (11, 1, 11, 1.5),
    (12, 8, 12, 1.2),
)


def market_date(text: str) -> date:
    """A date that the market knows, from its ISO form. Raises ValueError with one sentence."""
    try:
        on = date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a date like 2026-11-24") from None
    if not FIRST <= on <= LAST:
        raise ValueError(f"{text} is not between {FIRST} and {LAST}")
    return on


def _factor(ordinal: int) -> float:
    day = date.fromordinal(ordinal)
    factor = _WEEKDAYS[day.weekday()]
    for month, first, last, strength in _FESTIVALS:
        if day.month == month and first <= day.day <= last:
            factor *= strength
    return factor


@cache
def _factors() -> list[float]:
    return [_factor(ordinal) for ordinal in range(_BEGIN, _END)]


def market_factors(first_ordinal: int, days: int) -> list[float]:
    """The market's factor for each of `days` days from `first_ordinal` on."""
    start = first_ordinal - _BEGIN
    return _factors()[start : start + days]
