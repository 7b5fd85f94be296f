"""Short ways to write down observations and snapshots."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np

from toplist.trends.breakout import WEEK_DAYS, Breakout, BreakoutModels, breakouts, checks, week_growth
from toplist.trends.coverage import Coverage
from toplist.trends.growth import Growth, daily_changes
from toplist.trends.list_columns import ListColumns
from toplist.trends.observation import ListHistory, Observation, Snapshot
from toplist.trends.price import price_volatility
from toplist.trends.reasons import Reason

DAY0 = date(2026, 3, 10)


def day(number: float) -> date:
    return DAY0 + timedelta(days=int(number))


def at(number: float) -> datetime:
    return datetime(DAY0.year, DAY0.month, DAY0.day, 1, tzinfo=UTC) + timedelta(days=number)


def seen(offer_id: str, number: int, rank: int = 1, **values: Any) -> Observation:
    """An offer on day `number`; not said is not known."""
    fields: dict[str, Any] = {"price": None, "sale_count": None, "buyer_count": None, **values}
    fields.setdefault("collected_at", at(number))
    return Observation(offer_id, day(number), rank=rank, **fields)


def snapshot(number: int, status: str = "complete", **values: Any) -> Snapshot:
    return Snapshot(day(number), status, values.pop("collected_at", at(number)), **values)


def history(*rows: Observation | Snapshot, first_seen: dict[str, date] | None = None) -> ListHistory:
    return ListHistory.of(
        [row for row in rows if isinstance(row, Observation)],
        [row for row in rows if isinstance(row, Snapshot)],
        first_seen,
    )


def columns(now: Observation, past: Sequence[Observation]) -> ListColumns:
    """Of a list with one offer."""
    return ListColumns.of([now], history(*past), now.snapshot_date)


def changes_of(points: Sequence[tuple[datetime, float]]) -> list[float]:
    """The daily changes of one series."""
    seconds, values = (np.array(each, float) for each in ([at.timestamp() for at, _ in points], [v for _, v in points]))
    (found,) = daily_changes(np.zeros(len(points), int), seconds, values, 1)
    return found


def sale_changes(past: Sequence[Observation]) -> list[float]:
    """The daily changes of an offer's sales before the day that follows."""
    now = past[-1]._replace(snapshot_date=past[-1].snapshot_date + timedelta(days=1))
    return columns(now, past).sale_changes()[0]


def price_deviation(now: Observation, past: Sequence[Observation]) -> float | None:
    return price_volatility(now, columns(now, past).price_changes()[0])


def growth_of_week(now: Observation, past: Sequence[Observation], last: Growth) -> Growth:
    (at,) = columns(now, past).oldest_counts(WEEK_DAYS)
    return week_growth(now, None if at is None else past[at], last)


def checked(
    now: Observation, past: Sequence[Observation], last: Growth, market: float | None, coverage: Coverage
) -> list[Reason]:
    """Why to be careful with an offer."""
    (changes,) = columns(now, past).sale_changes()
    return list(checks(now, last, growth_of_week(now, past, last), market, changes, coverage))


def scored(
    today: Snapshot, rows: Sequence[Observation], past: ListHistory, coverage: Coverage, models: BreakoutModels
) -> list[Breakout]:
    return breakouts(rows, ListColumns.of(rows, past, today.snapshot_date), coverage, models)
