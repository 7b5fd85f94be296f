"""Intervals for figures of days that are not independent: the circular block bootstrap (Politis and Romano 1992)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from toplist.trends.panel import Floats, Ints

DRAWS = 500


class Interval(NamedTuple):
    """A figure with its 95 % interval. None: not to be had."""

    value: float | None
    low: float | None
    high: float | None

    def __str__(self) -> str:
        if self.value is None:
            return "-"
        if self.low is None or self.high is None:
            return f"{self.value:.3f}"
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def resamples(days: int, block: int, random: np.random.Generator, times: int = DRAWS) -> Ints:
    """Indices of days, a row a resample: whole blocks of neighbouring days, round the end, cut to the original length.

    One set is shared by every figure of a report, so that differences are paired.
    """
    blocks = -(-days // block) if days else 0
    starts = random.integers(0, max(days, 1), (times, blocks, 1))
    return ((starts + np.arange(block)) % max(days, 1)).reshape(times, -1)[:, :days]


def interval(tallies: Floats, figure: Callable[[Floats], Floats], draws: Ints) -> Interval:
    """A figure of summed tallies (days in rows), with the 2.5 and 97.5 percentiles over the resamples.

    `figure` gets sums with the tallies' columns last, and gives NaN where there is none.
    """
    if not len(tallies):
        return Interval(None, None, None)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(figure(tallies.sum(axis=0)))
        drawn = figure(tallies[draws].sum(axis=1)) if draws.size else np.array([])
    drawn = drawn[np.isfinite(drawn)]
    if not np.isfinite(value):
        return Interval(None, None, None)
    if len(drawn) < 2:
        return Interval(value, None, None)
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Interval(value, float(low), float(high))
