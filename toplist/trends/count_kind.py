"""Which kind of count a gateway gives, found out from the history: a running total hardly ever falls, a window does."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from toplist.trends.coverage import UNKNOWN_COVERAGE, Coverage
from toplist.trends.panel import Panel

#: Days and steps of history that finding out needs; steps are from one day's count to the next of the same offer.
MIN_DAYS, MIN_STEPS = 14, 100
#: Mean fall of ln(count) a step: a running total's is below the first, a window's above the second.
MAX_TOTAL_FALL, MIN_WINDOW_FALL = 0.0005, 0.0008
#: A fall counts at most so much, and a step is at most so many days long.
MAX_FALL, MAX_STEP_DAYS = 0.05, 3


@dataclass(frozen=True, slots=True)
class CountEvidence:
    """What the history shows of a count's kind. `fall`: mean fall of ln(count) a step, each at most 5 %."""

    days: int = 0
    steps: int = 0
    rises: int = 0
    falls: int = 0
    fall: float = 0.0

    @classmethod
    def of(cls, panel: Panel) -> CountEvidence:
        """From some lists' rows."""
        before = panel.before()
        known = (before >= 0) & (panel.day - panel.day[before] <= MAX_STEP_DAYS)
        change = (panel.log_count - panel.log_count[before])[known]
        change = change[~np.isnan(change)]
        if not len(change):
            return cls()
        days = int(panel.day.max() - panel.day.min()) + 1
        fall = float(np.clip(-change, 0.0, MAX_FALL).mean())
        return cls(days, len(change), int((change > 0).sum()), int((change < 0).sum()), fall)

    @property
    def coverage(self) -> Coverage:
        """What the counts are, by this; `UNKNOWN_COVERAGE` until it is clear. A window is taken to be of 30 days."""
        if self.days < MIN_DAYS or self.steps < MIN_STEPS:
            return UNKNOWN_COVERAGE
        if self.fall < MAX_TOTAL_FALL:
            return Coverage(total=True)
        return Coverage(window_days=30) if self.fall > MIN_WINDOW_FALL else UNKNOWN_COVERAGE

    def to_json(self) -> dict[str, Any]:
        """Plain values, for a column of the database."""
        return asdict(self)

    def __str__(self) -> str:
        changes = self.rises + self.falls
        if self.days < MIN_DAYS or self.steps < MIN_STEPS:
            return f"not clear yet: {self.steps} steps over {self.days} days, {MIN_STEPS} over {MIN_DAYS} are needed"
        share = f"{self.falls / changes:.1%} of {changes} changes were falls" if changes else "no count changed"
        return f"{self.coverage}: {share}, {self.fall:.3%} a step over {self.days} days"
