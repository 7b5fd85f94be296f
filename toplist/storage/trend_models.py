"""The breakout models, the kind of count and the heat index's reference, learnt from the own history. Blocking.

They are fitted after a crawl, at most once a day, and used from the next day on: a list that is crawled twice gets the
same answer, and no crawl waits for a fit.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from sqlalchemy import Engine, delete, insert, select

from toplist.items import Source
from toplist.ranktypes import Protocol
from toplist.storage.database import writing
from toplist.storage.heat_reference import heat_reference
from toplist.storage.panels import MAX_LISTS, histories, list_ids, read_panel
from toplist.storage.tables import trend_model
from toplist.trends.breakout import BreakoutModels
from toplist.trends.count_kind import CountEvidence
from toplist.trends.coverage import AUTO, UNKNOWN_COVERAGE, Coverage
from toplist.trends.features import LOOK_BACK, compute_features
from toplist.trends.heat import Reference, load_reference
from toplist.trends.model import VERSION, Model
from toplist.trends.outcomes import outcomes
from toplist.trends.panel import Panel
from toplist.trends.walk_forward import MIN_HISTORY, RECORD_DAYS, SPAN, Labeled, walk_forward

logger = logging.getLogger(__name__)

HORIZONS = (7, 30)
#: Days of the past that the evidence of the kind looks at.
EVIDENCE_DAYS = 28


@dataclass(frozen=True)
class TrendState:
    """What is known of a source and protocol on a day. `models`: trusted or not, by horizon.

    `heat`: the own reference of the heat index; None: the shipped one serves still.
    """

    evidence: CountEvidence
    models: dict[int, Model]
    heat: Reference | None = None

    def coverage(self, protocol: Protocol, setting: str) -> Coverage:
        """What a count covers: by the protocol, the setting, or what was found out."""
        return Coverage.of(protocol, setting, self.evidence.coverage)

    def reference(self, protocol: Protocol) -> Reference:
        """What the heat index is measured against."""
        return self.heat or load_reference(protocol)

    def usable(self, coverage: Coverage) -> BreakoutModels:
        """The models of this kind of count whose own record allows to use them."""
        week, month = (self.models.get(horizon) for horizon in HORIZONS)
        fit = [each if each is not None and _serves(each, coverage) else None for each in (week, month)]
        return BreakoutModels(*fit)

    def notes(self, coverage: Coverage) -> list[str]:
        """Which models serve without their probability, and why."""
        return [
            f"the {each.horizon}-day probability is not given: where it said {worst.said:.2f}, {worst.came:.2f} came"
            f" true ({worst.rows} rows); the model orders and flags still"
            for each in self.models.values()
            if _serves(each, coverage) and not each.is_calibrated and (worst := each.record and each.record.worst_bin)
        ]

    def warnings(self, coverage: Coverage) -> list[str]:
        """What speaks against a model that has a record and is not used."""
        return [
            f"the {each.horizon}-day probability was worse than the base rate over the last {each.record.days} days"
            " of outcomes and is not given; scores are by hand"
            for each in self.models.values()
            if each.coverage == str(coverage) and each.record is not None and not each.record.is_better
        ]


def _serves(model: Model, coverage: Coverage) -> bool:
    return model.is_trusted and model.coverage == str(coverage) and model.version == VERSION


class TrendModels:
    """Reads and refits the models of a database."""

    def __init__(self, engine: Engine):
        self._engine = engine

    def state(self, source: Source, protocol: Protocol, day: date) -> TrendState:
        """What the newest fit before a day left for it."""
        query = (
            select(trend_model)
            .filter_by(source=source.value, protocol=protocol.value)
            .where(trend_model.c.snapshot_date < day)
            .order_by(trend_model.c.snapshot_date.desc())
            .limit(1)
        )
        with self._engine.connect() as connection:
            row = connection.execute(query).first()
        if row is None:
            return TrendState(CountEvidence(), {})
        models = [Model.from_json(each) for each in row.models if each["version"] == VERSION]
        heat = None if row.heat is None else Reference.of(row.heat)
        return TrendState(CountEvidence(**row.evidence), {model.horizon: model for model in models}, heat)

    def refit(self, source: Source, protocol: Protocol, day: date, setting: str = AUTO) -> TrendState | None:
        """Fit on the history up to a day, for the days after it; None where it was done already.

        About 10 s for 300 lists of 120 days.
        """
        here = {"source": source.value, "protocol": protocol.value, "snapshot_date": day}
        with self._engine.connect() as connection:
            if connection.execute(select(trend_model.c.snapshot_date).filter_by(**here)).first():
                return None
        state = self._learn(source, protocol, day, setting)
        coverage = state.coverage(protocol, setting)
        heat = heat_reference(self._engine, source, protocol, day, coverage)
        values = {
            **here,
            "evidence": state.evidence.to_json(),
            "coverage": str(coverage),
            "heat": heat,
            "version": VERSION,
            "models": [each.to_json() for each in state.models.values()],
        }
        with writing(self._engine) as connection:
            connection.execute(delete(trend_model).filter_by(**here))
            connection.execute(insert(trend_model), [values])
        return state if heat is None else replace(state, heat=Reference.of(heat))

    def _learn(self, source: Source, protocol: Protocol, day: date, setting: str) -> TrendState:
        ids = list_ids(self._engine, source, protocol, MAX_LISTS)
        first = day - timedelta(days=SPAN + RECORD_DAYS // 2 + LOOK_BACK)
        panel, snapshots, _ = read_panel(self._engine, ids, first, day)
        state = TrendState(evidence_of(panel, day), {})
        coverage = state.coverage(protocol, setting)
        if not len(panel) or day.toordinal() - panel.day.min() < MIN_HISTORY - 1 or str(coverage) == "unknown":
            return state
        features, models = compute_features(panel), {}
        for horizon in HORIZONS:
            rows = Labeled.of(features, panel.day, outcomes(panel, snapshots, horizon))
            fitted = walk_forward(rows, coverage, horizon, day.toordinal() + 1)
            if fitted:
                models[horizon] = fitted[-1]
        return TrendState(state.evidence, models)


def evidence_of(panel: Panel, day: date) -> CountEvidence:
    """What the last weeks of a panel show of the kind of its counts."""
    recent = panel.day > day.toordinal() - EVIDENCE_DAYS
    names = ("list_id", "offer", "day", "at", "rank", "count")
    return CountEvidence.of(Panel.of({name: getattr(panel, name)[recent] for name in names}))


def states(engine: Engine, day: date) -> Sequence[tuple[Source, Protocol, TrendState]]:
    """Every history's state on a day."""
    models = TrendModels(engine)
    return [(each.source, each.protocol, models.state(each.source, each.protocol, day)) for each in histories(engine)]


