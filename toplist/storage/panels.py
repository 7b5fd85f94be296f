"""The history as columns, some lists at a time: what the models, the evidence and the backtest read. Blocking.

A history of tens of millions of rows passes through, so rows come from the driver itself: SQLAlchemy's rows and dates
would take three times as long.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import Connection, Engine, func, literal_column, select
from sqlalchemy.sql import Select

from toplist.items import Source, Status
from toplist.ranktypes import Protocol
from toplist.storage.history_reader import snapshot_from
from toplist.storage.tables import first_seen, list_, list_snapshot, observation, offer_version
from toplist.trends.panel import Floats, Ints, Panel, SnapshotColumns

#: The most lists that are learnt from, spread over all of them.
MAX_LISTS = 300
#: Rows that are read at once: about 100 MB while they are looked at.
CHUNK_ROWS = 200_000
_DAY_MS = 86_400_000
_FETCHED = 50_000


class HistorySpan(NamedTuple):
    """Whose history there is."""

    source: Source
    protocol: Protocol
    lists: int
    first_date: date
    last_date: date


class PanelChunk(NamedTuple):
    """Some lists, whole. `offer_ids[panel.offer]` are the offers' ids."""

    panel: Panel
    snapshots: SnapshotColumns
    offer_ids: list[str]


def histories(engine: Engine) -> list[HistorySpan]:
    """Every source and protocol that has rows."""
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
        return [
            HistorySpan(Source(row[0]), Protocol(row[1]), row[2], row[3], row[4]) for row in connection.execute(query)
        ]


