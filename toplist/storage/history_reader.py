"""A list's past for its trends, and what the trends add to the history. Blocking.

Three queries, for lists and histories of any size: the snapshots of the last days and their rows, which are stored side
by side, and when the list first held today's offers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    Connection,
    Engine,
    Table,
    bindparam,
    func,
    insert,
    or_,
    select,
    update,
)

from toplist.items import Entry, ListKey, RankList
from toplist.storage.database import array_function, content_digest, insert_if_absent, without_transactions
from toplist.storage.tables import dropped_out, first_seen, list_, observation, offer_version, trend_note
from toplist.storage.tables import list_snapshot as snapshots
from toplist.trends.observation import HISTORY_DAYS, Columns, ListHistory, Snapshot

_SNAPSHOT = (
    snapshots.c.snapshot_date,
    snapshots.c.status,
    snapshots.c.collected_ms,
    snapshots.c.requested_rows,
    snapshots.c.reported_total,
    snapshots.c.received,
    snapshots.c.rejected,
)


def _window(table: Table) -> tuple[ColumnElement[bool], ...]:
    return (
        table.c.list_id == bindparam("list_id"),
        table.c.snapshot_date >= bindparam("since"),
        table.c.snapshot_date < bindparam("before"),
    )


_SNAPSHOTS = (
    select(*_SNAPSHOT)
    .where(*_window(snapshots), snapshots.c.status != "pending")
    .order_by(snapshots.c.snapshot_date.desc())
)
#: In the order of `Columns`.
_OBSERVATIONS = (
    select(
        offer_version.c.offer_id,
        observation.c.snapshot_date,
        observation.c.collected_ms,
        observation.c.rank,
        observation.c.price,
        observation.c.sale_count,
        observation.c.buyer_count,
        offer_version.c.tier_start,
        offer_version.c.tier_price,
    )
    .join(offer_version, offer_version.c.version_id == observation.c.version_id)
    .where(*_window(observation))
    .order_by(observation.c.snapshot_date)
    .subquery("observations")
)
_SEEN = select(first_seen.c.offer_id, first_seen.c.snapshot_date).where(
    first_seen.c.list_id == bindparam("list_id"),
    first_seen.c.offer_id.in_(bindparam("offers", expanding=True)),
    first_seen.c.snapshot_date < bindparam("before"),
)
_KEY = select(list_.c.list_id).where(
    list_.c.source == bindparam("source"),
    list_.c.protocol == bindparam("protocol"),
    list_.c.rank_type == bindparam("rank_type"),
    list_.c.category_id == bindparam("category_id"),
)

_USED = (
    update(trend_note)
    .where(
        trend_note.c.note_id == bindparam("of"),
        or_(trend_note.c.last_date.is_(None), trend_note.c.last_date < bindparam("on")),
    )
    .values(last_date=bindparam("on"))
)


class HistoryReader:
    """Reads a list's past."""

    def __init__(self, engine: Engine):
        self._engine = without_transactions(engine)
        # One row of arrays instead of 600 rows: SQLite's driver hands Python's lock over at every row. The 15 digits
        # that it writes of a number are enough for a price.
        array = getattr(func, array_function(engine))
        self._observations = select(*(array(column, type_=JSON).label(column.name) for column in _OBSERVATIONS.c))

    def of(self, key: ListKey, before: date, offer_ids: Sequence[str]) -> ListHistory:
        """The list's past over the `HISTORY_DAYS` before a day, and when it first held each of `offer_ids`.

        Its snapshots begin with the last complete one: no formula looks behind that.
        """
        with self._engine.connect() as connection:
            list_id = connection.execute(_KEY, key._asdict()).scalar()
            if list_id is None:
                return ListHistory()
            window = {"list_id": list_id, "since": before - timedelta(days=HISTORY_DAYS), "before": before}
            days = _until_complete(connection.execute(_SNAPSHOTS, window))
            columns = _columns(connection.execute(self._observations, window).one())
            seen = connection.execute(_SEEN, {"list_id": list_id, "offers": offer_ids, "before": before})
            sightings = {row[0]: row[1] for row in seen}
        return ListHistory(columns, days, sightings)


