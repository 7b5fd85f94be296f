"""The ledger: one row per planned list of a snapshot. Blocking: called in the store's thread."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from operator import eq
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Row,
    Table,
    and_,
    case,
    false,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from toplist.items import ListKey, RankList, Source, Status
from toplist.options import CrawlOptions
from toplist.ranktypes import Protocol
from toplist.storage.database import writing
from toplist.storage.tables import list_, list_snapshot

_IDENTITY = (list_.c.source, list_.c.protocol, list_.c.rank_type, list_.c.category_id)


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """What the ledger says of a list on a day."""

    list_id: int
    status: Status
    received: int
    reported_total: int | None
    requested_rows: int | None

    def satisfies(self, options: CrawlOptions) -> bool:
        """Whether the list need not be asked: it is complete, and was asked as deep as the crawl wants."""
        if self.status is not Status.COMPLETE or not options.skips_complete:
            return False
        wanted = options.rows
        if self.requested_rows is None or (
            self.reported_total is not None and self.requested_rows >= self.reported_total
        ):
            return True
        return wanted is not None and wanted <= self.requested_rows


class Ledger:
    """Plans the lists of a snapshot and says how each stands."""

    def __init__(self, engine: Engine, snapshot_date: date):
        self._engine = engine
        self._date = snapshot_date

    def plan(self, keys: Sequence[ListKey], asked: int | None, page_size: int) -> dict[ListKey, LedgerEntry]:
        """Enter `keys` as pending where the day has no row of them yet. Returns how each stands."""
        with writing(self._engine) as connection:
            ids = self._list_ids(connection, keys)
            rows = [
                {
                    "list_id": list_id,
                    "snapshot_date": self._date,
                    "status": Status.PENDING.value,
                    "requested_rows": asked,
                    "page_size": page_size,
                }
                for list_id in sorted(ids.values())  # two crawls that plan at once must not wait for each other
            ]
            connection.execute(insert_if_absent(connection, list_snapshot), rows)
            return self._marks(connection, keys)

    def standing(self, keys: Sequence[ListKey]) -> dict[ListKey, LedgerEntry]:
        """How each of `keys` stands, where the day has a row of it."""
        with self._engine.connect() as connection:
            return self._marks(connection, keys)

    def pages(self, source: Source, protocol: Protocol, page_size: int, asked: int | None) -> dict[str, float]:
        """How many pages a list of each rank type took, on average, on the last day before; `asked` rows at most."""
        mine = (list_.c.source == source.value, list_.c.protocol == protocol.value)
        lists = list_snapshot.join(list_, list_.c.list_id == list_snapshot.c.list_id)
        here = (*mine, list_snapshot.c.snapshot_date < self._date, list_snapshot.c.received > 0)
        total = func.coalesce(list_snapshot.c.reported_total, list_snapshot.c.received)
        rows = total if asked is None else case((total > asked, asked), else_=total)
        with self._engine.connect() as connection:
            newest = select(func.max(list_snapshot.c.snapshot_date)).select_from(lists).where(*here)
            last = connection.execute(newest).scalar()
            query = select(list_.c.rank_type, func.avg((rows + page_size - 1) // page_size)).select_from(lists)
            query = query.where(*here, list_snapshot.c.snapshot_date == last).group_by(list_.c.rank_type)
            return {kind: float(pages) for kind, pages in connection.execute(query)}

    def counts(self) -> Counter[Status]:
        """How many lists of the day stand at which status, over all plans."""
        query = select(list_snapshot.c.status, func.count()).where(list_snapshot.c.snapshot_date == self._date)
        with self._engine.connect() as connection:
            return Counter(
                {Status(row[0]): row[1] for row in connection.execute(query.group_by(list_snapshot.c.status))}
            )

    def record_result(self, connection: Connection, ended: RankList) -> int:
        """LedgerEntry a list as it ended, within the caller's transaction. Returns its id."""
        list_id = self._list_ids(connection, [ended.key])[ended.key]
        values = {
            "status": ended.status.value,
            "code": ended.code,
            "message": ended.message,
            "category_name": ended.category_name,
            "category_level": ended.category_level,
            "category_path": ended.category_path,
            "reported_total": ended.reported_total,
            "received": ended.received,
            "rejected": len(ended.rejected),
            "duplicates": ended.duplicates,
            "requested_rows": ended.requested_rows,
            "page_size": ended.page_size,
            "collected_ms": round(ended.collected_at.timestamp() * 1000) if ended.collected_at else None,
            "lease_owner": None,
            "lease_expires_at": None,
        }
        here = and_(list_snapshot.c.list_id == list_id, list_snapshot.c.snapshot_date == ended.snapshot_date)
        if connection.execute(update(list_snapshot).where(here).values(values)).rowcount == 0:
            connection.execute(
                insert(list_snapshot).values(list_id=list_id, snapshot_date=ended.snapshot_date, **values)
            )
        return list_id

    def mark(self, connection: Connection, key: ListKey, *, lock: bool = False) -> LedgerEntry | None:
        """How one list stands, within the caller's transaction; with `lock`, nobody changes it meanwhile."""
        return self._marks(connection, [key], lock=lock).get(key)

    def free(self, connection: Connection, list_id: int) -> None:
        """End the lease on a list, within the caller's transaction."""
        here = and_(list_snapshot.c.list_id == list_id, list_snapshot.c.snapshot_date == self._date)
        connection.execute(update(list_snapshot).where(here).values(lease_owner=None, lease_expires_at=None))

    def _marks(
        self, connection: Connection, keys: Sequence[ListKey], *, lock: bool = False
    ) -> dict[ListKey, LedgerEntry]:
        query = (
            select(*_IDENTITY, *(list_snapshot.c[name] for name in LedgerEntry.__dataclass_fields__))
            .join(list_, list_.c.list_id == list_snapshot.c.list_id)
            .where(list_snapshot.c.snapshot_date == self._date, _among(keys))
        )
        if lock:
            query = query.with_for_update(of=list_snapshot)
        return {
            _key(row): LedgerEntry(
                row.list_id, Status(row.status), row.received, row.reported_total, row.requested_rows
            )
            for row in connection.execute(query)
        }

    def _list_ids(self, connection: Connection, keys: Iterable[ListKey]) -> dict[ListKey, int]:
        wanted = [tuple(map(str, key)) for key in keys]
        found = self._known(connection, wanted)
        names = ("source", "protocol", "rank_type", "category_id")
        missing = [dict(zip(names, each, strict=True)) for each in sorted(wanted)]  # in one order, as in `plan`
        if len(found) < len(wanted):
            connection.execute(insert_if_absent(connection, list_), missing)
            found = self._known(connection, wanted)
        return {_key(row): row.list_id for row in found}

    @staticmethod
    def _known(connection: Connection, wanted: list[tuple[str, ...]]) -> list[Row[Any]]:
        query = select(*_IDENTITY, list_.c.list_id).where(_among(wanted))
        return list(connection.execute(query))


def _among(keys: Iterable[tuple[str, ...]]) -> ColumnElement[bool]:
    """Whether a list is one of `keys`: by the category within the rest, which an index serves far better."""
    categories: dict[tuple[str, ...], list[str]] = {}
    for key in keys:
        categories.setdefault(key[:3], []).append(key[3])
    *kind, category_id = _IDENTITY
    return or_(
        false(),
        *(and_(*map(eq, kind, shared), category_id.in_(each)) for shared, each in categories.items()),
    )


def _key(row: Row[Any]) -> ListKey:
    return ListKey(Source(row.source), Protocol(row.protocol), row.rank_type, row.category_id)


def insert_if_absent(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An insert that leaves rows alone that are there already."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing()
    return sqlite.insert(table).on_conflict_do_nothing()
