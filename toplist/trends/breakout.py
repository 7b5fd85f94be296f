"""`breakout_score` (爆款预判): market-adjusted log growth, damped where it proves little."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import expm1, sqrt
from operator import attrgetter
from statistics import median
from typing import NamedTuple

from toplist.trends.coverage import Coverage
from toplist.trends.growth import MIN_CHANGES, MIN_DAYS, Growth, days_between, log_growth, roughness
from toplist.trends.observation import Observation, Snapshot
from toplist.trends.reasons import Reason

#: Fewer units than this are too few to speak of.
MIN_VOLUME = 10
#: Deviations of its own noise that a growth must reach.
MIN_Z = 2.0
#: Deviations above its own usual growth from which on a rise is flagged.
FLAG_SURPRISE = 3.0
#: Buyers, at the base and due for the growth of sales, below which their number is luck; and the share of those due
#: that must show.
MIN_BUYERS, BUYERS_SHARE = 5, 0.3
#: What each gate that stays shut leaves of the score.
DAMPING = 0.5
#: The longer of the two growths that the score looks at, in days; half a day is for crawls that are not on time.
WEEK_DAYS = 7.5
#: HistoryReader changes that weigh as much as what counting alone makes us expect.
PRIOR_CHANGES = 5.0
#: Days of a count's window where the setting does not say.
ASSUMED_WINDOW = 30
#: Share of neighbouring rows in falling order from which on a list is one that is ordered by sales.
ORDERED = 0.8


class Breakout(NamedTuple):
    """`score` orders. `z`: growth above the market's over its noise. `gates`: those that stayed shut.

    `surprise`: the same as `z`, above the offer's own usual growth too; None without enough past. `reason`: why there
    is no score.
    """

    score: float | None = None
    z: float | None = None
    surprise: float | None = None
    gates: tuple[Reason, ...] = ()
    reason: Reason | None = None

    @property
    def flagged(self) -> bool:
        """A rise that passed every gate and is new for this offer: worth a look today."""
        rising = self.score is not None and self.score > 0 and not self.gates
        return rising and self.surprise is not None and self.surprise >= FLAG_SURPRISE


def lowest_visible(at_base: Iterable[Observation]) -> int | None:
    """The lowest count that a list showed; None where it is not ordered by sales, and says nothing of who was below."""
    counts = [seen.sale_count for seen in sorted(at_base, key=attrgetter("rank")) if seen.sale_count is not None]
    falling = sum(after <= before for before, after in pairwise(counts))
    return min(counts) if len(counts) > 1 and falling >= ORDERED * (len(counts) - 1) else None


def entry_growth(now: Observation, base: Snapshot, lowest: int | None) -> Growth:
    """A new entry's growth: against the lowest count that its list showed at the base.

    The offer was below that row then, so this is the least that it grew; None where the list is not ordered by sales.
    """
    days = days_between(base.collected_at, now.collected_at) if base.collected_at else 0.0
    value = log_growth(lowest, now.sale_count)
    if value is None or days < MIN_DAYS:
        return Growth(reason=Reason.NO_GROWTH)
    return Growth(value, value / days, days)


def usual_growth(changes: Sequence[float]) -> float | None:
    """The median of the offer's past daily changes, at least 0: a running total grows every day. None below 5."""
    return max(0.0, median(changes)) if len(changes) >= MIN_CHANGES else None


def noise_per_day(sale_count: int, changes: Sequence[float], coverage: Coverage) -> float:
    """The deviation of a day's log growth that nothing happening makes: own past, shrunk to what counting makes.

    A window of n days that holds S units gains and loses S / n a day, each with the deviation of a count, so that
    ``sqrt(2 / (n S))`` is the least; a running total only gains, so there it is ``sqrt(usual growth / S)``.
    `changes` are the own past's, see `growth.roughness`.
    """
    units = max(sale_count, 1)
    usual = usual_growth(changes)
    if coverage.total and usual is not None:
        counting = max(usual, 1 / units) / units
    else:
        counting = 2.0 / ((coverage.window_days or ASSUMED_WINDOW) * units)
    rough = roughness(changes)
    if rough is None:
        return sqrt(counting)
    weight = PRIOR_CHANGES / (PRIOR_CHANGES + len(changes))
    return sqrt(max(counting, weight * counting + (1 - weight) * rough**2))


def week_growth(now: Observation, past: Sequence[Observation], last: Growth) -> Growth:
    """Growth since the offer's oldest count of the last 7 days: a week holds every weekday once, and less noise.

    `last` itself where the week holds no older count, or one that can't be compared.
    """
    if last.days is None:
        return last
    found = last
    for seen in reversed(past):
        days = days_between(seen.collected_at, now.collected_at)
        if days > WEEK_DAYS:
            break
        value = log_growth(seen.sale_count, now.sale_count)
        if value is not None and days > last.days:
            found = Growth(value, value / days, days, seen)
    return found


def breakout(
    now: Observation,
    last: Growth,
    week: Growth,
    market_per_day: float | None,
    changes: Sequence[float],
    coverage: Coverage,
) -> Breakout:
    """Log growth per day above the market's, and half of it for each shut gate: volume, noise, buyers.

    The growth is the mean of the last interval's (may be `entry_growth`) and the last week's (`week_growth`).
    `market_per_day` is the median of the list; unknown counts as 0. `changes` are the own past's (`sale_changes`).
    A fall is never damped: it is as bad as it looks. Source: docs/metrics.md.
    """
    if last.per_day is None or week.per_day is None or now.sale_count is None:
        return Breakout(reason=last.reason or Reason.NO_GROWTH)
    market = market_per_day or 0.0
    noise = noise_per_day(now.sale_count, changes, coverage)
    z = max(_over_noise(last, market, noise), _over_noise(week, market, noise))
    usual = usual_growth(changes)
    surprise = None
    if usual is not None:
        expected = max(market, usual)
        surprise = max(_over_noise(last, expected, noise), _over_noise(week, expected, noise))
    above = (last.per_day + week.per_day) / 2 - market
    if above <= 0:
        return Breakout(above, z, surprise)
    gates = []
    if now.sale_count < MIN_VOLUME:
        gates.append(Reason.LOW_VOLUME)
    if z < MIN_Z:
        gates.append(Reason.NOISE)
    if _flat_buyers(now, last) or _flat_buyers(now, week):
        gates.append(Reason.FLAT_BUYERS)
    return Breakout(above * DAMPING ** len(gates), z, surprise, tuple(gates))


def _over_noise(growth: Growth, expected: float, noise: float) -> float:
    if growth.per_day is None or growth.days is None:
        return 0.0
    return (growth.per_day - expected) * sqrt(growth.days) / noise


def _flat_buyers(now: Observation, growth: Growth) -> bool:
    base = growth.base
    if base is None or base.buyer_count is None or now.buyer_count is None or growth.value is None:
        return False
    due = base.buyer_count * expm1(growth.value)
    return min(due, base.buyer_count) >= MIN_BUYERS and now.buyer_count - base.buyer_count < BUYERS_SHARE * due
