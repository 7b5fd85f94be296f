"""The ledger: one row for each planned list of a snapshot, and the lease of the crawl that fetches it. Blocking.

A lease keeps two crawls that planned a list from both asking for it. It ends `LEASE` seconds after its last renewal, by
the database's clock, so a killed crawl's lists are free again; recording the list's result ends it, too.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum
from operator import eq
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Row,
    Select,
    Update,
    and_,
    bindparam,
    case,
    false,
    func,
    insert,
    or_,
    select,
    update,
)

from toplist.items import ListKey, RankList, Source, Status
from toplist.ranktypes import Protocol
from toplist.storage.database import database_now, insert_if_absent, writing
from toplist.storage.tables import list_, observation, offer_version
from toplist.storage.tables import list_snapshot as snapshots

LOOK_BACK = 30

COMPARED = 100
"""Ranks of a list's last complete day that its answer is compared with."""

_IDENTITY = (list_.c.source, list_.c.protocol, list_.c.rank_type, list_.c.category_id)


LEASE = 30.0
"""Seconds that a claim or a renewal lasts."""

_MAX_NAME = 64  # characters of `lease_owner`


class Claimed(Enum):
    """The result of a claim."""

    OURS = "fetch it"
    LEASED = "another crawl is fetching it"
    COMPLETE = "nothing is left to ask for"


class Claim(NamedTuple):
    """`rows` is how many rows the list has, where it is complete."""

    claimed: Claimed
    rows: int = 0


def lease_owner_name(job: str | None) -> str:
    """A unique name for this crawl, made from Scrapyd's job id, if any. It says nothing of keys or machines."""
    return f"{(job or 'crawl')[: _MAX_NAME - 9]}-{secrets.token_hex(4)}"


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """A list of a day, as the ledger has it."""

    list_id: int
    status: Status
    received: int
    reported_total: int | None
    requested_rows: int | None
    rejected: int = 0
    duplicates: int = 0

    @property
    def stored_rows(self) -> int:
        """Rows of the feed: without those that were rejected and those that came twice."""
        return self.received - self.rejected - self.duplicates

    @property
    def is_complete(self) -> bool:
        """Whether it has all the rows that were asked for."""
        return self.status is Status.COMPLETE

    def satisfies(self, requested_rows: int | None, *, refetch: bool = False) -> bool:
        """Whether the list need not be asked: it is complete, at least `requested_rows` deep (None: all of it).

        With `refetch` (`refresh=1`, or DeltaFetch switched off) no entry satisfies.
        """
        if refetch or not self.is_complete:
            return False
        if self.requested_rows is None:
            return True
        if self.reported_total is not None and self.requested_rows >= self.reported_total:
            return True
        return requested_rows is not None and requested_rows <= self.requested_rows


class LastDay(NamedTuple):
    """A list's last complete day: how many rows came, and the offers of the first `COMPARED` ranks."""

    rows: int
    offers: frozenset[str]


_ENTRY_COLUMNS = tuple(snapshots.c[name] for name in LedgerEntry.__dataclass_fields__)
# What every list asks is made once: making a statement and finding its compiled text takes longer than SQLite does.
_LOCKED_ENTRY = (
    select(*_ENTRY_COLUMNS)
    .join(list_, list_.c.list_id == snapshots.c.list_id)
    .where(snapshots.c.snapshot_date == bindparam("day"), *(column == bindparam(column.name) for column in _IDENTITY))
    .with_for_update(of=snapshots)
)
_OFFERS = (
    select(observation.c.list_id, offer_version.c.offer_id)
    .join(offer_version, offer_version.c.version_id == observation.c.version_id)
    .where(
        observation.c.list_id.in_(bindparam("lists", expanding=True)),
        observation.c.snapshot_date == bindparam("day"),
        observation.c.rank <= COMPARED,
    )
)
_PLACE = snapshots.c.list_id == bindparam("of"), snapshots.c.snapshot_date == bindparam("on")
_UPDATE = update(snapshots).where(*_PLACE)


