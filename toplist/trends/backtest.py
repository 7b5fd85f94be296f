"""How well the breakout picks came true, beside the simple scores that a sceptic would use instead.

Each day picks the k rows with the highest score, from what was known that day; `toplist.trends.outcomes` says what came
of them. A history of any size is judged some lists at a time: of each row its growth and its probability are kept.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np

from toplist.trends.bootstrap import Interval, interval, resamples
from toplist.trends.calibration import BINS, Bin, bins_of, probability, sums_of_bins, worst_bin
from toplist.trends.coverage import Coverage
from toplist.trends.features import FLAGS, RANKED, Features, compute_features, hand_score
from toplist.trends.model import Model
from toplist.trends.outcomes import borders, outcomes
from toplist.trends.panel import Bools, Floats, Ints, Panel, SnapshotColumns
from toplist.trends.walk_forward import model_on

RANDOM, BASELINE, CANDIDATE, FLAG = "random", "sale_growth_per_day", "breakout_score", "is_breakout"
#: The simple scores, by name, and the feature that each is.
SIMPLE: Final = {"level": "log_count", "volatility": "volatility", BASELINE: "last_growth"}
SCORES: Final = ("level", "trend_score", "volatility", "hand_score", BASELINE, CANDIDATE)
#: Origins that a horizon needs: 10, and two of its lengths, so that there are blocks to draw from.
MIN_DAYS, MIN_BLOCKS = 10, 2


class ScoreResult(NamedTuple):
    """One row of the table; shares are of the picks."""

    name: str
    picks: int
    precision: Interval
    lift: Interval
    bottom_share: Interval
    vanished_share: Interval


@dataclass(frozen=True, slots=True)
class HorizonResult:
    """One horizon. `paired`: precision of breakout minus that of last growth, on the same days and resamples."""

    horizon: int
    k: int | None
    origins: int
    needed: int
    rows: int
    unknown: int
    base_rate: float | None
    scores: tuple[ScoreResult, ...]
    paired: Interval
    model_days: int  # days on which a model was trusted; the others used the score by hand
    probability_days: int  # those of them on which its probability was given
    brier_skill: Interval
    reliability: tuple[Bin, ...]
    picks_per_day: float = 0.0

    @property
    def enough(self) -> bool:
        """Whether there is enough history to say anything."""
        return self.origins >= self.needed

    @property
    def worst_bin(self) -> Bin | None:
        """Of the tenths of the probabilities with enough rows, the one that was furthest off."""
        return worst_bin(self.reliability)

    def named(self, name: str) -> ScoreResult:
        """The row of one score."""
        return next(score for score in self.scores if score.name == name)


@dataclass(slots=True)
class _Day:
    """What is kept of a day: each known row's growth and probability, and the candidates of each score."""

    growth: list[np.typing.NDArray[np.float32]] = field(default_factory=list)
    chance: list[np.typing.NDArray[np.float16]] = field(default_factory=list)
    best: dict[str, Floats] = field(default_factory=dict)  # score, growth
    flagged: list[Floats] = field(default_factory=list)
    unknown: int = 0
    is_modelled: bool = False


