"""Leases: which crawl fetches a list, so that two crawls that planned it do not both ask for it. Blocking.

A lease ends `LEASE` seconds after its last renewal, by the database's clock, so a killed crawl's lists are free again.
Recording the list's result ends it, too (`toplist.storage.ledger`).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import date
from enum import Enum
from typing import NamedTuple

from sqlalchemy import Engine, Update, select, update

from toplist.items import ListKey
from toplist.storage.database import database_now, writing
from toplist.storage.ledger import Ledger, LedgerEntry
from toplist.storage.tables import list_snapshot as snapshots

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


class Leases:
    """One crawl's leases on the lists of a day."""

    def __init__(self, engine: Engine, ledger: Ledger, snapshot_date: date, lease_owner: str):
        self._engine = engine
        self._ledger = ledger
        self._date = snapshot_date
        self.lease_owner = lease_owner

    def claim(self, key: ListKey, is_satisfied: Callable[[LedgerEntry], bool]) -> Claim:
        """Take the lease on a list, unless `is_satisfied` says that it need not be asked, or another crawl has it.

        Lock one list per transaction, so that two crawls cannot deadlock.
        """
        with writing(self._engine) as connection:
            entry = self._ledger.entry(connection, key, lock=True)
            if entry is None:
                return Claim(Claimed.OURS)  # it is not planned, so there is no row for a lease
            if is_satisfied(entry):
                return Claim(Claimed.COMPLETE, entry.received)
            where = (snapshots.c.list_id == entry.list_id) & (snapshots.c.snapshot_date == self._date)
            query = select(snapshots.c.lease_owner, snapshots.c.lease_expires_at, database_now(connection))
            owner, expires_at, now = connection.execute(query.where(where)).one()
            # Further ahead than a lease can be: it was made before the computer restarted, and its clock with it.
            if owner not in (None, self.lease_owner) and now < (expires_at or 0.0) <= now + LEASE:
                return Claim(Claimed.LEASED)
            lease = {"lease_owner": self.lease_owner, "lease_expires_at": now + LEASE}
            connection.execute(update(snapshots).where(where).values(lease))
        return Claim(Claimed.OURS)

    def renew(self) -> None:
        """Let all leases of this crawl last another `LEASE` seconds."""
        with writing(self._engine) as connection:
            connection.execute(self._ours().values(lease_expires_at=database_now(connection) + LEASE))

    def release(self) -> None:
        """End all leases of this crawl."""
        with writing(self._engine) as connection:
            connection.execute(self._ours().values(lease_owner=None, lease_expires_at=None))

    def _ours(self) -> Update:
        return update(snapshots).where(
            snapshots.c.snapshot_date == self._date, snapshots.c.lease_owner == self.lease_owner
        )
