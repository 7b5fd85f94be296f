"""A list's past for its trends, and what the trends add to the history. Blocking.

Two queries, whatever the list's size and the history's: a range of the last days' rows, which lie together, and the
first sightings of today's offers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Row, Select, bindparam, insert, select

from toplist.items import Entry, ListKey, RankList
from toplist.storage.ledger import insert_if_absent
from toplist.storage.tables import dropped_out, first_seen, list_, list_snapshot, observation, offer_version, trend_note
from toplist.trends.observation import HISTORY_DAYS, History, Observation, Snapshot

_SNAPSHOT = (
    list_snapshot.c.snapshot_date,
    list_snapshot.c.status,
    list_snapshot.c.collected_ms,
    list_snapshot.c.requested_rows,
    list_snapshot.c.reported_total,
    list_snapshot.c.received,
    list_snapshot.c.rejected,
)
_OBSERVATION = (
    offer_version.c.offer_id,
    observation.c.collected_ms,
    observation.c.rank,
    observation.c.price,
    observation.c.sale_count,
    observation.c.buyer_count,
    offer_version.c.tier_start,
    offer_version.c.tier_price,
)


def _window() -> Select[Any]:
    same_day = (observation.c.list_id == list_snapshot.c.list_id) & (
        observation.c.snapshot_date == list_snapshot.c.snapshot_date
    )
    return (
        select(*_SNAPSHOT, *(column.label(f"o_{column.name}") for column in _OBSERVATION))
        .select_from(list_snapshot)
        .outerjoin(observation, same_day)
        .outerjoin(offer_version, offer_version.c.version_id == observation.c.version_id)
        .where(
            list_snapshot.c.list_id == bindparam("list_id"),
            list_snapshot.c.snapshot_date >= bindparam("since"),
            list_snapshot.c.snapshot_date < bindparam("before"),
        )
    )


_WINDOW = _window()
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


class HistoryReader:
    """Reads what a list was."""

    def __init__(self, engine: Engine):
        self._engine = engine

    def of(self, key: ListKey, before: date, offer_ids: Sequence[str]) -> History:
        """The list's snapshots of the days before, and when it first held each of `offer_ids`."""
        with self._engine.connect() as connection:
            list_id = connection.execute(_KEY, key._asdict()).scalar()
            if list_id is None:
                return History()
            observations, snapshots = read_window(connection, list_id, before - timedelta(days=HISTORY_DAYS), before)
            seen = connection.execute(_SEEN, {"list_id": list_id, "offers": offer_ids, "before": before})
            sightings = {row[0]: row[1] for row in seen}
        return History.of(observations, snapshots, sightings)


def read_window(
    connection: Connection, list_id: int, since: date, before: date
) -> tuple[list[Observation], list[Snapshot]]:
    """A list's rows and snapshots of the days from `since` up to `before`, that day not included: one query."""
    rows = connection.execute(_WINDOW, {"list_id": list_id, "since": since, "before": before}).all()
    return _observations(rows), _snapshots(rows)


def snapshot_from(row: Row[Any]) -> Snapshot:
    """The snapshot that a row of `list_snapshot` tells of."""
    at = None if row.collected_ms is None else datetime.fromtimestamp(row.collected_ms / 1000, UTC)
    return Snapshot(
        row.snapshot_date, row.status, at, row.requested_rows, row.reported_total, row.received, row.rejected
    )


def _snapshots(rows: Iterable[Row[Any]]) -> list[Snapshot]:
    found = {row.snapshot_date: row for row in rows}
    return [snapshot_from(row) for row in found.values() if row.status != "pending"]


def _observations(rows: Iterable[Row[Any]]) -> list[Observation]:
    instants: dict[int, datetime] = {}  # a page's rows share theirs
    found = []
    for row in rows:
        offer_id, ms, rank, price, sales, buyers, start, tier = row[len(_SNAPSHOT) :]
        if offer_id is not None:
            at = instants.get(ms) or instants.setdefault(ms, datetime.fromtimestamp(ms / 1000, UTC))
            found.append(Observation(offer_id, row[0], at, rank, price, sales, buyers, start, tier))
    return found


def write_trends(connection: Connection, list_id: int, ended: RankList) -> None:
    """First sightings and offers that left, within the caller's transaction."""
    here = {"list_id": list_id, "snapshot_date": ended.snapshot_date}
    if ended.entries:
        offers = [entry.offer_id for entry in ended.entries]
        seen = connection.execute(_SEEN, {"list_id": list_id, "offers": offers, "before": date.max})
        known = set(seen.scalars())
        new = [{**here, "offer_id": each.offer_id} for each in ended.entries if each.offer_id not in known]
        if new:
            connection.execute(insert(first_seen), new)
    if ended.dropped_out:
        connection.execute(insert(dropped_out), [{**here, **each.model_dump()} for each in ended.dropped_out])


class TrendNotes:
    """Ids of the reasons that entries carry: there are few combinations, and each is stored once.

    It trusts that the caller's transaction ends well; after one that did not, begin with a new one.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, ...], int] = {}

    def ids(self, connection: Connection, entries: Sequence[Entry]) -> list[int | None]:
        """One id an entry, None where it has no notes."""
        wanted = {tuple(entry.trend_notes) for entry in entries if entry.trend_notes}
        missing = {_digest(notes): notes for notes in wanted - self._known.keys()}
        if missing:
            rows = [{"digest": digest, "trend_notes": list(notes)} for digest, notes in missing.items()]
            connection.execute(insert_if_absent(connection, trend_note), rows)
            found = select(trend_note.c.digest, trend_note.c.note_id).where(trend_note.c.digest.in_(missing))
            self._known.update({missing[row.digest]: row.note_id for row in connection.execute(found)})
        return [self._known[tuple(entry.trend_notes)] if entry.trend_notes else None for entry in entries]


def _digest(notes: tuple[str, ...]) -> str:
    return hashlib.blake2b(json.dumps(notes).encode(), digest_size=16).hexdigest()