def refit_models(models: TrendModels, source: Source, protocol: Protocol, day: date, setting: str) -> list[str]:
    """Fit at most once a day; returns the verdict's warnings of models that are not worth using any more."""
    began = time.monotonic()
    state = models.refit(source, protocol, day, setting)
    if state is None:
        return []
    coverage = state.coverage(protocol, setting)
    logger.info("Sale counts of %s %s: %s", source, protocol, state.evidence)
    logger.info("Heat index of %s %s: %s", source, protocol, state.reference(protocol).described)
    if coverage != UNKNOWN_COVERAGE and state.evidence.coverage not in (UNKNOWN_COVERAGE, coverage):
        logger.warning("Sale counts are set or documented as %s, and look like %s", coverage, state.evidence.coverage)
    for model in state.models.values():
        record = model.record
        if record is None:
            logger.info("Breakout model over %d days: no record yet", model.horizon)
            continue
        logger.info(
            "Breakout model over %d days: fitted on %d rows in %.1f s; Brier skill %s over %d days, flag from %s",
            model.horizon,
            model.rows,
            time.monotonic() - began,
            record.brier_skill,
            record.days,
            record.threshold,
        )
    for note in state.notes(coverage):
        logger.info("Breakout model: %s", note)
    warnings = state.warnings(coverage)
    for warning in warnings:
        logger.warning("Breakout model: %s", warning)
    return warnings