class Ledger:
    """The planned lists of one snapshot."""

    def __init__(self, engine: Engine, snapshot_date: date):
        self._engine = engine
        self._date = snapshot_date

    def plan(self, keys: Sequence[ListKey], requested_rows: int | None, page_size: int) -> dict[ListKey, LedgerEntry]:
        """Enter `keys` as pending where the day has no row of them yet. Returns the entry of each."""
        with writing(self._engine) as connection:
            ids = self._list_ids(connection, keys)
            rows = [
                {
                    "list_id": list_id,
                    "snapshot_date": self._date,
                    "status": Status.PENDING.value,
                    "requested_rows": requested_rows,
                    "page_size": page_size,
                }
                for list_id in sorted(ids.values())  # in one order, so that two crawls cannot deadlock
            ]
            connection.execute(insert_if_absent(connection, snapshots), rows)
            return self._entries(connection, keys)

    def entries(self, keys: Sequence[ListKey]) -> dict[ListKey, LedgerEntry]:
        """The entries of `keys`, where the day has them."""
        with self._engine.connect() as connection:
            return self._entries(connection, keys)

    def last_days(self, keys: Sequence[ListKey]) -> dict[ListKey, LastDay]:
        """What each of `keys` had on its last complete day of the `LOOK_BACK` days before this one."""
        query: Select[Any] = (
            select(*_IDENTITY, snapshots.c.list_id, snapshots.c.snapshot_date, snapshots.c.received)
            .join(list_, list_.c.list_id == snapshots.c.list_id)
            .where(
                snapshots.c.snapshot_date < self._date,
                snapshots.c.snapshot_date >= self._date - timedelta(days=LOOK_BACK),
                snapshots.c.status == Status.COMPLETE.value,
                _among(keys),
            )
            .order_by(snapshots.c.snapshot_date)
        )
        with self._engine.connect() as connection:
            last = {_key(row): row for row in connection.execute(query)}  # the last day replaces the others
            offers = _offers(connection, list(last.values()))
        return {key: LastDay(row.received, frozenset(offers[row.list_id])) for key, row in last.items()}

    def pages(self, source: Source, protocol: Protocol, page_size: int, max_rows: int | None) -> dict[str, float]:
        """Average pages of a list of each rank type, on the last day before; at most `max_rows` rows of each list."""
        mine = (list_.c.source == source.value, list_.c.protocol == protocol.value)
        lists = snapshots.join(list_, list_.c.list_id == snapshots.c.list_id)
        of_past = (snapshots.c.snapshot_date < self._date, snapshots.c.received > 0)
        total = func.coalesce(snapshots.c.reported_total, snapshots.c.received)
        rows = total if max_rows is None else case((total > max_rows, max_rows), else_=total)
        with self._engine.connect() as connection:
            # From the newest day back, by its index: over the join, every day of the history would be read.
            is_mine = select(list_.c.list_id).where(list_.c.list_id == snapshots.c.list_id, *mine).exists()
            newest = select(snapshots.c.snapshot_date).where(*of_past, is_mine)
            last = connection.execute(newest.order_by(snapshots.c.snapshot_date.desc()).limit(1)).scalar()
            query = select(list_.c.rank_type, func.avg((rows + page_size - 1) // page_size)).select_from(lists)
            query = query.where(*mine, *of_past, snapshots.c.snapshot_date == last).group_by(list_.c.rank_type)
            return {kind: float(pages) for kind, pages in connection.execute(query)}

    def counts(self) -> Counter[Status]:
        """How many lists of the day have each status, over all plans."""
        query = select(snapshots.c.status, func.count()).where(snapshots.c.snapshot_date == self._date)
        with self._engine.connect() as connection:
            return Counter({Status(row[0]): row[1] for row in connection.execute(query.group_by(snapshots.c.status))})

    def record_result(self, connection: Connection, ended: RankList, list_id: int | None = None) -> int:
        """Enter how a list ended, and end its lease, within the caller's transaction. Returns its id.

        `list_id` where the caller knows it.
        """
        if list_id is None:
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
        if connection.execute(_UPDATE, {**values, "of": list_id, "on": ended.snapshot_date}).rowcount == 0:
            connection.execute(insert(snapshots).values(list_id=list_id, snapshot_date=ended.snapshot_date, **values))
        return list_id

    def entry(self, connection: Connection, key: ListKey) -> LedgerEntry | None:
        """One list's entry, within the caller's transaction: no other process changes it meanwhile."""
        row = connection.execute(_LOCKED_ENTRY, {**key._asdict(), "day": self._date}).first()
        return None if row is None else _entry(row)

    def end_lease(self, connection: Connection, list_id: int) -> None:
        """End the lease on a list, within the caller's transaction."""
        connection.execute(_UPDATE, {"of": list_id, "on": self._date, "lease_owner": None, "lease_expires_at": None})

    def _entries(self, connection: Connection, keys: Sequence[ListKey]) -> dict[ListKey, LedgerEntry]:
        query = (
            select(*_IDENTITY, *_ENTRY_COLUMNS)
            .join(list_, list_.c.list_id == snapshots.c.list_id)
            .where(snapshots.c.snapshot_date == self._date, _among(keys))
        )
        return {_key(row): _entry(row) for row in connection.execute(query)}

    def _list_ids(self, connection: Connection, keys: Iterable[ListKey]) -> dict[ListKey, int]:
        wanted = [tuple(map(str, key)) for key in keys]
        found = self._known(connection, wanted)
        names = ("source", "protocol", "rank_type", "category_id")
        if len(found) < len(wanted):
            missing = [dict(zip(names, each, strict=True)) for each in sorted(wanted)]  # in one order, as in `plan`
            connection.execute(insert_if_absent(connection, list_), missing)
            found = self._known(connection, wanted)
        return {_key(row): row.list_id for row in found}

    @staticmethod
    def _known(connection: Connection, wanted: list[tuple[str, ...]]) -> list[Row[Any]]:
        query = select(*_IDENTITY, list_.c.list_id).where(_among(wanted))
        return list(connection.execute(query))


class Leases:
    """One crawl's leases on the lists of a day."""

    def __init__(self, engine: Engine, snapshot_date: date, lease_owner: str):
        self._engine = engine
        self._date = snapshot_date
        self.lease_owner = lease_owner
        # Around the locked row, not beside it: PostgreSQL would read the clock before it waits for the lock.
        row = _LOCKED_ENTRY.add_columns(snapshots.c.lease_owner, snapshots.c.lease_expires_at).subquery()
        self._locked = select(row, database_now(engine).label("now"))

    def claim(self, key: ListKey, is_satisfied: Callable[[LedgerEntry], bool]) -> Claim:
        """Take the lease on a list, unless `is_satisfied` says that it need not be asked, or another crawl has it.

        Lock one list per transaction, so that two crawls cannot deadlock.
        """
        with writing(self._engine) as connection:
            row = connection.execute(self._locked, {**key._asdict(), "day": self._date}).first()
            if row is None:
                return Claim(Claimed.OURS)  # it is not planned, so there is no row for a lease
            entry, owner, expires_at, now = _entry(row), row.lease_owner, row.lease_expires_at, row.now
            if is_satisfied(entry):
                return Claim(Claimed.COMPLETE, entry.stored_rows)
            # Further ahead than a lease can be: it was made before the computer restarted, and its clock with it.
            if owner not in (None, self.lease_owner) and now < (expires_at or 0.0) <= now + LEASE:
                return Claim(Claimed.LEASED)
            lease = {"lease_owner": self.lease_owner, "lease_expires_at": now + LEASE}
            connection.execute(_UPDATE, {"of": entry.list_id, "on": self._date, **lease})
        return Claim(Claimed.OURS)

    def renew(self) -> None:
        """Let all leases of this crawl last another `LEASE` seconds."""
        with writing(self._engine) as connection:
            connection.execute(self._ours().values(lease_expires_at=database_now(self._engine) + LEASE))

    def release(self) -> None:
        """End all leases of this crawl."""
        with writing(self._engine) as connection:
            connection.execute(self._ours().values(lease_owner=None, lease_expires_at=None))

    def _ours(self) -> Update:
        return update(snapshots).where(
            snapshots.c.snapshot_date == self._date, snapshots.c.lease_owner == self.lease_owner
        )


def _among(keys: Iterable[tuple[str, ...]]) -> ColumnElement[bool]:
    """Whether a list is one of `keys`. Categories are grouped by the rest of the key, which the index serves best."""
    categories: dict[tuple[str, ...], list[str]] = {}
    for key in keys:
        categories.setdefault(key[:3], []).append(key[3])
    *kind, category_id = _IDENTITY
    return or_(
        false(),
        *(and_(*map(eq, kind, shared), category_id.in_(each)) for shared, each in categories.items()),
    )


def _offers(connection: Connection, days: Sequence[Row[Any]]) -> dict[int, list[str]]:
    """The offers of the first ranks of some lists, by list id; each on its own day, which most of them share."""
    lists: dict[date, list[int]] = {}
    for row in days:
        lists.setdefault(row.snapshot_date, []).append(row.list_id)
    found: dict[int, list[str]] = {row.list_id: [] for row in days}
    for day, ids in lists.items():
        for list_id, offer_id in connection.execute(_OFFERS, {"day": day, "lists": ids}):
            found[list_id].append(offer_id)
    return found


def _entry(row: Row[Any]) -> LedgerEntry:
    return LedgerEntry(
        row.list_id,
        Status(row.status),
        row.received,
        row.reported_total,
        row.requested_rows,
        row.rejected,
        row.duplicates,
    )


def _key(row: Row[Any]) -> ListKey:
    return ListKey(Source(row.source), Protocol(row.protocol), row.rank_type, row.category_id)