class Backtest:
    """One horizon's judge: give it lists with `add`, then ask for the `result`. `k`: None is a row in twenty."""

    def __init__(
        self,
        horizon: int,
        coverage: Coverage,
        models: Sequence[Model],
        k: int | None = 20,
        seed: int = 1688,
        since: int = 0,
    ):
        self.horizon, self.k, self._coverage, self._models = horizon, k, coverage, models
        self._days: dict[int, _Day] = defaultdict(_Day)
        self._random = np.random.default_rng(seed)
        self._since = since

    def add(self, panel: Panel, snapshots: SnapshotColumns, features: Features | None = None) -> None:
        """Judge some lists, whole. Ties between scores are broken at random."""
        features = compute_features(panel) if features is None else features
        found = outcomes(panel, snapshots, self.horizon)
        scores = {name: features[feature] for name, feature in SIMPLE.items()}
        scores["hand_score"] = hand_score(features, self._coverage)
        if not np.isnan(panel.trend_score).all():
            scores["trend_score"] = panel.trend_score
        order = self._random.permutation(len(panel))
        order = order[np.argsort(panel.day[order], kind="stable")]
        for rows in np.split(order, np.flatnonzero(np.diff(panel.day[order])) + 1):
            if len(rows) and panel.day[rows[0]] >= self._since:
                self._add_day(int(panel.day[rows[0]]), rows, found.growth, found.is_known, scores, features)

    def _add_day(
        self, day: int, rows: Ints, growth: Floats, is_known: Bools, scores: dict[str, Floats], features: Features
    ) -> None:
        kept = self._days[day]
        known = rows[is_known[rows]]
        kept.unknown += len(rows) - len(known)
        model = model_on(self._models, day)
        shipped, chances = scores["hand_score"][known], np.full(len(known), np.nan)
        if model is not None:
            shipped = model.logits({name: features[name][known] for name in (*RANKED, *FLAGS)})
            said = probability(shipped)
            chances = said if model.is_calibrated else chances
            kept.is_modelled = True
            if model.threshold is not None:
                kept.flagged.append(growth[known[said >= model.threshold]])
        kept.growth.append(growth[known].astype(np.float32))
        kept.chance.append(chances.astype(np.float16))
        most = self.k or len(known) // 20 + 1
        for name, score in (*((name, values[known]) for name, values in scores.items()), (CANDIDATE, shipped)):
            best = np.stack((np.nan_to_num(score, nan=-np.inf), growth[known]), axis=1)
            if name in kept.best:
                best = np.concatenate((kept.best[name], best))
            if len(best) > most:
                best = best[np.argpartition(-best[:, 0], most - 1)[:most]] if self.k else best
            kept.best[name] = best

    def result(self) -> HorizonResult:
        """The table's figures, with intervals from blocks of as many days as the horizon has."""
        judged = [each for day in sorted(self._days) if (each := _judge(self._days[day], self.k)) is not None]
        needed = max(MIN_DAYS, MIN_BLOCKS * self.horizon)
        enough = len(judged) >= needed
        draws = resamples(len(judged) if enough else 0, self.horizon, self._random)
        names = [name for name in (RANDOM, *SCORES, FLAG) if all(name in each.tallies for each in judged)]
        tallies = {name: np.array([each.tallies[name] for each in judged]) for name in names}
        rows, hits = sum(each.rows for each in judged), sum(each.hits for each in judged)
        both = np.concatenate((tallies[CANDIDATE], tallies[BASELINE]), axis=1) if judged else np.empty((0, 10))
        modelled = np.array([each.brier for each in judged]) if judged else np.empty((0, 2))
        bins = sum((each.bins for each in judged), np.zeros((3, BINS)))
        return HorizonResult(
            self.horizon,
            self.k,
            len(judged),
            needed,
            rows,
            sum(each.unknown for each in self._days.values()),
            hits / rows if rows else None,
            tuple(_score(name, tally, draws) for name, tally in tallies.items()),
            interval(both, lambda sums: sums[..., 1] / sums[..., 0] - sums[..., 6] / sums[..., 5], draws),
            sum(each.is_modelled for each in judged),
            int((modelled[:, 1] > 0).sum()),
            interval(modelled, lambda sums: 1 - sums[..., 0] / sums[..., 1], draws),
            bins_of(bins),
            float(tallies[CANDIDATE][:, 0].mean()) if judged else 0.0,
        )


class _Judged(NamedTuple):
    """One day: tallies (picks, hits, expected hits, bottom, vanished) by score, and what its probabilities came to."""

    tallies: dict[str, Floats]
    rows: int
    hits: int
    brier: Floats  # squared errors of the probabilities, and of the day's base rate
    bins: Floats  # of `sums_of_bins`
    is_modelled: bool


def _judge(day: _Day, k: int | None) -> _Judged | None:
    growth = np.concatenate(day.growth) if day.growth else np.empty(0, np.float32)
    edges = borders(growth.astype(np.float64))
    if edges is None:
        return None
    top = growth > edges[0]
    rows, share = len(growth), float(top.mean())
    picks = max(1, rows // 20) if k is None else min(k, max(1, rows // 10))

    def tally(picked: Floats) -> Floats:
        # growths are kept in 32 bits, and so are the borders
        got = picked.astype(np.float32)
        return np.array(
            [len(got), (got > edges[0]).sum(), len(got) * share, (got < edges[1]).sum(), np.isnan(got).sum()]
        )

    by_score = {name: tally(best[np.argsort(-best[:, 0], kind="stable")[:picks], 1]) for name, best in day.best.items()}
    by_score[RANDOM] = picks * np.array([1, share, share, (growth < edges[1]).mean(), np.isnan(growth).mean()])
    by_score[FLAG] = tally(np.concatenate(day.flagged) if day.flagged else np.empty(0))
    chance = np.concatenate(day.chance).astype(np.float64)
    said = ~np.isnan(chance)
    brier = np.array([((chance - top)[said] ** 2).sum(), ((share - top)[said] ** 2).sum()])
    return _Judged(by_score, rows, int(top.sum()), brier, sums_of_bins(chance[said], top[said]), day.is_modelled)


def _score(name: str, tallies: Floats, draws: Ints) -> ScoreResult:
    tallies = tallies if len(tallies) else np.empty((0, 5))

    def of(part: int, whole: int) -> Interval:
        figure: Callable[[Floats], Floats] = lambda sums: sums[..., part] / sums[..., whole]  # noqa: E731
        return interval(tallies, figure, draws)

    return ScoreResult(name, int(tallies[:, 0].sum()), of(1, 0), of(1, 2), of(3, 0), of(4, 0))
