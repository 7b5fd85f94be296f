"""After a crawl: the breakout models fitted again on the history, and what is to be said of them. Blocking."""

from __future__ import annotations

import logging
import time
from datetime import date

from toplist.items import Source
from toplist.ranktypes import Protocol
from toplist.storage.trend_models import TrendModels
from toplist.trends.coverage import UNKNOWN_COVERAGE

logger = logging.getLogger(__name__)


def refit_models(models: TrendModels, source: Source, protocol: Protocol, day: date, setting: str) -> list[str]:
    """Fit at most once a day; returns the verdict's warnings of models that are not worth using any more."""
    began = time.monotonic()
    state = models.refit(source, protocol, day, setting)
    if state is None:
        return []
    coverage = state.coverage(protocol, setting)
    logger.info("Sale counts of %s %s: %s", source, protocol, state.evidence)
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
    warnings = state.warnings(coverage)
    for warning in warnings:
        logger.warning("Breakout model: %s", warning)
    return warnings
