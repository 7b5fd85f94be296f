"""Deletes old snapshots, for `TOPLIST_RETENTION_DAYS`. Nothing else deletes from the history. Blocking.

Lists, first sightings and the category tree are kept: later days refer to them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Engine, Select, Table, bindparam, delete, exists, func, select, tuple_

from toplist.items import Source
from toplist.storage.database import writing
from toplist.storage.enrichment import week_of
from toplist.storage.tables import (
    detail,
    dropped_out,
    list_,
    list_snapshot,
    observation,
    offer_daily,
    offer_detail,
    offer_version,
    rejected,
    trend_model,
    trend_note,
)

_SNAPSHOTS = 500  # lists of a day that are deleted in one transaction: other processes wait for it
_ROWS = 5000  # rows of other tables


def prune(engine: Engine, source: Source, before: date) -> int:
    """Delete a source's snapshots of the days before `before`, and what nothing refers to any more.

    `before` is counted from today's business date, not from the snapshot that a crawl asks for. Returns how many lists
    of a day were deleted.
    """
    pruned = _delete_snapshots(engine, source, before)
    for table, where in _outdated(source, before):
        _delete_rows(engine, table, where)
    if pruned:
        _delete_unused(engine, offer_version, _of_no_entry())
        _delete_unused(engine, offer_detail, _of_no_answer())
        _delete_unused_notes(engine)
    # Last: it looks which offers still have a version.
    _delete_rows(engine, offer_daily, _daily_of_no_offer(source, before))
    return pruned


def _delete_snapshots(engine: Engine, source: Source, before: date) -> int:
    """Delete by list and day, which is the primary key: deleting a day does not read the whole history."""
    oldest: Select[Any] = (
        select(list_snapshot.c.list_id, list_snapshot.c.snapshot_date)
        .join(list_, list_.c.list_id == list_snapshot.c.list_id)
        .where(list_.c.source == source.value, list_snapshot.c.snapshot_date < before)
        .limit(_SNAPSHOTS)
    )
    pruned = 0
    while True:
        with writing(engine) as connection:
            keys = [{"of_list": row.list_id, "of_day": row.snapshot_date} for row in connection.execute(oldest)]
            if not keys:
                return pruned
            for table in (observation, rejected, dropped_out, list_snapshot):
                of_one = (table.c.list_id == bindparam("of_list")) & (table.c.snapshot_date == bindparam("of_day"))
                connection.execute(delete(table).where(of_one), keys)
            pruned += len(keys)


def _outdated(source: Source, before: date) -> Iterator[tuple[Table, ColumnElement[bool]]]:
    """Details of past weeks, and models but for the newest ones of a protocol, which later days may use."""
    yield detail, (detail.c.source == source.value) & (detail.c.week_date < week_of(before))
    later = trend_model.alias("later")
    is_newest = ~exists().where(
        later.c.source == trend_model.c.source,
        later.c.protocol == trend_model.c.protocol,
        later.c.snapshot_date > trend_model.c.snapshot_date,
    )
    outdated = (trend_model.c.source == source.value) & (trend_model.c.snapshot_date < before)
    yield trend_model, outdated & ~is_newest


def _daily_of_no_offer(source: Source, before: date) -> ColumnElement[bool]:
    """Old daily figures of offers that no snapshot holds any more."""
    in_history = exists().where(offer_version.c.offer_id == offer_daily.c.offer_id)
    return (offer_daily.c.source == source.value) & (offer_daily.c.day < before) & ~in_history


def _of_no_entry() -> ColumnElement[bool]:
    return ~exists().where(observation.c.version_id == offer_version.c.version_id)


def _of_no_answer() -> ColumnElement[bool]:
    entries = exists().where(observation.c.detail_id == offer_detail.c.detail_id)
    return ~entries & ~exists().where(detail.c.detail_id == offer_detail.c.detail_id)


def _delete_rows(engine: Engine, table: Table, where: ColumnElement[bool]) -> None:
    """Delete the rows of a table, some in each transaction."""
    key = tuple_(*table.primary_key.columns)
    some = select(*table.primary_key.columns).where(where).limit(_ROWS)
    while True:
        with writing(engine) as connection:
            if connection.execute(delete(table).where(key.in_(some))).rowcount < _ROWS:
                return


def _delete_unused(engine: Engine, table: Table, where: ColumnElement[bool]) -> None:
    """Delete the rows that nothing refers to: a walk over the ids, some in each transaction."""
    (key,) = table.primary_key.columns
    with engine.connect() as connection:
        first, last = connection.execute(select(func.min(key), func.max(key))).one()
    while last is not None and first <= last:
        with writing(engine) as connection:
            connection.execute(delete(table).where(key >= first, key < first + _ROWS, where))
        first += _ROWS


def _delete_unused_notes(engine: Engine) -> None:
    """Delete the notes that no snapshot, of any source, has used since the oldest one that is left."""
    with writing(engine) as connection:
        oldest = connection.execute(select(func.min(list_snapshot.c.snapshot_date))).scalar()
        unused = delete(trend_note)
        connection.execute(unused if oldest is None else unused.where(trend_note.c.last_date < oldest))
