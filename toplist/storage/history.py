"""The history: stores a list's rows and its result in one transaction, and reads any snapshot again. Blocking."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, bindparam, delete, func, insert, select
from sqlalchemy.exc import IntegrityError

from toplist.items import DroppedOut, Entry, ListKey, Offer, RankList, RejectedRow, Source, Status, Trends
from toplist.storage.database import content_digest, insert_if_absent, writing
from toplist.storage.history_reader import TrendNotes, write_trends
from toplist.storage.ledger import Ledger, LedgerEntry
from toplist.storage.tables import (
    dropped_out,
    list_,
    observation,
    offer_detail,
    offer_version,
    rejected,
    trend_note,
)
from toplist.storage.tables import list_snapshot as snapshots

_VERSIONED = {name for name in Offer.model_fields if name in offer_version.c}
_NUMBERS = tuple(name for name in (*Offer.model_fields, *Trends.model_fields) if name in observation.c)
#: Fields that an offer's detail fills where the list has null.
_DETAILS = tuple(name for name in Offer.model_fields if name in offer_detail.c and name != "offer_id")
_BATCH = 2000
# As in the ledger: made once, for every list.
_DELETES = {
    table: delete(table).where(
        table.c.list_id == bindparam("list_id"), table.c.snapshot_date == bindparam("snapshot_date")
    )
    for table in (observation, rejected, dropped_out)
}
_INSERT = insert(observation)
_VERSIONS = select(offer_version.c.digest, offer_version.c.version_id).where(
    offer_version.c.digest.in_(bindparam("digests", expanding=True))
)


class History:
    """The stored lists and entries. A list is stored whole or not at all."""

    def __init__(self, engine: Engine, ledger: Ledger):
        self._engine = engine
        self._ledger = ledger
        self._notes = TrendNotes()

    def store(self, ended: RankList, *, refresh: bool = False) -> bool:
        """Store a list's rows and its result. Returns whether the day now has these rows.

        Fewer rows never replace more, unless `refresh`; and then only rows replace rows.
        """
        try:
            return self._attempt(ended, refresh)
        except IntegrityError:
            # Pruning, in another process, may have deleted a version between its look-up and its use.
            return self._attempt(ended, refresh)

    def _attempt(self, ended: RankList, refresh: bool) -> bool:
        try:
            return self._store(ended, refresh)
        except Exception:
            self._notes = TrendNotes()  # the ids it knows may have been rolled back
            raise

    def _store(self, ended: RankList, refresh: bool) -> bool:
        with writing(self._engine) as connection:
            before = self._ledger.entry(connection, ended.key)
            if before is not None and keep_existing(before, ended, refresh):
                self._ledger.end_lease(connection, before.list_id)
                return False
            list_id = self._ledger.record_result(connection, ended, None if before is None else before.list_id)
            if before is not None and before.received:
                _delete_rows(connection, before, ended.snapshot_date)
            if ended.entries or ended.rejected:
                self._insert_rows(connection, list_id, ended)
        return True

    def entries(self, snapshot_date: date, source: Source) -> Iterator[Entry]:
        """A snapshot's entries, by protocol, rank type, category and rank. They are streamed in batches."""
        order = (list_.c.protocol, list_.c.rank_type, list_.c.category_id, observation.c.rank)
        query = (
            select(
                list_.c.source,
                list_.c.protocol,
                list_.c.rank_type,
                list_.c.category_id,
                snapshots.c.snapshot_date,
                snapshots.c.category_name,
                snapshots.c.category_level,
                snapshots.c.category_path,
                snapshots.c.reported_total.label("total"),
                observation.c.rank,
                observation.c.collected_ms,
                *_shown(),
            )
            .select_from(snapshots)
            .join(list_, list_.c.list_id == snapshots.c.list_id)
            .join(
                observation,
                (observation.c.list_id == snapshots.c.list_id)
                & (observation.c.snapshot_date == snapshots.c.snapshot_date),
            )
            .join(offer_version, offer_version.c.version_id == observation.c.version_id)
            .outerjoin(trend_note, trend_note.c.note_id == observation.c.note_id)
            .outerjoin(offer_detail, offer_detail.c.detail_id == observation.c.detail_id)
            .where(snapshots.c.snapshot_date == snapshot_date, list_.c.source == source.value)
            .order_by(*order)
        )
        with self._engine.connect().execution_options(yield_per=_BATCH) as connection:
            for row in connection.execute(query).mappings():
                values = dict(row)
                at = datetime.fromtimestamp(values.pop("collected_ms") / 1000, UTC)
                yield Entry(collected_at=at, **values)

    def rows(self, snapshot_date: date, source: Source) -> int:
        """How many entries a snapshot has."""
        kept = snapshots.c.received - snapshots.c.rejected - snapshots.c.duplicates
        query = (
            select(func.coalesce(func.sum(kept), 0))
            .join(list_, list_.c.list_id == snapshots.c.list_id)
            .where(snapshots.c.snapshot_date == snapshot_date, list_.c.source == source.value)
        )
        with self._engine.connect() as connection:
            return int(connection.execute(query).scalar_one())

    def span(self, source: Source) -> tuple[date, date] | None:
        """The first and the last day that has an entry."""
        query = (
            select(func.min(observation.c.snapshot_date), func.max(observation.c.snapshot_date))
            .join(list_, list_.c.list_id == observation.c.list_id)
            .where(list_.c.source == source.value)
        )
        with self._engine.connect() as connection:
            first, last = connection.execute(query).one()
        return (first, last) if first else None

    def rejected(self, snapshot_date: date, source: Source) -> list[tuple[ListKey, RejectedRow]]:
        """The rows of a snapshot that could not be read, with the list each came in."""
        query = (
            select(list_, rejected.c.position, rejected.c.reason, rejected.c.row)
            .join(list_, list_.c.list_id == rejected.c.list_id)
            .where(rejected.c.snapshot_date == snapshot_date, list_.c.source == source.value)
            .order_by(list_.c.protocol, list_.c.rank_type, list_.c.category_id, rejected.c.position)
        )
        with self._engine.connect() as connection:
            return [
                (
                    ListKey(row.source, row.protocol, row.rank_type, row.category_id),
                    RejectedRow(position=row.position, reason=row.reason, row=row.row),
                )
                for row in connection.execute(query)
            ]

    def dropped_out(self, snapshot_date: date, source: Source) -> list[tuple[ListKey, DroppedOut]]:
        """The offers that left their lists since the last complete snapshot before, with the list each left."""
        query = (
            select(list_, dropped_out)
            .join(list_, list_.c.list_id == dropped_out.c.list_id)
            .where(dropped_out.c.snapshot_date == snapshot_date, list_.c.source == source.value)
            .order_by(list_.c.protocol, list_.c.rank_type, list_.c.category_id, dropped_out.c.rank)
        )
        with self._engine.connect() as connection:
            return [
                (
                    ListKey(row.source, row.protocol, row.rank_type, row.category_id),
                    DroppedOut(
                        offer_id=row.offer_id, base_date=row.base_date, rank=row.rank, sale_count=row.sale_count
                    ),
                )
                for row in connection.execute(query)
            ]

    def _insert_rows(self, connection: Connection, list_id: int, ended: RankList) -> None:
        place = {"list_id": list_id, "snapshot_date": ended.snapshot_date}
        if ended.entries:
            versions = _version_ids(connection, ended.entries)
            notes = self._notes.ids(connection, ended.entries, ended.snapshot_date)
            connection.execute(
                _INSERT,
                [
                    {
                        **place,
                        "rank": entry.rank,
                        "version_id": version_id,
                        "note_id": note_id,
                        "collected_ms": round(entry.collected_at.timestamp() * 1000),
                        **{name: getattr(entry, name) for name in _NUMBERS},
                    }
                    for entry, version_id, note_id in zip(ended.entries, versions, notes, strict=True)
                ],
            )
        if ended.rejected:
            connection.execute(insert(rejected), [{**place, **each.model_dump()} for each in ended.rejected])
        write_trends(connection, list_id, ended)


