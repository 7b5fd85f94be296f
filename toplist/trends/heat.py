"""`heat_index`: how hot an offer is today, 0-100, against a reference that does not move.

A reference is quantiles with a version. It is frozen, so that 60 today and 60 next month mean the same. An installation
makes its own from its first 28 snapshot days; until then the one that ships with the package stands in.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from math import log1p
from typing import Any, Final

import numpy as np

from toplist.ranktypes import Protocol
from toplist.trends.panel import Floats

#: Parts and what each weighs. Sales carry it; growth and rank only order what sells alike.
WEIGHTS: Final[Mapping[str, float]] = {"sales": 0.45, "buyers": 0.2, "growth": 0.2, "rank": 0.15}
#: Without one of these there is no index: rank and growth alone say nothing of a level.
LEVELS: Final = ("sales", "buyers")

CURRENT: Final = "reference_v1.json"
#: Values of a part that quantiles need; a part that has fewer keeps those of the shipped reference.
MIN_VALUES: Final = 200


@dataclass(frozen=True, slots=True)
class Reference:
    """Quantiles per part: a share `shares[i]` of rows is at most as hot as `knots[part][i]`, scaled by `_scaled`."""

    version: str
    made_from: str
    shares: tuple[float, ...]
    knots: Mapping[str, tuple[float, ...]]

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Reference:
        """From plain values, as the package's file and the database hold them: knots are not scaled there."""
        knots = {key: tuple(_scaled(key, knot) for knot in values) for key, values in data["knots"].items()}
        return cls(data["version"], data["made_from"], tuple(data["shares"]), knots)

    @property
    def described(self) -> str:
        """For people: which one it is."""
        return f"reference {self.version}, from {self.made_from}"

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


def make_reference(
    values: Mapping[str, Floats], protocol: Protocol, version: str, made_from: str
) -> dict[str, Any] | None:
    """An own reference as plain values, from the parts of many rows; None where neither sales nor buyers are enough.

    `values`: each part's, without NaN.
    """
    shipped = _shipped(protocol, CURRENT)
    own = [part for part in WEIGHTS if len(values[part]) >= MIN_VALUES]
    if not any(part in own for part in LEVELS):
        return None
    knots = {part: make_knots(part, values[part], shipped["shares"]) for part in own}
    return {
        "version": version,
        "made_from": made_from,
        "shares": shipped["shares"],
        "knots": {part: knots.get(part, shipped["knots"][part]) for part in WEIGHTS},
    }


def make_knots(part: str, values: Floats, shares: Sequence[float]) -> list[float]:
    """A part's quantiles at the shares, coolest first: the lowest rank is the hottest."""
    at = 1 - np.array(shares) if part == "rank" else np.array(shares)
    found: list[float] = np.round(np.quantile(values, at), 6).tolist()
    return found


@cache
def load_reference(protocol: Protocol, name: str = CURRENT) -> Reference:
    """The reference of a protocol that ships with the package."""
    return Reference.of(_shipped(protocol, name))


def _shipped(protocol: Protocol, name: str) -> dict[str, Any]:
    """From the package's own data (an egg will do)."""
    data = json.loads(files("toplist.trends").joinpath(name).read_text("utf-8"))
    return {"version": data["version"], "shares": data["shares"], **data["protocols"][protocol.value]}
