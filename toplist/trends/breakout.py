"""`breakout_score` (爆款预判) of one list's rows during a crawl, and the notes that say why to be careful with one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import expm1, sqrt
from statistics import median
from typing import NamedTuple

import numpy as np

from toplist.trends.calibration import probability
from toplist.trends.coverage import Coverage
from toplist.trends.features import compute_features, hand_score
from toplist.trends.growth import MIN_CHANGES, Growth, days_between, log_growth, von_neumann_sd
from toplist.trends.list_columns import ListColumns
from toplist.trends.model import Model
from toplist.trends.observation import Observation
from toplist.trends.reasons import Reason

#: Fewer units than this are too few to speak of.
MIN_VOLUME = 10
#: Deviations of its own noise that a growth must reach.
MIN_Z = 2.0
#: Buyers, at the base and due for the growth of sales, below which their number is luck; and the share of those due
#: that must show.
MIN_BUYERS, BUYERS_SHARE = 5, 0.3
#: The longer of the two growths that the checks look at, in days; half a day is for crawls that are not on time.
WEEK_DAYS = 7.5
#: Past changes that weigh as much as what counting alone makes us expect.
PRIOR_CHANGES = 5.0
#: Days of a count's window where the setting does not say.
ASSUMED_WINDOW = 30


class BreakoutModels(NamedTuple):
    """The models of a list's kind that may be used today; None: the score by hand stands in, and no probability."""

    week: Model | None = None
    month: Model | None = None

    def missing(self) -> dict[str, Reason]:
        """Why a figure is given for no offer today, by its field."""
        found = {"breakout_probability": _not_given(self.week), "breakout_probability_30d": _not_given(self.month)}
        if self.week is None:
            found["is_breakout"] = Reason.TOO_LITTLE_HISTORY
        elif self.week.threshold is None:
            found["is_breakout"] = Reason.NO_THRESHOLD
        return {name: reason for name, reason in found.items() if reason is not None}


def _not_given(model: Model | None) -> Reason | None:
    if model is None:
        return Reason.TOO_LITTLE_HISTORY
    return None if model.is_calibrated else Reason.NOT_CALIBRATED


#: No model yet.
BY_HAND = BreakoutModels()


class Breakout(NamedTuple):
    """`score` orders: the logit of the model's probability, or the score by hand. `reason`: why there is none."""

    score: float | None = None
    probability: float | None = None
    probability_30d: float | None = None
    is_breakout: bool | None = None
    reason: Reason | None = None


def breakouts(
    rows: Sequence[Observation], columns: ListColumns, coverage: Coverage, models: BreakoutModels
) -> list[Breakout]:
    """Each row's score, from the same columns that a backtest makes of the history."""
    features = compute_features(columns.panel(), np.flatnonzero(columns.is_today))
    by_hand = hand_score(features, coverage)
    logits = None if models.week is None else models.week.logits(features)
    chances = None if logits is None else probability(logits)
    months = None if models.month is None else probability(models.month.logits(features))
    given, given_month = (_not_given(model) is None for model in models)
    threshold = None if models.week is None else models.week.threshold
    found = []
    for number, row in enumerate(rows):
        score = float(by_hand[number] if logits is None else logits[number])
        if not row.sale_count or not np.isfinite(score):
            reason = Reason.NO_COUNT if row.sale_count is None else Reason.NO_GROWTH
            found.append(Breakout(reason=reason if row.sale_count != 0 else Reason.ZERO_COUNT))
            continue
        chance = None if chances is None else float(chances[number])
        month = None if months is None else float(months[number])
        is_breakout = None if chance is None or threshold is None else chance >= threshold
        found.append(Breakout(score, chance if given else None, month if given_month else None, is_breakout))
    return found


def usual_growth(changes: Sequence[float]) -> float | None:
    """The median of the offer's past daily changes, at least 0: a running total grows every day. None below 5."""
    return max(0.0, median(changes)) if len(changes) >= MIN_CHANGES else None


def noise_per_day(sale_count: int, changes: Sequence[float], coverage: Coverage) -> float:
    """The deviation of a day's log growth that nothing happening makes: own past, shrunk to what counting makes.

    A window of n days that holds S units gains and loses S / n a day, each with the deviation of a count, so that
    ``sqrt(2 / (n S))`` is the least; a running total only gains, so there it is ``sqrt(usual growth / S)``.
    `changes` are the own past's, see `growth.von_neumann_sd`.
    """
    units = max(sale_count, 1)
    usual = usual_growth(changes)
    if coverage.total and usual is not None:
        counting = max(usual, 1 / units) / units
    else:
        counting = 2.0 / ((coverage.window_days or ASSUMED_WINDOW) * units)
    deviation = von_neumann_sd(changes)
    if deviation is None:
        return sqrt(counting)
    weight = PRIOR_CHANGES / (PRIOR_CHANGES + len(changes))
    return sqrt(max(counting, weight * counting + (1 - weight) * deviation**2))


def week_growth(now: Observation, base: Observation | None, last: Growth) -> Growth:
    """Growth since the offer's oldest count of the last 7 days, `base`: a week holds every weekday once, and less
    noise. `last` itself where the week holds no older count, or one that can't be compared."""
    if base is None or last.days is None:
        return last
    days = days_between(base.collected_at, now.collected_at)
    value = log_growth(base.sale_count, now.sale_count)
    return last if value is None or days <= last.days else Growth(value, value / days, days, base)


def checks(
    now: Observation,
    last: Growth,
    week: Growth,
    market_per_day: float | None,
    changes: Sequence[float],
    coverage: Coverage,
) -> Iterator[Reason]:
    """Why to be careful with a rise: too few units, within the offer's own noise, units without buyers.

    They are notes; the score and its order do not depend on them. `week`: see `week_growth`; `changes`: see
    `ListColumns.sale_changes`.
    """
    market = market_per_day or 0.0
    if last.per_day is None or now.sale_count is None:
        return
    if week.per_day is None or (last.per_day + week.per_day) / 2 <= market:
        return
    if now.sale_count < MIN_VOLUME:
        yield Reason.LOW_VOLUME
    noise = noise_per_day(now.sale_count, changes, coverage)
    if max(_over_noise(last, market, noise), _over_noise(week, market, noise)) < MIN_Z:
        yield Reason.NOISE
    if _flat_buyers(now, last) or _flat_buyers(now, week):
        yield Reason.FLAT_BUYERS


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
