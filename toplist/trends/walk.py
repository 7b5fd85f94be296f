"""The rolling origin: what each day's picks came to, and how good the probabilities of the day were."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from heapq import nlargest
from math import inf
from random import Random
from typing import NamedTuple

from toplist.trends.calibration import Calibration, Calibrator
from toplist.trends.outcomes import Day
from toplist.trends.replay import SCORES


class WalkForward(NamedTuple):
    """One day of one score. Sums of days are tallies too, which is what the bootstrap adds up."""

    picks: float  # rows picked
    hits: float  # of those, in the top tenth
    expected: float  # hits that picking at random would have had
    bottom: float  # of the picks, in the bottom tenth
    vanished: float  # of the picks, gone
    forecasts: float = 0.0  # rows that had a probability
    squared: float = 0.0  # their squared errors
    base_squared: float = 0.0  # those of the base rate of the same moment


def picks_of(day: Day, k: int) -> int:
    """How many a day picks: k, but never more than a tenth of its rows."""
    return min(k, max(1, len(day.rows) // 10))


def walk_random(days: Sequence[Day], k: int) -> list[WalkForward]:
    """Picking at random, as its expectation: no luck in it."""
    tallies = []
    for day in days:
        picks, rows = picks_of(day, k), len(day.rows)
        gone = sum(growth is None for growth in day.growth)
        hits = picks * sum(day.top) / rows
        tallies.append(WalkForward(picks, hits, hits, picks * sum(day.bottom) / rows, picks * gone / rows))
    return tallies


def walk(days: Sequence[Day], score: str, k: int, random: Random) -> list[WalkForward]:
    """One tally a day, oldest first. A row without a score is picked last; ties are broken by `random`."""
    at = SCORES.index(score)
    return [
        _tally(day, [row.scores[at] for row in day.rows], picks_of(day, k), calibration, random)
        for day, calibration in calibrations(days, at)
    ]


def calibrations(days: Sequence[Day], at: int) -> Iterator[tuple[Day, Calibration | None]]:
    """Each day with the calibration that its morning had: of days whose outcomes were all read before it."""
    calibrator = Calibrator()
    waiting: deque[Day] = deque()
    fitted: Calibration | None = None
    for day in days:
        grown = False
        while waiting and waiting[0].known_on < day.day:
            past = waiting.popleft()
            calibrator.add_day(past.day, scored_outcomes(past, at))
            grown = True
        if grown:
            fitted = calibrator.fit()
        yield day, fitted
        waiting.append(day)


def scored_outcomes(day: Day, at: int) -> list[tuple[float, bool]]:
    """A day's scores that were not null, with their outcomes."""
    return [(score, top) for row, top in zip(day.rows, day.top, strict=True) if (score := row.scores[at]) is not None]


def _tally(
    day: Day, scores: Sequence[float | None], picks: int, calibration: Calibration | None, random: Random
) -> WalkForward:
    order = nlargest(
        picks, range(len(scores)), key=[(-inf if s is None else s, random.random()) for s in scores].__getitem__
    )
    forecasts = squared = base_squared = 0.0
    if calibration is not None:
        base = calibration.base_rate
        for score, top in zip(scores, day.top, strict=True):
            if score is not None:
                forecasts += 1
                squared += (calibration.probability(score) - top) ** 2
                base_squared += (base - top) ** 2
    return WalkForward(
        picks,
        sum(day.top[at] for at in order),
        picks * sum(day.top) / len(day.rows),
        sum(day.bottom[at] for at in order),
        sum(day.growth[at] is None for at in order),
        forecasts,
        squared,
        base_squared,
    )
