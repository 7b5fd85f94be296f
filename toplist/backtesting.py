"""The backtest on a database: its whole history read, scored as each day would have scored it, and judged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
from sqlalchemy import Engine

from toplist.items import Source
from toplist.ranktypes import Protocol
from toplist.storage.panels import (
    MAX_LISTS,
    HistorySpan,
    PanelChunk,
    histories,
    list_ids,
    names_of,
    read_panel,
    read_panels,
)
from toplist.storage.trend_models import evidence_of
from toplist.trends.backtest import Backtest, HorizonResult
from toplist.trends.count_kind import CountEvidence
from toplist.trends.coverage import Coverage
from toplist.trends.features import Features, compute_features, hand_score
from toplist.trends.model import Model
from toplist.trends.outcomes import outcomes
from toplist.trends.panel import Floats
from toplist.trends.walk_forward import Labeled, model_on, walk_forward

#: Picks are shown of the newest day, and of the day so many days before, whose outcome is known.
WEEK = 7
#: Picks that are shown by name.
NAMED = 5


class Pick(NamedTuple):
    """An offer that a day picked. `growth`: over the 7 days after; None: not known yet. `vanished`: left its list."""

    offer_id: str
    title: str | None
    growth: float | None
    vanished: bool


@dataclass(frozen=True, slots=True)
class Proof:
    """One source's backtest, and what it was made on. `picks`: by day, best first."""

    source: Source
    protocol: Protocol
    first_date: date
    last_date: date
    lists: int
    coverage: Coverage
    evidence: CountEvidence
    results: list[HorizonResult]
    picks: dict[date, list[Pick]]


def prove(engine: Engine, *, days: int, k: int, horizons: tuple[int, ...], count_covers: str) -> list[Proof]:
    """Backtest every source and protocol of the history. Blocking; about 5 s for a million rows."""
    return [_prove(engine, each, days, k, horizons, count_covers) for each in histories(engine)]


def _prove(engine: Engine, of: HistorySpan, days: int, k: int, horizons: Sequence[int], count_covers: str) -> Proof:
    first = max(of.first_date, of.last_date - timedelta(days=days - 1))
    ids = list_ids(engine, of.source, of.protocol)
    sample = read_panel(engine, list_ids(engine, of.source, of.protocol, MAX_LISTS), first, of.last_date)
    setting = "total" if of.source is Source.SANDBOX else count_covers
    evidence = evidence_of(sample.panel, of.last_date)
    coverage = Coverage.of(of.protocol, setting, evidence.coverage)
    models = {horizon: _models(sample, coverage, horizon, of.last_date) for horizon in horizons}
    judges = [Backtest(horizon, coverage, models[horizon], k) for horizon in horizons]
    shown = {day: _Best(day, k) for day in (of.last_date - timedelta(days=WEEK), of.last_date) if day >= first}
    chunks: Iterable[PanelChunk] = [sample]
    if len(ids) > MAX_LISTS:
        del sample
        chunks = read_panels(engine, ids, first, of.last_date)
    for chunk in chunks:
        features = compute_features(chunk.panel)
        for judge in judges:
            judge.add(chunk.panel, chunk.snapshots, features)
        for each in shown.values():
            each.add(chunk, features, coverage, models[horizons[0]])
    titles = names_of(engine, [pick.offer_id for each in shown.values() for pick in each.picks])
    picks = {
        day: [pick._replace(title=titles.get(pick.offer_id)) for pick in each.picks] for day, each in shown.items()
    }
    results = [judge.result() for judge in judges]
    return Proof(of.source, of.protocol, first, of.last_date, len(ids), coverage, evidence, results, picks)


def _models(sample: PanelChunk, coverage: Coverage, horizon: int, last: date) -> list[Model]:
    """Fitted on at most 300 lists, as after a crawl; none where it is not known what a count covers."""
    if str(coverage) == "unknown":
        return []
    features = compute_features(sample.panel)
    rows = Labeled.of(features, sample.panel.day, outcomes(sample.panel, sample.snapshots, horizon))
    return walk_forward(rows, coverage, horizon, last.toordinal() + 1)


class _Best:
    """A day's picks over all lists, each offer once."""

    def __init__(self, day: date, k: int):
        self._day, self._k = day.toordinal(), k
        self._best: dict[str, tuple[float, Pick]] = {}

    @property
    def picks(self) -> list[Pick]:
        """Best first."""
        return [pick for _, pick in sorted(self._best.values(), key=lambda each: -each[0])]

    def add(self, chunk: PanelChunk, features: Features, coverage: Coverage, models: Sequence[Model]) -> None:
        """Look at some lists."""
        rows = np.flatnonzero(chunk.panel.day == self._day)
        of_day = {name: values[rows] for name, values in features.items()}
        model = model_on(models, self._day)
        scores: Floats = hand_score(of_day, coverage) if model is None else model.logits(of_day)
        scores = np.where(np.isnan(scores), -np.inf, scores)
        came = outcomes(chunk.panel, chunk.snapshots, WEEK)
        for place in np.argsort(-scores, kind="stable")[: self._k]:
            row = rows[place]
            growth = float(came.growth[row])
            known = bool(came.is_known[row])
            gone = known and np.isnan(growth)
            offer_id = chunk.offer_ids[chunk.panel.offer[row]]
            pick = Pick(offer_id, None, growth if known and not gone else None, gone)
            if offer_id not in self._best or self._best[offer_id][0] < scores[place]:
                self._best[offer_id] = float(scores[place]), pick
        self._best = dict(sorted(self._best.items(), key=lambda each: -each[1][0])[: self._k])
