"""Whether probabilities mean what they say: of the rows that got about 0.3, about 0.3 must come true."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np

from toplist.trends.panel import Bools, Floats

BINS: Final = 10
#: Rows of a tenth of the probabilities before it shows how far they are off.
MIN_BIN: Final = 500
#: Probabilities that were further off than this are not given.
MAX_OFF: Final = 0.05


class Bin(NamedTuple):
    """A tenth of the probabilities: rows, their mean probability, the share that came true."""

    rows: int
    said: float
    came: float

    @property
    def off(self) -> float:
        """By how much too much was promised; negative: too little."""
        return self.said - self.came


def probability(logits: Floats) -> Floats:
    """0-1."""
    found: Floats = 1 / (1 + np.exp(-np.clip(logits, -30, 30)))
    return found


def sums_of_bins(chances: Floats, top: Bools) -> Floats:
    """Rows, sum of probabilities and hits (in rows) of each tenth of the probabilities (in columns)."""
    place = np.minimum((chances * BINS).astype(np.int64), BINS - 1)
    return np.stack([np.bincount(place, each, BINS) for each in (np.ones(len(chances)), chances, top)])


def bins_of(sums: Floats) -> tuple[Bin, ...]:
    """The tenths, from what `sums_of_bins` gave, or the sum of several of these."""
    return tuple(Bin(int(n), said / n, came / n) if n else Bin(0, 0.0, 0.0) for n, said, came in sums.T.tolist())


def worst_bin(bins: Iterable[Bin]) -> Bin | None:
    """Of the tenths with enough rows, the one that was furthest off."""
    return max((each for each in bins if each.rows >= MIN_BIN), key=lambda each: abs(each.off), default=None)


def level_shift(logits: Floats, share: float) -> float:
    """What must be added to logits so that the mean of their probabilities is a share: Newton's method."""
    shift = 0.0
    for _ in range(50):
        chances = probability(logits + shift)
        step = float((chances.mean() - share) / (chances * (1 - chances)).mean())
        shift -= min(max(step, -1.0), 1.0)
        if abs(step) < 1e-9:
            break
    return shift
