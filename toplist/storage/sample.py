"""The history as the backtest reads it: some lists, whole. Blocking."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, func, select

from toplist.items import ListKey, Source
from toplist.ranktypes import Protocol
from toplist.storage.history_reader import read_window
from toplist.storage.tables import list_, list_snapshot
from toplist.trends.observation import Observation, Snapshot


class ListHistory(NamedTuple):
    """One list's past. `list_id` is text, as the formulas want it."""

    list_id: str
    key: ListKey
    observations: list[Observation]
    snapshots: list[Snapshot]


def sources(engine: Engine) -> list[tuple[Source, Protocol, int, date, date]]:
    """Whose history there is: source, protocol, lists, first day, last day."""
    query = (
        select(
            list_.c.source,
            list_.c.protocol,
            func.count(list_.c.list_id.distinct()),
            func.min(list_snapshot.c.snapshot_date),
            func.max(list_snapshot.c.snapshot_date),
        )
        .join(list_snapshot, list_snapshot.c.list_id == list_.c.list_id)
        .where(list_snapshot.c.received > 0)
        .group_by(list_.c.source, list_.c.protocol)
        .order_by(list_.c.source, list_.c.protocol)
    )
    with engine.connect() as connection:
        return [(Source(row[0]), Protocol(row[1]), row[2], row[3], row[4]) for row in connection.execute(query)]


def list_histories(
    engine: Engine, source: Source, protocol: Protocol, until: date, days: int, most: int
) -> Iterator[ListHistory]:
    """The last `days` days up to and with `until` of at most `most` lists, one list after the other.

    Which lists: those with the lowest ids, so that the same are looked at every time.
    """
    query = (
        select(list_)
        .where(list_.c.source == source.value, list_.c.protocol == protocol.value)
        .order_by(list_.c.list_id)
        .limit(most)
    )
    with engine.connect() as connection:
        for row in connection.execute(query).all():
            yield _history(connection, row, until, days)


def _history(connection: Connection, row: Any, until: date, days: int) -> ListHistory:
    key = ListKey(Source(row.source), Protocol(row.protocol), row.rank_type, row.category_id)
    end = until + timedelta(days=1)
    observations, snapshots = read_window(connection, row.list_id, end - timedelta(days=days), end)
    return ListHistory(str(row.list_id), key, observations, snapshots)
