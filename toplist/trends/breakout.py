"""`breakout_score` (爆款预判): the last interval's market-adjusted log growth, damped where it proves little."""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

from toplist.trends.coverage import Coverage
from toplist.trends.growth import MIN_DAYS, Growth, days_between, log_growth
from toplist.trends.observation import Observation, Snapshot
from toplist.trends.reasons import Reason

#: Fewer units than this are too few to speak of.
MIN_VOLUME = 30
#: Deviations of its own noise that a growth must reach.
MIN_Z = 2.0
#: Share of the sales' growth that the buyers must show.
BUYERS_SHARE = 0.3
#: Below this growth the buyers' share is arithmetic on noise.
BUYERS_FROM = 0.05
#: What is left of the score for each gate that stays shut.
DAMPING = 0.2
#: Past changes that weigh as much as what counting alone makes us expect.
PRIOR_CHANGES = 5.0
#: Days of a count's window where the setting does not say.
ASSUMED_WINDOW = 30


class Breakout(NamedTuple):
    """`score` orders; `z` is growth over noise; `gates` are those that stayed shut; `reason` why there is no score."""

    score: float | None = None
    z: float | None = None
    gates: tuple[Reason, ...] = ()
    reason: Reason | None = None

    @property
    def flagged(self) -> bool:
        """A rise that passed every gate."""
        return self.score is not None and self.score > 0 and not self.gates


def entry_growth(now: Observation, base: Snapshot, lowest: int | None) -> Growth:
    """A new entry's growth: against the lowest count that its list showed at the base.

    The offer was below that row then, so this is the least that it grew, where the list is ordered by sales.
    """
    days = days_between(base.collected_at, now.collected_at) if base.collected_at else 0.0
    value = log_growth(lowest, now.sale_count)
    if value is None or days < MIN_DAYS:
        return Growth(reason=Reason.NO_GROWTH)
    return Growth(value, value / days, days)


def noise_per_day(sale_count: int, volatility: float | None, coverage: Coverage) -> float:
    """The deviation of a day's log growth that nothing happening makes: own past, shrunk to what counting makes.

    A window of n days that holds S units gains and loses S / n a day, each with the deviation of a count, so that
    ``sqrt(2 / (n S))`` is the least. `volatility` is the own past's (`sale_volatility`), None with little past.
    """
    window = coverage.window_days or ASSUMED_WINDOW
    counting = 2.0 / (window * max(sale_count, 1))
    if volatility is None:
        return sqrt(counting)
    return sqrt(max(counting, (PRIOR_CHANGES * counting + 20 * volatility**2) / (PRIOR_CHANGES + 20)))


def breakout(
    now: Observation,
    growth: Growth,
    market_per_day: float | None,
    volatility: float | None,
    coverage: Coverage,
) -> Breakout:
    """Log growth per day above the market's, and a fifth of it for each shut gate: volume, noise, buyers.

    `growth` may be `entry_growth`. A fall is never damped: it is as bad as it looks. Source: docs/metrics.md.
    """
    if growth.per_day is None or growth.days is None or now.sale_count is None:
        return Breakout(reason=growth.reason or Reason.NO_GROWTH)
    above = growth.per_day - (market_per_day or 0.0)
    z = above * sqrt(growth.days) / noise_per_day(now.sale_count, volatility, coverage)
    if above <= 0:
        return Breakout(above, z)
    gates = []
    if now.sale_count < MIN_VOLUME:
        gates.append(Reason.LOW_VOLUME)
    if z < MIN_Z:
        gates.append(Reason.NOISE)
    if growth.base is not None and _flat_buyers(now, growth.base, growth.value or 0.0):
        gates.append(Reason.FLAT_BUYERS)
    return Breakout(above * DAMPING ** len(gates), z, tuple(gates))


def _flat_buyers(now: Observation, base: Observation, sales_growth: float) -> bool:
    buyers = log_growth(base.buyer_count, now.buyer_count)
    return buyers is not None and sales_growth >= BUYERS_FROM and buyers < BUYERS_SHARE * sales_growth