def list_ids(engine: Engine, source: Source, protocol: Protocol, most: int | None = None) -> list[int]:
    """The lists of a source and protocol; with `most`, as many at most, spread evenly: the same ones every time."""
    query = select(list_.c.list_id).where(list_.c.source == source.value, list_.c.protocol == protocol.value)
    with engine.connect() as connection:
        found = list(connection.execute(query.order_by(list_.c.list_id)).scalars())
    if most is None or len(found) <= most:
        return found
    return [found[place * len(found) // most] for place in range(most)]


def read_panels(engine: Engine, ids: Sequence[int], first: date, last: date) -> Iterator[PanelChunk]:
    """The lists' rows of the days from `first` to `last`, in chunks of whole lists."""
    with engine.connect() as connection:
        for some in _chunks(connection, ids, first, last):
            chunk = _read(connection, some, first, last)
            if len(chunk.panel):
                yield chunk


def read_panel(engine: Engine, ids: Sequence[int], first: date, last: date) -> PanelChunk:
    """The same as one, for lists that are few."""
    with engine.connect() as connection:
        return _read(connection, ids, first, last)


def snapshot_days(engine: Engine, ids: Sequence[int], first: date, last: date, most: int) -> list[date]:
    """The first days from `first` on, at most `most` of them, on which one of the lists had rows."""
    query = (
        select(list_snapshot.c.snapshot_date)
        .distinct()
        .where(*_days(list_snapshot, ids, first, last), list_snapshot.c.received > 0)
        .order_by(list_snapshot.c.snapshot_date)
        .limit(most)
    )
    with engine.connect() as connection:
        return list(connection.execute(query).scalars())


def read_levels(engine: Engine, ids: Sequence[int], first: date, last: date) -> dict[str, Floats]:
    """What the heat index is made of, over all rows of the lists: each part's known values."""
    columns = {
        "sales": observation.c.sale_count,
        "buyers": observation.c.buyer_count,
        "growth": observation.c.sale_growth_per_day,
        "rank": observation.c.rank,
    }
    query = select(*columns.values()).where(*_days(observation, ids, first, last))
    with engine.connect() as connection:
        batches = [np.array(batch, np.float64) for batch in _batches(connection, query)]
    rows = np.concatenate(batches, axis=1) if batches else np.empty((len(columns), 0))
    return {name: values[~np.isnan(values)] for name, values in zip(columns, rows, strict=True)}


def names_of(engine: Engine, offer_ids: Iterable[str]) -> dict[str, str]:
    """The newest title of each offer that has one."""
    newest = select(func.max(offer_version.c.version_id)).where(offer_version.c.offer_id.in_(set(offer_ids)))
    query = select(offer_version.c.offer_id, offer_version.c.title).where(
        offer_version.c.version_id.in_(newest.group_by(offer_version.c.offer_id))
    )
    with engine.connect() as connection:
        return {row.offer_id: row.title for row in connection.execute(query) if row.title}


def _chunks(connection: Connection, ids: Sequence[int], first: date, last: date) -> Iterator[Sequence[int]]:
    """Runs of lists that have about `CHUNK_ROWS` rows, by the rows that a few of them have."""
    some = [ids[place * len(ids) // 20] for place in range(20)] if len(ids) > 20 else list(ids)
    query = select(func.count()).select_from(observation).where(*_days(observation, some, first, last))
    rows = int(connection.execute(query).scalar_one()) / max(len(some), 1)
    step = max(1, int(CHUNK_ROWS / max(rows, 1)))
    return (ids[start : start + step] for start in range(0, len(ids), step))


def _days(table: Any, ids: Sequence[int], first: date, last: date) -> tuple[Any, ...]:
    return table.c.list_id.in_(ids), table.c.snapshot_date >= first, table.c.snapshot_date <= last


def _read(connection: Connection, ids: Sequence[int], first: date, last: date) -> PanelChunk:
    query = (
        select(
            observation.c.list_id,
            observation.c.snapshot_date,
            offer_version.c.offer_id,
            observation.c.collected_ms,
            observation.c.rank,
            observation.c.sale_count,
            observation.c.trend_score,
        )
        .join(offer_version, offer_version.c.version_id == observation.c.version_id)
        .where(*_days(observation, ids, first, last))
    )
    days = _ordinals(first, last)
    numbers: dict[str, int] = {}
    batches = [
        {
            "list_id": np.array(list_id, np.int64),
            "offer": np.array([numbers.setdefault(each, len(numbers)) for each in offer], np.int64),
            "day": np.array([days[each] for each in day], np.int64),
            "at": np.array(ms, np.float64) / _DAY_MS,
            "rank": np.array(rank, np.float64),
            "count": np.array(count, np.float64),
            "trend_score": np.array(score, np.float64),
        }
        for list_id, day, offer, ms, rank, count, score in _batches(connection, query)
    ]
    names = ("list_id", "offer", "day", "at", "rank", "count", "trend_score")
    named = {name: np.concatenate([each[name] for each in batches] or [np.empty(0)]) for name in names}
    lists, offers, at_days = (named[name].astype(np.int64) for name in ("list_id", "offer", "day"))
    seen = _first_days(connection, ids, lists, offers, at_days, numbers)
    return PanelChunk(Panel.of(named, seen), _snapshots(connection, ids, first, last), list(numbers))


def _batches(connection: Connection, query: Select[Any]) -> Iterator[list[tuple[Any, ...]]]:
    """A query's columns, some rows at a time, by the driver's cursor."""
    cursor = connection.connection.cursor()
    try:
        cursor.execute(str(query.compile(connection, compile_kwargs={"literal_binds": True})))
        while rows := cursor.fetchmany(_FETCHED):
            yield list(zip(*rows, strict=True))
    finally:
        cursor.close()


def _ordinals(first: date, last: date) -> dict[Any, int]:
    """Days to ordinals, by how either driver spells them."""
    days = [first + timedelta(days=step) for step in range((last - first).days + 1)]
    return {day: day.toordinal() for day in days} | {day.isoformat(): day.toordinal() for day in days}


def _ordinal(day: date | str) -> int:
    return (day if isinstance(day, date) else date.fromisoformat(day)).toordinal()


def _first_days(
    connection: Connection, ids: Sequence[int], lists: Ints, offers: Ints, days: Ints, numbers: dict[str, int]
) -> Ints:
    """When the list first held each row's offer; what the rows themselves show, where the history has no word of it."""
    query = select(first_seen.c.list_id, first_seen.c.offer_id, first_seen.c.snapshot_date).where(
        first_seen.c.list_id.in_(ids)
    )
    ordinals: dict[Any, int] = {}
    known = [
        (list_id * (len(numbers) + 1) + number, ordinals.get(day) or ordinals.setdefault(day, _ordinal(day)))
        for columns in _batches(connection, query)
        for list_id, offer, day in zip(*columns, strict=True)
        if (number := numbers.get(offer)) is not None
    ]
    keys = lists * (len(numbers) + 1) + offers
    if not known:
        return days.copy()
    found, first_days = np.array(sorted(known), np.int64).T
    place = np.minimum(np.searchsorted(found, keys), len(found) - 1)
    return np.where(found[place] == keys, np.minimum(first_days[place], days), days)


def _snapshots(connection: Connection, ids: Sequence[int], first: date, last: date) -> SnapshotColumns:
    query = (
        select(list_snapshot)
        .where(*_days(list_snapshot, ids, first, last), list_snapshot.c.status != literal_column("'pending'"))
        .order_by(list_snapshot.c.list_id, list_snapshot.c.snapshot_date)
    )
    rows = connection.execute(query).all()
    seen = [snapshot_from(row) for row in rows]
    return SnapshotColumns(
        np.array([row.list_id for row in rows], np.int64),
        np.array([each.snapshot_date.toordinal() for each in seen], np.int64),
        np.array([each.status == Status.COMPLETE for each in seen], np.bool_),
        np.array([each.depth for each in seen], np.float64),
        np.array([each.rejected for each in seen], np.int64),
    )