def snapshot_from(row: Any) -> Snapshot:
    """A row of `list_snapshot` as a snapshot."""
    at = None if row.collected_ms is None else datetime.fromtimestamp(row.collected_ms / 1000, UTC)
    return Snapshot(
        row.snapshot_date, row.status, at, row.requested_rows, row.reported_total, row.received, row.rejected
    )


def _until_complete(newest_first: Iterable[Any]) -> list[Snapshot]:
    """The snapshots from the last complete one on, oldest first."""
    found: list[Snapshot] = []
    for row in newest_first:
        found.insert(0, snapshot_from(row))
        if found[0].complete:
            break
    return found


def _columns(arrays: Sequence[list[Any] | None]) -> Columns:
    """From arrays of days and milliseconds; None where the list has no row in the window."""
    offer_ids, days, instants, *numbers = (array or [] for array in arrays)
    dates = {day: date.fromisoformat(day) for day in set(days)}
    times = {ms: datetime.fromtimestamp(ms / 1000, UTC) for ms in set(instants)}
    return Columns(offer_ids, [dates[day] for day in days], [times[ms] for ms in instants], *numbers)


def write_trends(connection: Connection, list_id: int, ended: RankList) -> None:
    """Store first sightings and offers that dropped out, within the caller's transaction."""
    place = {"list_id": list_id, "snapshot_date": ended.snapshot_date}
    if ended.entries:
        offers = [entry.offer_id for entry in ended.entries]
        seen = connection.execute(_SEEN, {"list_id": list_id, "offers": offers, "before": date.max})
        known = set(seen.scalars())
        new = [{**place, "offer_id": each.offer_id} for each in ended.entries if each.offer_id not in known]
        if new:
            connection.execute(insert(first_seen), new)
    if ended.dropped_out:
        connection.execute(insert(dropped_out), [{**place, **each.model_dump()} for each in ended.dropped_out])


class TrendNotes:
    """Ids of the combinations of notes that entries have: there are few, and each is stored once.

    It caches the ids. After a transaction that was rolled back, use a new object.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[date, tuple[str, ...]], int] = {}

    def ids(self, connection: Connection, entries: Sequence[Entry], snapshot_date: date) -> list[int | None]:
        """One id for each entry, None where it has no notes."""
        wanted = {tuple(entry.trend_notes) for entry in entries if entry.trend_notes}
        missing = {notes for notes in wanted if (snapshot_date, notes) not in self._known}
        if missing:
            by_digest = {content_digest(json.dumps(notes)): notes for notes in missing}
            ids = _note_ids(connection, by_digest, snapshot_date)
            self._known.update({(snapshot_date, notes): ids[digest] for digest, notes in by_digest.items()})
        return [
            self._known[snapshot_date, tuple(entry.trend_notes)] if entry.trend_notes else None for entry in entries
        ]


def _note_ids(connection: Connection, notes: Mapping[str, Sequence[str]], snapshot_date: date) -> dict[str, int]:
    """The ids of notes by their digest. New ones are entered; the date of the last use is kept for pruning."""
    query = select(trend_note.c.digest, trend_note.c.note_id, trend_note.c.last_date).where(
        trend_note.c.digest.in_(notes)
    )
    found = {row.digest: row for row in connection.execute(query)}
    absent = [
        {"digest": digest, "trend_notes": list(notes[digest]), "last_date": snapshot_date}
        for digest in sorted(notes.keys() - found.keys())  # in one order, so that two crawls cannot deadlock
    ]
    if absent:
        connection.execute(insert_if_absent(connection, trend_note), absent)
        found = {row.digest: row for row in connection.execute(query)}
    outdated = sorted(row.note_id for row in found.values() if row.last_date is None or row.last_date < snapshot_date)
    if outdated:
        connection.execute(_USED, [{"of": note_id, "on": snapshot_date} for note_id in outdated])
    return {digest: row.note_id for digest, row in found.items()}
