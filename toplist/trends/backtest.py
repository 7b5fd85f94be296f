"""How well the breakout picks came true, beside the simple scores that a sceptic would use instead.

Rolling origin: each day picks the k rows with the highest score, from what was known that day;
`toplist.trends.outcomes` says what came of them. Nothing is fitted on a day that lies after the day it is used on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from random import Random

from toplist.trends.bootstrap import Draws, Interval, interval, resamples
from toplist.trends.calibration import Calibration, Calibrator
from toplist.trends.outcomes import Day, Snapshots, label
from toplist.trends.replay import SCORES, ScoredRow
from toplist.trends.walk import WalkForward, scored_outcomes, walk, walk_random

RANDOM, BASELINE, CANDIDATE = "random", "sale_growth_per_day", "breakout_score"
#: Origins that a horizon needs: 10, and two of its lengths, so that there are blocks to draw from.
MIN_DAYS, MIN_BLOCKS = 10, 2
DRAWS = 500


@dataclass(frozen=True, slots=True)
class ScoreResult:
    """One row of the table; shares are of the picks. `brier`: of the score's own walk-forward probability."""

    name: str
    precision: Interval
    lift: Interval
    bottom_share: Interval
    vanished_share: Interval
    brier: Interval
    brier_base: Interval  # of the base rate, walked forward, on the same rows
    brier_gain: Interval  # brier_base - brier
    verdict: str


@dataclass(frozen=True, slots=True)
class HorizonResult:
    """One horizon. `paired`: precision of breakout minus that of last growth, on the same days and resamples."""

    horizon: int
    k: int
    origins: int
    needed: int
    rows: int
    unknown: int  # rows left out, as nothing tells what became of them
    base_rate: float | None
    scores: tuple[ScoreResult, ...]
    paired: Interval
    verdict: str

    @property
    def enough(self) -> bool:
        """Whether there is enough history to say anything."""
        return self.origins >= self.needed


def tolerance_of(horizon: int) -> int:
    """Days that an outcome may be read late, when the list was not complete on its day: a tenth of the horizon."""
    return max(1, horizon // 10)


def backtest(
    rows: Iterable[ScoredRow],
    snapshots: Snapshots,
    random: Random,
    horizons: Sequence[int] = (7, 30),
    k: int = 20,
) -> list[HorizonResult]:
    """Every horizon's table. `snapshots` by list id and date; `random` breaks ties and draws the resamples.

    `k` is cut to a tenth of a day's rows. From 30 days on, counts of 30-day windows compare disjoint windows.
    """
    kept = list(rows)
    return [_horizon(label(kept, snapshots, days, tolerance_of(days)), random, days, k) for days in horizons]


def calibrate(rows: Iterable[ScoredRow], snapshots: Snapshots, horizon: int = 7) -> Calibration | None:
    """What turns the next snapshot's `breakout_score` into a probability, from all outcomes there are; None if few."""
    calibrator = Calibrator()
    for day in label(rows, snapshots, horizon, tolerance_of(horizon)):
        calibrator.add_day(day.day, scored_outcomes(day, SCORES.index(CANDIDATE)))
    return calibrator.fit()


def _horizon(days: list[Day], random: Random, horizon: int, k: int) -> HorizonResult:
    needed = max(MIN_DAYS, MIN_BLOCKS * horizon)
    tallies = {RANDOM: walk_random(days, k)} | {name: walk(days, name, k, random) for name in SCORES}
    draws = resamples(len(days), horizon, DRAWS, random) if len(days) >= needed else []
    rows = sum(len(day.rows) for day in days)
    both = [(*one[:2], *other[:2]) for one, other in zip(tallies[CANDIDATE], tallies[BASELINE], strict=True)]
    paired = interval(both, _precision_difference, draws)
    return HorizonResult(
        horizon,
        k,
        len(days),
        needed,
        rows,
        sum(day.unknown for day in days),
        sum(sum(day.top) for day in days) / rows if rows else None,
        tuple(_score(name, tally, draws) for name, tally in tallies.items()),
        paired,
        _against("last growth", paired) if draws else _too_little(len(days), needed),
    )


def _score(name: str, tallies: Sequence[WalkForward], draws: Draws) -> ScoreResult:
    def of(figure: Callable[[WalkForward], float | None]) -> Interval:
        return interval(tallies, lambda sums: figure(WalkForward(*sums)), draws)

    lift = of(lambda sums: _ratio(sums.hits, sums.expected))
    gain = of(lambda sums: _ratio(sums.base_squared - sums.squared, sums.forecasts))
    return ScoreResult(
        name,
        of(lambda sums: _ratio(sums.hits, sums.picks)),
        lift,
        of(lambda sums: _ratio(sums.bottom, sums.picks)),
        of(lambda sums: _ratio(sums.vanished, sums.picks)),
        of(lambda sums: _ratio(sums.squared, sums.forecasts)),
        of(lambda sums: _ratio(sums.base_squared, sums.forecasts)),
        gain,
        _verdict(name, lift, gain),
    )


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _precision_difference(sums: Sequence[float]) -> float | None:
    picks, hits, other_picks, other_hits = sums
    return hits / picks - other_hits / other_picks if picks and other_picks else None


def _verdict(name: str, lift: Interval, gain: Interval) -> str:
    if name == RANDOM:
        return "the baseline"
    if lift.low is None:
        return "too little history"
    said = "better than random" if lift.low > 1 else "no better than random"
    if gain.low is None:
        return f"{said}; no probability yet"
    return said if gain.low > 0 else f"{said}; its probability is no better than the base rate"


def _against(baseline: str, difference: Interval) -> str:
    if difference.low is None or difference.high is None:
        return "too little history"
    if difference.low > 0:
        return f"breakout is better than {baseline}"
    return f"breakout is worse than {baseline}" if difference.high < 0 else f"breakout is no better than {baseline}"


def _too_little(origins: int, needed: int) -> str:
    return f"too little history: {origins} days with a known outcome, {needed} are needed"
