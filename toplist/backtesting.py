"""The backtest on a database: its history read, replayed and judged."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from random import Random

from sqlalchemy import Engine

from toplist.items import Source
from toplist.ranktypes import Protocol
from toplist.storage.sample import list_histories, sources
from toplist.trends.backtest import HorizonResult, backtest
from toplist.trends.lists import TrendConfig
from toplist.trends.observation import Snapshot
from toplist.trends.replay import ScoredRow, scored_rows

SEED = 1688  # draws that break ties and make the intervals: the same each time


@dataclass(frozen=True, slots=True)
class Proof:
    """One source's backtest, and what it was made on."""

    source: Source
    protocol: Protocol
    first_date: date
    last_date: date
    lists: int
    lists_there: int
    results: list[HorizonResult]


def prove(
    engine: Engine, *, days: int, most_lists: int, k: int, horizons: tuple[int, ...], count_covers: str
) -> list[Proof]:
    """Backtest every source and protocol of the history. Blocking; about 12 s for 100,000 rows."""
    proofs = []
    for source, protocol, there, first, last in sources(engine):
        rows: list[ScoredRow] = []
        snapshots: dict[tuple[str, date], Snapshot] = {}
        lists = 0
        covers = "total" if source is Source.SANDBOX else count_covers
        for each in list_histories(engine, source, protocol, last, days, most_lists):
            rules = TrendConfig.of(each.key, covers)
            rows += scored_rows(each.list_id, each.observations, each.snapshots, rules)
            snapshots.update({(each.list_id, snapshot.snapshot_date): snapshot for snapshot in each.snapshots})
            lists += 1
        results = backtest(rows, snapshots, Random(SEED), horizons, k)
        proofs.append(Proof(source, protocol, first, last, lists, there, results))
    return proofs
