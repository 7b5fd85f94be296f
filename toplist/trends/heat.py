"""`heat_index`: how hot an offer is today, 0-100, against a reference that does not move.

The reference is a file of quantiles with a version. It is frozen, so that 60 today and 60 next month mean the same; a
new one gets a new version, which every index carries.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from math import log1p
from typing import Final

from toplist.ranktypes import Protocol

#: Parts and what each weighs. Sales carry it; growth and rank only order what sells alike.
WEIGHTS: Final[Mapping[str, float]] = {"sales": 0.45, "buyers": 0.2, "growth": 0.2, "rank": 0.15}
#: Without one of these there is no index: rank and growth alone say nothing of a level.
LEVELS: Final = ("sales", "buyers")

CURRENT: Final = "reference_v1.json"


@dataclass(frozen=True, slots=True)
class Reference:
    """Quantiles per part: a share `shares[i]` of rows is at most as hot as `knots[part][i]`, scaled by `_scaled`."""

    version: str
    made_from: str
    shares: tuple[float, ...]
    knots: Mapping[str, tuple[float, ...]]

    def quantile(self, part: str, value: float) -> float:
        """0-1, never falling in `value`; linear between knots, 0 below the first and 1 above the last."""
        knots = self.knots[part]
        if value <= knots[0]:
            return 0.0
        if value >= knots[-1]:
            return 1.0
        at = bisect_right(knots, value)
        low, high = knots[at - 1], knots[at]
        share = self.shares[at - 1] + (self.shares[at] - self.shares[at - 1]) * (value - low) / (high - low)
        return min(share, self.shares[at])


@dataclass(frozen=True, slots=True)
class Heat:
    """`value` 0-100, None without a level. `parts` are those that were known, in the order of `WEIGHTS`."""

    value: float | None
    parts: tuple[str, ...]
    version: str


def heat_index(
    reference: Reference,
    *,
    sale_count: int | None,
    buyer_count: int | None,
    growth_per_day: float | None,
    rank: int | None,
) -> Heat:
    """Weighted mean of the parts' quantiles, times 100; a missing part's weight goes to the others.

    Never falls when sales, buyers or growth rise or the rank gets better. Source: docs/metrics.md.
    """
    values: dict[str, float | None] = {
        "sales": sale_count,
        "buyers": buyer_count,
        "growth": growth_per_day,
        "rank": rank,
    }
    known = {part: _scaled(part, value) for part in WEIGHTS if (value := values[part]) is not None}
    if not any(part in known for part in LEVELS):
        return Heat(None, tuple(known), reference.version)
    weight = sum(WEIGHTS[part] for part in known)
    total = sum(WEIGHTS[part] * reference.quantile(part, value) for part, value in known.items())
    return Heat(round(min(100.0, 100 * total / weight), 2), tuple(known), reference.version)


def _scaled(part: str, value: float) -> float:
    """Where quantiles are linear: counts in logarithms, ranks too and turned round, growth as it is."""
    if part == "growth":
        return value
    return -log1p(value) if part == "rank" else log1p(value)


def make_knots(values: Iterable[float], shares: Sequence[float]) -> tuple[float, ...]:
    """Quantiles of values at the shares, linear between neighbours: one part of a new reference. Not empty."""
    ordered = sorted(values)
    knots = []
    for share in shares:
        place = share * (len(ordered) - 1)
        low = int(place)
        high = min(low + 1, len(ordered) - 1)
        knots.append(ordered[low] + (ordered[high] - ordered[low]) * (place - low))
    return tuple(knots)


@cache
def load_reference(protocol: Protocol, name: str = CURRENT) -> Reference:
    """The frozen reference of a protocol, from the package's own data (an egg will do)."""
    data = json.loads(files("toplist.trends").joinpath(name).read_text("utf-8"))
    part = data["protocols"][protocol.value]
    knots = {key: tuple(_scaled(key, knot) for knot in values) for key, values in part["knots"].items()}
    return Reference(data["version"], part["made_from"], tuple(data["shares"]), knots)
