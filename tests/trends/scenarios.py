"""Single offers with a known course of sales, to test trends and forecasts: what happens, when, and how strongly.

The same curves as in the market, but with the turn on a chosen day, one size for each story, and a month of quiet
days before the first one, so that every 30-day figure is there from the start.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from random import Random

from toplist.sandbox.curves import Curve, market_factors, running_total, seeded_random

_BEFORE = 30
#: Name → (size, span in days); see `curves.Curve`.
SCENARIOS: dict[str, tuple[float, int]] = {
    "step": (2.0, 1),
    "ramp": (2.0, 14),
    "surge": (6.0, 14),
    "spike": (4.0, 3),
    "fall": (0.3, 14),
    "bulk": (15.0, 1),
    "cut": (1.4, 1),
    "season": (0.5, 0),
    "steady": (1.0, 1),
    "noise": (0.5, 7),
}


@dataclass(frozen=True, slots=True)
class ScenarioDay:
    """One day of a story. `mean` is the rate behind `units`; counts are as of the day's end, the price is in yuan."""

    day: int
    mean: float
    units: int
    total_sold: int
    sold_30: int
    buyers_30: int
    price: float


def _means(curve: Curve, base: float, length: int, first_date: date | None, random: Random) -> list[float]:
    first = first_date.toordinal() - _BEFORE if first_date else 0
    factors = curve.factors(length, first, random)
    shared = market_factors(first, length) if first_date else [1.0] * length
    return [base * factor * market for factor, market in zip(factors, shared, strict=True)]


def scenario(
    name: str,
    *,
    days: int = 90,
    turns_on: int = 30,
    daily_units: float = 20.0,
    size: float | None = None,
    units_per_buyer: float = 4.0,
    price: float = 25.0,
    first_date: date | None = None,
    seed: int = 1,
) -> list[ScenarioDay]:
    """A story of `SCENARIOS`, day by day.

    `turns_on` is the day on which it turns (nothing turns in steady, noise and season). `size` replaces the story's
    own. With a `first_date` the market's weekdays and festivals come on top. Raises KeyError for an unknown name.
    """
    own_size, span = SCENARIOS[name]
    curve = Curve(name, turns_on + _BEFORE, own_size if size is None else size, span)
    random = seeded_random(seed, "scenario", name)
    length = _BEFORE + days
    means = _means(curve, daily_units, length, first_date, random)
    organic = running_total(means, random, 0.12)
    bulk = curve.bulk_units(daily_units)
    totals = [total + bulk * (age >= curve.day) for age, total in enumerate(organic)]

    def day(age: int) -> ScenarioDay:
        month_before = age - 30
        buyers = math.ceil((organic[age] - organic[month_before]) / units_per_buyer)
        return ScenarioDay(
            day=age - _BEFORE,
            mean=means[age],
            units=totals[age] - totals[age - 1],
            total_sold=totals[age],
            sold_30=totals[age] - totals[month_before],
            buyers_30=buyers + (bulk > 0 and month_before < curve.day <= age),
            price=round(price * curve.price_factor(age), 2),
        )

    return [day(age) for age in range(_BEFORE, length)]
