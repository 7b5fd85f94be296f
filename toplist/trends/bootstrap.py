"""Intervals for means over days that are not independent: the circular block bootstrap (Politis and Romano 1992)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import NamedTuple

Tallies = Sequence[tuple[float, ...]]
Draws = Sequence[Sequence[int]]


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


def block_starts(days: int, block: int, random: Random) -> list[int]:
    """Indices of one resample: whole blocks of neighbouring days, round the end, cut to the length of the original."""
    picked: list[int] = []
    while len(picked) < days:
        start = random.randrange(days)
        picked.extend((start + step) % days for step in range(block))
    return picked[:days]


def resamples(days: int, block: int, times: int, random: Random) -> list[list[int]]:
    """The resamples that every figure of one report shares, so that differences are paired."""
    return [block_starts(days, block, random) for _ in range(times)]


def interval(tallies: Tallies, figure: Callable[[Sequence[float]], float | None], draws: Draws) -> Interval:
    """A figure of summed tallies (one tuple a day), with the 2.5 and 97.5 percentiles over the resamples."""
    if not tallies:
        return Interval(None, None, None)
    value = figure(_sums(tallies))
    drawn = (figure(_sums([tallies[at] for at in draw])) for draw in draws)
    found = sorted(each for each in drawn if each is not None)
    if value is None or len(found) < 2:
        return Interval(value, None, None)
    return Interval(value, found[int(0.025 * (len(found) - 1))], found[-1 - int(0.025 * (len(found) - 1))])


def _sums(tallies: Tallies) -> list[float]:
    return [sum(column) for column in zip(*tallies, strict=True)]
