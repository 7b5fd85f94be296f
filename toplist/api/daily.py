"""Daily figures of an offer: units sold, median price and repurchase rate. Each has its own API.

The documentation limits a request to one month between first and last day, and to 90 days back. So a request covers at
most 30 days, and reaches back at most `DAYS_BACK`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Any, NamedTuple

from toplist.api import values
from toplist.api.calls import PRICE_TREND, REPURCHASE_TREND, UNITS_TREND, Api, Call, compact_json
from toplist.api.parse_issues import ParseIssues
from toplist.api.values import Price
from toplist.errors import InputError, TransientApiError

WINDOW = 30
DAYS_BACK = 90


class _FigureApi(NamedTuple):
    field: str
    api: Api
    parameter: str
    read: Callable[[Any], Any]
    days_back: int


def _yuan(raw: Any) -> Any:
    price = values.read_price(raw)
    return price.low if isinstance(price, Price) else price


class Figure(Enum):
    """A daily figure. `field` is its column: ``units`` (pieces), ``median_price`` (yuan, over 30 days),
    ``repurchase_rate`` (0-1, over the 90 days before)."""

    # The parameter of one API lacks the r: that is the platform's own spelling.
    UNITS = _FigureApi("units", UNITS_TREND, "tendQueryParam", values.read_count, DAYS_BACK)
    MEDIAN_PRICE = _FigureApi("median_price", PRICE_TREND, "trendQueryParam", _yuan, DAYS_BACK)
    REPURCHASE_RATE = _FigureApi("repurchase_rate", REPURCHASE_TREND, "trendQueryParam", values.read_rate, WINDOW)

    @property
    def field(self) -> str:
        return self.value.field

    @property
    def api(self) -> Api:
        return self.value.api

    @property
    def days_back(self) -> int:
        """How many days before today the gateway may be asked about."""
        return self.value.days_back


def windows(first: date, last: date) -> Iterator[tuple[date, date]]:
    """The days from `first` to `last`, both included, in windows that one call may ask for; none if there is no day."""
    while first <= last:
        end = min(last, first + timedelta(days=WINDOW - 1))
        yield first, end
        first = end + timedelta(days=1)


def daily_call(figure: Figure, offer_id: str, first: date, last: date) -> Call:
    """The call for the days from `first` to `last`, both included. Raises `InputError` above 30 days."""
    if not 0 <= (last - first).days < WINDOW:
        raise InputError(f"{first} to {last}: the gateway gives daily figures of 1 to {WINDOW} days at once")
    query = {"offerId": int(offer_id), "startDate": f"{first:%Y%m%d}", "endDate": f"{last:%Y%m%d}"}
    return Call(figure.api, {figure.value.parameter: compact_json(query)})


def read_daily(figure: Figure, value: Any, issues: ParseIssues) -> dict[date, int | float]:
    """Day → figure, from the JSON of an answer that is not a refusal. A day without a figure ("") is left out, for
    it is not 0. Days outside of the requested window are accepted. Raises TransientApiError without a list of days."""
    outer = value.get("result") if isinstance(value, dict) else None
    points = outer.get("result") if isinstance(outer, dict) else outer
    if points is None and isinstance(outer, dict):
        return {}
    if not isinstance(points, list):
        raise TransientApiError("unreadable", "JSON without a list of days")
    figures = {}
    for point in points:
        day = _day(point.get("date")) if isinstance(point, dict) else None
        if day is None:
            issues[figure.field, "no_day"] += 1
            continue
        number = issues.keep(figure.field, figure.value.read(point.get("value")))
        if number is not None:
            figures[day] = number
    return figures


def _day(raw: Any) -> date | None:
    if not isinstance(raw, str | int):
        return None
    try:
        return datetime.strptime(str(raw).strip(), "%Y%m%d").date()  # noqa: DTZ007 - a day, which has no zone
    except ValueError:
        return None
