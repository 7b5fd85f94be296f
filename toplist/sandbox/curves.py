"""How an offer's sales move over its life, as shapes with known truth.

A curve is a list of factors, one for each day of a life, that the offer's base rate is multiplied by; a bulk order
and a price cut are told apart from it, because what they do to buyers and prices is their point.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from random import Random

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
    """One story: what happens (`archetype`), on which day of the life (`day`), how strongly, for how long.

    `size` is the factor that sales end at (`step`, `ramp`, `surge`, `fall`), the height above 1 of a `spike`, the
    amplitude of a `season`, the orders' size in days of normal sales (`bulk`) or what sales rise to (`cut`).
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
            case _:  # steady; and a bulk order, which comes on top of steady sales
                return [1.0] * days

    def price_factor(self, age: int) -> float:
        """What a price cut leaves of the price."""
        return 0.75 if self.archetype == "cut" and age >= self.day else 1.0

    def bulk_units(self, base: float) -> int:
        """Units of the one big order, bought by one buyer on `day`; 0 in the other stories."""
        return round(base * self.size) if self.archetype == "bulk" else 0


def _wander(days: int, size: float, random: Random) -> list[float]:
    """Levels that change every week for no reason and come back to 1."""
    levels = [math.exp(random.gauss(0, size)) for _ in range(days // 7 + 1)]
    return [levels[age // 7] for age in range(days)]


def draw(random: Random, life: int, archetype: str | None = None) -> Curve:
    """A story for an offer that lives `life` days; of the given archetype, or of any by its share."""
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

    `spread` is the relative deviation beside the one that small counts have by themselves (1/√mean). Never falls.
    """
    typical = max(sum(means) / max(len(means), 1), 0.05)
    # Two uniform draws less 1 deviate by 0.41; the cap keeps every factor above 0.
    width = min(0.98, math.sqrt(spread * spread + 1 / typical) / 0.41)
    low, draw_one = 1 - width, random.random
    # Adding a draw before the fraction is cut off rounds without bias: 0.3 a day is a sale on 3 days of 10.
    units = [int(mean * (low + width * (draw_one() + draw_one())) + draw_one()) for mean in means]
    return array("i", accumulate(units))
