"""One list's history run through the formulas again, day by day, each day with its past only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from toplist.trends.lists import ListTrends, TrendConfig, compute_trends
from toplist.trends.observation import HISTORY_DAYS, History, Observation, Snapshot

#: The backtest's rows, in the order of `ScoredRow.scores`.
SCORES = ("heat_index", "trend_score", "sale_volatility", "sale_growth_per_day", "breakout_score")


class ScoredRow(NamedTuple):
    """A row of a list on a day: what was known of it then. `scores` in the order of `SCORES`."""

    list_id: str
    snapshot_date: date
    offer_id: str
    rank: int
    sale_count: int | None
    scores: tuple[float | None, ...]


def replay(
    observations: Iterable[Observation], snapshots: Iterable[Snapshot], rules: TrendConfig
) -> Iterator[tuple[Snapshot, list[Observation], ListTrends]]:
    """Each snapshot with its rows and its trends, oldest first. Input in any order, of one list."""
    by_date = attrgetter("snapshot_date")
    days: Mapping[date, list[Observation]] = {
        day: list(rows) for day, rows in groupby(sorted(observations, key=by_date), key=by_date)
    }
    seen: dict[str, date] = {}
    history = History(first_seen=seen)
    for today in sorted(snapshots, key=by_date):
        rows = sorted(days.get(today.snapshot_date, ()), key=attrgetter("rank"))
        _forget(history, today.snapshot_date - timedelta(days=HISTORY_DAYS))
        yield today, rows, compute_trends(today, rows, history, rules)
        history.snapshots.append(today)
        for row in rows:
            history.by_offer.setdefault(row.offer_id, []).append(row)
            seen.setdefault(row.offer_id, row.snapshot_date)


def _forget(history: History, before: date) -> None:
    """What the pipeline would not load is not there in a replay either."""
    history.snapshots[:] = [snapshot for snapshot in history.snapshots if snapshot.snapshot_date >= before]
    for offer_id, seen in list(history.by_offer.items()):
        if seen[0].snapshot_date < before:
            kept = [row for row in seen if row.snapshot_date >= before]
            if kept:
                history.by_offer[offer_id] = kept
            else:
                del history.by_offer[offer_id]


def scored_rows(
    list_id: str, observations: Iterable[Observation], snapshots: Iterable[Snapshot], rules: TrendConfig
) -> list[ScoredRow]:
    """A list's rows with the scores that each day would have given them."""
    return [
        ScoredRow(
            list_id,
            row.snapshot_date,
            row.offer_id,
            row.rank,
            row.sale_count,
            tuple(getattr(offer, name) for name in SCORES),
        )
        for _, rows, trends in replay(observations, snapshots, rules)
        for row, offer in zip(rows, trends.offers, strict=True)
    ]
