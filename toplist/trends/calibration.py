"""From a breakout score to a probability, learnt from the user's own past only.

Scores are put in bins by their quantiles; each bin's share of hits is shrunk towards the base rate and then made
non-decreasing (isotonic regression by pooling adjacent violators), as a better score must not promise less.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

#: What a calibration needs before it says anything.
MIN_DATES, MIN_ROWS, MIN_HITS = 7, 500, 30
#: Rows of the base rate that are added to each bin: a bin of few rows says little.
SHRINKAGE = 20.0
BINS = 20


@dataclass(frozen=True, slots=True)
class Calibration:
    """`probabilities[i]` holds for scores from `edges[i - 1]` up to `edges[i]`; `base_rate` is the share of hits."""

    edges: tuple[float, ...]
    probabilities: tuple[float, ...]
    base_rate: float
    rows: int
    dates: int
    last_date: date  # the last day whose outcome was used

    def probability(self, score: float) -> float:
        """0-1, never falling in the score."""
        return self.probabilities[bisect_right(self.edges, score)]

    def to_json(self) -> dict[str, Any]:
        """Plain values, for a column of the database."""
        return {**asdict(self), "last_date": self.last_date.isoformat()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Calibration:
        """What `to_json` gave."""
        return cls(
            tuple(data["edges"]),
            tuple(data["probabilities"]),
            data["base_rate"],
            data["rows"],
            data["dates"],
            date.fromisoformat(data["last_date"]),
        )


class Calibrator:
    """Collects scores and outcomes day by day; `fit` looks only at what was added."""

    def __init__(self, bins: int = BINS) -> None:
        self._bins = bins
        self._edges: tuple[float, ...] | None = None
        self._rows: list[int] = []
        self._hits: list[int] = []
        self._dates = 0
        self._last: date | None = None

    def add_day(self, day: date, scored: Iterable[tuple[float, bool]]) -> None:
        """One day's scores with their outcomes, in the order of days. The first day sets the bins' edges."""
        pairs = list(scored)
        if not pairs:
            return
        if self._edges is None:
            self._edges = _edges(sorted(score for score, _ in pairs), self._bins)
            self._rows = [0] * (len(self._edges) + 1)
            self._hits = [0] * (len(self._edges) + 1)
        for score, hit in pairs:
            at = bisect_right(self._edges, score)
            self._rows[at] += 1
            self._hits[at] += hit
        self._dates += 1
        self._last = day

    def fit(self) -> Calibration | None:
        """The calibration so far; None until there are 7 days, 500 rows and 30 hits."""
        rows, hits = sum(self._rows), sum(self._hits)
        if self._edges is None or self._last is None:
            return None
        if self._dates < MIN_DATES or rows < MIN_ROWS or hits < MIN_HITS:
            return None
        base = hits / rows
        shrunk = [(h + SHRINKAGE * base) / (n + SHRINKAGE) for n, h in zip(self._rows, self._hits, strict=True)]
        weights = [n + SHRINKAGE for n in self._rows]
        return Calibration(self._edges, isotonic(shrunk, weights), base, rows, self._dates, self._last)


def _edges(ordered: Sequence[float], bins: int) -> tuple[float, ...]:
    """Distinct quantiles, finer at the top, where the picks are."""
    shares = [i / bins for i in range(1, bins)] + [0.98, 0.99]
    return tuple(sorted({ordered[int(share * (len(ordered) - 1))] for share in shares}))


def isotonic(values: Sequence[float], weights: Sequence[float]) -> tuple[float, ...]:
    """The non-decreasing sequence nearest to `values` in weighted least squares (pool adjacent violators)."""
    blocks: list[tuple[float, float, int]] = []  # mean, weight, length
    for value, weight in zip(values, weights, strict=True):
        mean, total, length = value, weight, 1
        while blocks and blocks[-1][0] >= mean:
            other_mean, other_total, other_length = blocks.pop()
            mean = (mean * total + other_mean * other_total) / (total + other_total)
            total, length = total + other_total, length + other_length
        blocks.append((mean, total, length))
    return tuple(mean for mean, _, length in blocks for _ in range(length))
