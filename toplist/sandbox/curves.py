"""How sales move: seeded random numbers, weekdays and festivals of the market, and the course of one offer's sales.

A curve is a list of factors, one per day of an offer's life, for the offer's base rate. Two archetypes do more than
that: a bulk order (`bulk`) adds one buyer with many units, and a price cut (`cut`) changes the price.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from hashlib import blake2b
from itertools import accumulate
from random import Random

#: The days that have a market factor: `clocks.FIRST_DATE` to `LAST_DATE`, and a year more on both sides for the lives
#: of the offers.
_FIRST_DAY = date(2020, 1, 1).toordinal()
_END_DAY = date(2041, 1, 1).toordinal()

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


def seeded_number(*parts: object) -> int:
    """64 bits that depend on the parts only."""
    return int.from_bytes(blake2b(":".join(map(str, parts)).encode(), digest_size=8).digest())


def seeded_random(*parts: object) -> Random:
    """A random generator that depends on the parts only."""
    return Random(seeded_number(*parts))


def market_factors(first_ordinal: int, days: int) -> list[float]:
    """The market's factor for each of `days` days, the first one's date given as an ordinal."""
    start = first_ordinal - _FIRST_DAY
    return _market_factors()[start : start + days]


@cache
def _market_factors() -> list[float]:
    return [_market_factor(ordinal) for ordinal in range(_FIRST_DAY, _END_DAY)]


def _market_factor(ordinal: int) -> float:
    day = date.fromordinal(ordinal)
    factor = _WEEKDAYS[day.weekday()]
    for month, first, last, strength in _FESTIVALS:
        if day.month == month and first <= day.day <= last:
            factor *= strength
    return factor


#: Name → share of a market's offers, in percent.
ARCHETYPES = {
    "steady": 30,
    "noise": 12,
    "ramp": 12,
    "step": 10,
    "surge": 6,
    "spike": 9,
    "fall": 9,
    "season": 6,
    "bulk": 3,
    "cut": 3,
}


@dataclass(frozen=True, slots=True)
class Curve:
    """What happens to the sales (`archetype`), on which day of the life (`day`), how strongly, and for how long.

    `size` is the final factor (`step`, `ramp`, `surge`, `fall`, `cut`), the height above 1 of a `spike`, the amplitude
    of a `season`, or the bulk order's size in days of normal sales (`bulk`).
    """

    archetype: str
    day: int
    size: float
    span: int

    def factors(self, days: int, first_ordinal: int, random: Random) -> list[float]:
        """One factor for each of `days` days; `first_ordinal` is the first one's date."""
        day, size, span = self.day, self.size, self.span
        match self.archetype:
            case "step" | "cut":
                return [1.0] * min(day, days) + [size] * max(0, days - day)
            case "ramp" | "fall":
                return [1 + (size - 1) * min(max((age - day + 1) / span, 0.0), 1.0) for age in range(days)]
            case "surge":
                middle, rate = day + span / 2, 8 / span
                return [1 + (size - 1) / (1 + math.exp(-(age - middle) * rate)) for age in range(days)]
            case "spike":
                return [1 + size * math.exp((day - age) / span) if age >= day else 1.0 for age in range(days)]
            case "season":
                turn = 2 * math.pi / 365.25
                return [1 + size * math.sin((first_ordinal + age + span) * turn) for age in range(days)]
            case "noise":
                return _wander(days, size, random)
            case _:  # steady, and a bulk order, which is added to steady sales
                return [1.0] * days

    def price_factor(self, age: int) -> float:
        """The factor of the price; below 1 after a price cut."""
        return 0.75 if self.archetype == "cut" and age >= self.day else 1.0

    def bulk_units(self, base: float) -> int:
        """Units of the one big order, bought by one buyer on `day`; 0 for other archetypes."""
        return round(base * self.size) if self.archetype == "bulk" else 0


def _wander(days: int, size: float, random: Random) -> list[float]:
    """Random weekly levels around 1."""
    levels = [math.exp(random.gauss(0, size)) for _ in range(days // 7 + 1)]
    return [levels[age // 7] for age in range(days)]


def draw_curve(random: Random, life: int, archetype: str | None = None) -> Curve:
    """A curve for an offer that lives `life` days; without an archetype, one is drawn by its share."""
    name = archetype or random.choices(list(ARCHETYPES), list(ARCHETYPES.values()))[0]
    day = random.randint(min(10, life // 4), max(life // 4, life * 3 // 4))
    low, high, span = {
        "step": (1.7, 3.5, 1),
        "ramp": (2.0, 5.0, random.randint(10, 40)),
        "surge": (4.0, 12.0, random.randint(8, 24)),
        "spike": (2.0, 8.0, random.randint(2, 6)),
        "fall": (0.1, 0.5, random.randint(5, 30)),
        "season": (0.3, 0.7, random.randint(0, 365)),
        "bulk": (15.0, 40.0, 1),
        "cut": (1.3, 1.9, 1),
        "noise": (0.35, 0.7, 7),
    }.get(name, (1.0, 1.0, 1))
    return Curve(name, day, random.uniform(low, high), span)


def running_total(means: Sequence[float], random: Random, spread: float) -> array[int]:
    """Units sold up to and with each day, drawn around the daily means.

    `spread` is a relative deviation, added to the one that small counts have (1/√mean). The total never falls.
    """
    typical = max(sum(means) / max(len(means), 1), 0.05)
    # Two uniform draws less 1 deviate by 0.41; the cap keeps every factor above 0.
    width = min(0.98, math.sqrt(spread * spread + 1 / typical) / 0.41)
    low, draw_one = 1 - width, random.random
    # A random number added before the fraction is cut off rounds without bias: 0.3 a day is a sale on 3 of 10 days.
    units = [int(mean * (low + width * (draw_one() + draw_one())) + draw_one()) for mean in means]
    return array("i", accumulate(units))