def _delete_rows(connection: Connection, before: LedgerEntry, snapshot_date: date) -> None:
    """What an earlier crawl of the day stored of the list."""
    for table, statement in _DELETES.items():
        if table is not rejected or before.rejected:
            connection.execute(statement, {"list_id": before.list_id, "snapshot_date": snapshot_date})


def _shown() -> Iterator[ColumnElement[Any]]:
    """The columns of an entry: the list's value, or the detail's where the list has none."""
    for name in (*Offer.model_fields, *Trends.model_fields):
        columns = [table.c[name] for table in (offer_version, observation, trend_note) if name in table.c]
        columns += [offer_detail.c[name]] if name in _DETAILS else []
        yield func.coalesce(*columns).label(name) if len(columns) > 1 else columns[0]


def keep_existing(before: LedgerEntry, ended: RankList, refresh: bool) -> bool:
    """Whether the stored result of a list is worth more than a new one."""
    if before.received == 0:
        return before.status in _ANSWERED and ended.status is Status.FAILED
    if not ended.entries:
        return True
    return not refresh and ended.received < before.received


_ANSWERED = (Status.COMPLETE, Status.PARTIAL, Status.EMPTY, Status.ABSENT)


def _version_ids(connection: Connection, entries: Sequence[Entry]) -> list[int]:
    """The ids of the offers' versions, in the order of the entries; new versions are entered."""
    digests = [content_digest(entry.model_dump_json(include=_VERSIONED)) for entry in entries]
    known = _known_versions(connection, digests)
    missing: dict[str, dict[str, Any]] = {
        digest: {"digest": digest, **_first_tier(entry), **entry.model_dump(include=_VERSIONED)}
        for digest, entry in zip(digests, entries, strict=True)
        if digest not in known
    }
    if missing:
        # In one order, so that two crawls that enter the same versions cannot deadlock.
        ordered = [missing[digest] for digest in sorted(missing)]
        connection.execute(insert_if_absent(connection, offer_version), ordered)
        known.update(_known_versions(connection, list(missing)))
    return [known[digest] for digest in digests]


def _first_tier(entry: Entry) -> dict[str, Any]:
    """The tier that prices of different days are compared by."""
    first = min(entry.price_tiers or (), key=lambda tier: tier.start_quantity, default=None)
    return {"tier_start": first and first.start_quantity, "tier_price": first and first.price}


def _known_versions(connection: Connection, digests: list[str]) -> dict[str, int]:
    return {row.digest: row.version_id for row in connection.execute(_VERSIONS, {"digests": digests})}
