"""The trends of a list as it ended, from its past in the database."""

from __future__ import annotations

from toplist.items import DroppedOut, RankList, Trends
from toplist.storage.history_reader import HistoryReader
from toplist.trends.breakout import BY_HAND, BreakoutModels
from toplist.trends.lists import OfferTrends, TrendConfig, compute_trends
from toplist.trends.observation import observe, snapshot_of

#: Figures that an entry has under the formulas' own names.
_FIGURES = tuple(name for name in Trends.model_fields if name in OfferTrends.__dataclass_fields__)


def add_trends(ended: RankList, past: HistoryReader, rules: TrendConfig, models: BreakoutModels = BY_HAND) -> None:
    """Fill in every entry's trends, and the offers that dropped out. Blocking: it reads the list's past."""
    rows = [observe(entry) for entry in ended.entries]
    history = past.of(ended.key, ended.snapshot_date, [row.offer_id for row in rows])
    found = compute_trends(snapshot_of(ended), rows, history, rules, models)
    for entry, trends in zip(ended.entries, found.offers, strict=True):
        for name in _FIGURES:
            setattr(entry, name, getattr(trends, name))
        entry.trend_notes = [f"{name}:{reason}" for name, reason in trends.reasons.items() if name in _FIGURES] or None
    ended.dropped_out = [DroppedOut.model_validate(each._asdict()) for each in found.dropped_out]
