"""The model refitted every week on what was known by then, levelled every day, and judged on the week that followed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np

from toplist.trends.bootstrap import interval, resamples
from toplist.trends.calibration import bins_of, level_shift, probability, sums_of_bins, worst_bin
from toplist.trends.coverage import Coverage
from toplist.trends.features import Features
from toplist.trends.model import (
    RIDGE,
    Model,
    Record,
    constants,
    corrected,
    design,
    fit_curve,
    quantiles_of,
    ridge_logistic,
)
from toplist.trends.outcomes import Outcomes, top_tenth
from toplist.trends.panel import Bools, Floats, Ints

#: Days between two fits, days of outcomes that one learns from, days that quantiles are taken from.
STEP, SPAN, QUANTILE_DAYS = 7, 120, 28
#: Days of predictions that a record looks at, and those that its calibration does: as many as a refit can make.
RECORD_DAYS: Final = 90
CALIBRATION_DAYS: Final = SPAN + RECORD_DAYS // 2
#: Days of predictions, with their outcomes known, that a correction learns from, by horizon.
CURVE_DAYS: Final = {7: 45, 30: 90}
#: Days, up to the one before, whose mean probability is made the base rate.
LEVEL_DAYS: Final = 3
#: The most rows that a fit looks at, drawn at random: enough for 18 weights.
MAX_ROWS: Final = 60_000
#: What a fit and a record need before they say anything.
MIN_DAYS, MIN_ROWS, MIN_HITS = 7, 500, 30
#: Days of an installation before a model may replace the score by hand.
MIN_HISTORY: Final = 28
#: A flagged row comes true this many times as often as any row, and a threshold needs this many rows to show it.
FLAG_LIFT, MIN_FLAGGED = 3.0, 50
_SEED = 1688


@dataclass(frozen=True)
class Labeled:
    """Rows in any order, with what came of them. `top`: in the top tenth, where `is_known`."""

    features: Features
    day: Ints
    known_on: Ints
    is_known: Bools
    top: Bools

    @classmethod
    def of(cls, features: Features, day: Ints, found: Outcomes) -> Labeled:
        top, is_known = top_tenth(day, found)
        return cls(features, day, found.known_on, is_known, top)

    @cached_property
    def counted(self) -> Bools:
        """The rows that have a count, and so a score."""
        return ~np.isnan(self.features["log_count"])

    @cached_property
    def counted_days(self) -> Ints:
        """The days that have such a row, ascending."""
        return np.unique(self.day[self.counted])

    def picked(self, rows: Ints) -> Features:
        """The features of some rows."""
        return {name: values[rows] for name, values in self.features.items()}


def walk_forward(
    rows: Labeled,
    coverage: Coverage,
    horizon: int,
    until: int,
    *,
    since: int | None = None,
    prior: Sequence[float] | None = None,
) -> list[Model]:
    """A model for each day from `since` (the first day that has a week of outcomes) to the day `until`, included.

    Each knows only what had been read before its `fitted_on`; so the last one is what a crawl on `until` may use.
    Weights and correction are those of the week, the level is that of the day: the market moves faster than what
    predicts.
    `prior`: the weights to lean on, by default those that ship with the package.
    """
    if not len(rows.day):
        return []
    random = np.random.default_rng(_SEED)
    first = int(rows.day.min())
    begin = max(first + MIN_DAYS + horizon, first if since is None else since)
    given = np.array(constants(coverage, horizon) if prior is None else prior)
    raw = np.full(len(rows.day), np.nan)
    final = np.full(len(rows.day), np.nan)
    models: list[Model] = []
    for starts in range(until - (until - begin) // STEP * STEP, until + 1, STEP):
        model = _fit(rows, coverage, horizon, starts, given, random)
        if model is None:
            continue
        past = _judged(rows, raw, starts, CURVE_DAYS[horizon] + horizon)
        if past.size:
            model = replace(model, curve=fit_curve(raw[past], rows.top[past]))
        if starts - first >= MIN_HISTORY:
            model = model.with_record(_record(rows, final, starts, horizon))
        for levelled, of_day, logits in _levelled(rows, model, min(starts + STEP - 1, until)):
            models.append(levelled)
            raw[of_day] = logits
            final[of_day] = probability(corrected(logits, model.curve))
    return models


def model_on(models: Sequence[Model], day: int) -> Model | None:
    """The newest model that had been fitted by a day, if its record allows to use it."""
    found = next((model for model in reversed(models) if model.fitted_on <= day), None)
    return found if found is not None and found.is_trusted else None


def _levelled(rows: Labeled, model: Model, until: int) -> Iterator[tuple[Model, Ints, Floats]]:
    """The model of each day of its week, the rows of that day, and their logits before the correction.

    The mean probability of the days before is made the base rate: the top tenth is a tenth on every day, so a day on
    which everything grows promises no more than a dull one.
    """
    days = rows.counted_days
    oldest = days[days < model.fitted_on][-LEVEL_DAYS:].min(initial=model.fitted_on)
    counted = np.flatnonzero(rows.counted & (rows.day >= oldest) & (rows.day <= until))
    day_of, logits = rows.day[counted], model.raw_logits(rows.picked(counted))
    for day in range(model.fitted_on, until + 1):
        level = logits[np.isin(day_of, days[days < day][-LEVEL_DAYS:])]
        shift = level_shift(level, model.base_rate) if len(level) else 0.0
        of_day = day_of == day
        yield replace(model, fitted_on=day, shift=shift), counted[of_day], logits[of_day] + shift


def _record(rows: Labeled, final: Floats, starts: int, horizon: int) -> Record | None:
    seen = _judged(rows, final, starts, RECORD_DAYS)
    record = record_of(rows.day[seen], final[seen], rows.top[seen], horizon) if seen.size else None
    if record is None:
        return None
    longer = _judged(rows, final, starts, CALIBRATION_DAYS)
    return replace(record, worst_bin=worst_bin(bins_of(sums_of_bins(final[longer], rows.top[longer]))))


def record_of(day: Ints, chances: Floats, top: Bools, horizon: int) -> Record | None:
    """What probabilities came to; None with less than a week of days (half the horizon) or 500 rows."""
    _, place = np.unique(day, return_inverse=True)
    days = int(place.max(initial=-1)) + 1
    hits = int(top.sum())
    if days < max(MIN_DAYS, horizon // 2) or len(day) < MIN_ROWS or hits < MIN_HITS:
        return None
    base = hits / len(day)
    errors = ((chances - top) ** 2, (base - top) ** 2)
    tallies = np.stack([np.bincount(place, each, days) for each in errors], axis=1).astype(np.float64)
    draws = resamples(days, min(horizon, max(1, days // 3)), np.random.default_rng(_SEED))
    skill = interval(tallies, lambda sums: 1 - sums[..., 0] / sums[..., 1], draws)
    threshold, flagged, flagged_hits = find_threshold(chances, top, base)
    return Record(days, len(day), base, skill, threshold, flagged, flagged_hits)


def find_threshold(chances: Floats, top: Bools, base: float) -> tuple[float | None, int, int]:
    """The lowest probability from three times the base rate on whose rows came true at least that often.

    With it, how many rows reach it and how many of those came true. None where there is no such probability.
    """
    order = np.argsort(-chances, kind="stable")
    ranked = chances[order]
    hits = np.cumsum(top[order])
    share = hits / np.arange(1, len(order) + 1)
    last_of_ties = np.append(ranked[1:] != ranked[:-1], True)
    fits = last_of_ties & (ranked >= FLAG_LIFT * base) & (share >= FLAG_LIFT * base)
    fits[: MIN_FLAGGED - 1] = False
    if not fits.any():
        return None, 0, 0
    at = int(np.flatnonzero(fits)[-1])
    return float(ranked[at]), at + 1, int(hits[at])


def _fit(
    rows: Labeled, coverage: Coverage, horizon: int, starts: int, prior: Floats, random: np.random.Generator
) -> Model | None:
    recent = _some(np.flatnonzero((rows.day < starts) & (rows.day >= starts - QUANTILE_DAYS)), random)
    oldest = starts - SPAN - horizon
    known = _some(np.flatnonzero(rows.is_known & (rows.known_on < starts) & (rows.day >= oldest)), random)
    if not recent.size or len(known) < MIN_ROWS or rows.top[known].sum() < MIN_HITS:
        return None
    quantiles = quantiles_of(rows.features, recent)
    weights = ridge_logistic(design(rows.picked(known), quantiles), rows.top[known], prior, RIDGE)
    days = rows.day[known]
    return Model(
        horizon,
        str(coverage),
        starts,
        int(days.min()),
        int(days.max()),
        len(known),
        float(rows.top[known].mean()),
        tuple(weights.tolist()),
        quantiles,
    )


def _some(rows: Ints, random: np.random.Generator) -> Ints:
    return rows if len(rows) <= MAX_ROWS else random.choice(rows, MAX_ROWS, replace=False)


def _judged(rows: Labeled, predicted: Floats, before: int, days: int) -> Ints:
    """Rows of the last days with a prediction whose outcome had been read before a day; none if they are too few."""
    found = np.flatnonzero(
        rows.is_known & (rows.known_on < before) & ~np.isnan(predicted) & (rows.day >= before - days)
    )
    return found if len(found) >= MIN_ROWS else found[:0]
