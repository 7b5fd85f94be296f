"""Growth of sale counts: against the last observation, against the market, between disjoint windows, and its noise.

All growths are natural logarithms of a ratio: 0.0953 is +10 %, and a fall back to the start is its exact negative.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise
from math import log, sqrt
from statistics import median
from typing import NamedTuple

import numpy as np

from toplist.trends.coverage import Coverage
from toplist.trends.observation import Observation
from toplist.trends.panel import Floats, Ints
from toplist.trends.reasons import Reason

#: The oldest base, in days of `collected_at`.
BASE_DAYS = 14.0
#: Below this many days between two rows a figure per day is the clock's noise.
MIN_DAYS = 0.25
#: Rows with a growth that a list's median needs.
MIN_PEERS = 5
#: How far from the window's length the base of a disjoint window may lie, in days.
DISJOINT_EARLY, DISJOINT_LATE = 0.5, 3.0
#: Days that a deviation looks back over, and the changes that it needs.
VOLATILITY_DAYS = 30.0
MIN_CHANGES = 5

_DAY = 86400.0
_LOOK_BACK = (VOLATILITY_DAYS + DISJOINT_EARLY) * _DAY


class Growth(NamedTuple):
    """`value` over `days` days since `base`; where null, `reason` says why. `per_day` may be null alone."""

    value: float | None = None
    per_day: float | None = None
    days: float | None = None
    base: Observation | None = None
    reason: Reason | None = None


def days_between(earlier: datetime, later: datetime) -> float:
    """Days between two aware instants, to the hundredth; negative when the clock stepped back.

    A hundredth is a quarter of an hour: a day that is crawled again at once has the trends that it had.
    """
    return round((later - earlier).total_seconds() / _DAY, 2)


def log_growth(before: float | None, after: float | None) -> float | None:
    """``ln(after / before)``; None unless both are above 0. Antisymmetric to the last bit."""
    if before is None or after is None or before <= 0 or after <= 0:
        return None
    return log(after) - log(before)


def sale_growth(now: Observation, past: Sequence[Observation], coverage: Coverage) -> Growth:
    """``ln(S1 / S0)`` against the offer's last count within 14 days, and the same per day.

    `past` is the offer's own, oldest first. Days are real-valued and from `collected_at`. Source: docs/metrics.md.
    """
    if now.sale_count is None:
        return Growth(reason=Reason.NO_COUNT)
    base = next((seen for seen in reversed(past) if seen.sale_count is not None), None)
    if base is None:
        return Growth(reason=Reason.NO_COUNT if past else Reason.NO_BASE)
    days = days_between(base.collected_at, now.collected_at)
    if days <= 0:
        return Growth(reason=Reason.CLOCK_BACK)
    if days > BASE_DAYS:
        return Growth(reason=Reason.NO_BASE)
    value = log_growth(base.sale_count, now.sale_count)
    if value is None:
        return Growth(reason=Reason.ZERO_COUNT)
    if coverage.total and value < 0:
        return Growth(reason=Reason.FELL_TOTAL)
    per_day = value / days if days >= MIN_DAYS else None
    return Growth(value, per_day, days, base, None if per_day is not None else Reason.TOO_CLOSE)


def market_growth(per_day: Iterable[float | None]) -> float | None:
    """The median growth per day of a list's rows; None with fewer than 5."""
    known = [value for value in per_day if value is not None]
    return median(known) if len(known) >= MIN_PEERS else None


def disjoint_growth(
    now: Observation, past: Sequence[Observation], coverage: Coverage
) -> tuple[float | None, Reason | None]:
    """``ln(S1 / S0)`` of two windows that share no day: S0 is from one window's length ago.

    Takes the observation nearest to n days ago, between n - 0.5 and n + 3; so windows share at most half a day.
    """
    if coverage.window_days is None:
        return None, Reason.NOT_A_WINDOW if coverage.total else Reason.COVERAGE_UNKNOWN
    if now.sale_count is None:
        return None, Reason.NO_COUNT
    length = coverage.window_days
    best: tuple[float, Observation] | None = None
    for seen in past:
        off = days_between(seen.collected_at, now.collected_at) - length
        if off < -DISJOINT_EARLY:
            break
        if off <= DISJOINT_LATE and seen.sale_count is not None and (best is None or abs(off) < best[0]):
            best = abs(off), seen
    if best is None:
        return None, Reason.NO_BASE
    value = log_growth(best[1].sale_count, now.sale_count)
    return (value, None) if value is not None else (None, Reason.ZERO_COUNT)


def units_since(now: Observation, growth: Growth, coverage: Coverage) -> tuple[int | None, Reason | None]:
    """Units sold since the base. Only a running total can tell: windows lose at their far end what they gain."""
    if growth.base is None or growth.base.sale_count is None or now.sale_count is None:
        return None, growth.reason
    if coverage.total:
        return now.sale_count - growth.base.sale_count, None
    return None, Reason.COVERAGE_UNKNOWN if coverage.window_days is None else Reason.OVERLAPPING


def daily_changes(series: Ints, seconds: Floats, values: Floats, count: int) -> list[list[float]]:
    """``ln(x1 / x0) / sqrt(days)`` between neighbours: over several days a random walk's change grows with the root.

    The changes of each of `count` series. Rows are ordered by series (0, 1, 2 …) and time; those without a value above
    0 are passed over, and those older than 30 days before the series' last are left out.
    """
    known = values > 0
    series, seconds, values = series[known], seconds[known], values[known]
    ends = np.searchsorted(series, np.arange(count), side="right")
    oldest = seconds[ends - 1] - _LOOK_BACK if len(series) else seconds
    days = np.diff(seconds) / _DAY
    before = np.flatnonzero((series[1:] == series[:-1]) & (days >= MIN_DAYS) & (seconds[:-1] >= oldest[series[:-1]]))
    logs = np.log(values)
    changes = ((logs[before + 1] - logs[before]) / np.sqrt(days[before])).tolist()
    borders = [0, *np.searchsorted(series[before], np.arange(count), side="right").tolist()]
    return [changes[first:last] for first, last in pairwise(borders)]


def volatility(changes: Sequence[float]) -> float | None:
    """Standard deviation of daily log changes; None below 5 of them."""
    if len(changes) < MIN_CHANGES:
        return None
    mean = sum(changes) / len(changes)
    return sqrt(sum((change - mean) ** 2 for change in changes) / (len(changes) - 1))


def von_neumann_sd(changes: Sequence[float]) -> float | None:
    """The deviation that is left when a slowly moving growth is taken out: from differences of neighbouring changes.

    ``sqrt(mean((c1 - c0)^2) / 2)``; None below 5 changes. Source: von Neumann, 1941, "Distribution of the ratio of the
    mean square successive difference to the variance".
    """
    if len(changes) < MIN_CHANGES:
        return None
    return sqrt(sum((after - before) ** 2 for before, after in pairwise(changes)) / (2 * (len(changes) - 1)))
