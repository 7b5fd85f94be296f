"""Leases: which crawl is fetching a list, so that two that planned it do not both ask for it. Blocking.

A lease ends by itself, by the database's clock, unless its crawl renews it: what a killed crawl was fetching is free
again after `LEASE` seconds. Settling the list ends it, too (`toplist.storage.ledger`).
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
from toplist.storage.tables import list_snapshot

LEASE = 30.0
"""Seconds that a claim or a renewal holds."""

_LONGEST = 64  # characters of a lease_owner's name


class Claimed(Enum):
    """What became of a claim."""

    OURS = "fetch it"
    HELD = "another crawl is fetching it"
    THERE = "nothing is left to ask for"


class Claim(NamedTuple):
    """`rows` is how many the list has, where it is there."""

    claimed: Claimed
    rows: int = 0


def lease_owner_name(job: str | None) -> str:
    """A name for this crawl that no other has and that says nothing of keys or machines: Scrapyd's job id, if any."""
    return f"{(job or 'crawl')[: _LONGEST - 9]}-{secrets.token_hex(4)}"


class Leases:
    """One crawl's leases on the lists of a day."""

    def __init__(self, engine: Engine, ledger: Ledger, snapshot_date: date, lease_owner: str):
        self._engine = engine
        self._ledger = ledger
        self._date = snapshot_date
        self.lease_owner = lease_owner

    def claim(self, key: ListKey, is_there: Callable[[LedgerEntry], bool]) -> Claim:
        """Take the lease on a list, unless `is_there` says that it need not be fetched or another crawl holds it.

        One list a transaction: who locks several may wait for who waits for him.
        """
        with writing(self._engine) as connection:
            mark = self._ledger.mark(connection, key, lock=True)
            if mark is None:
                return Claim(Claimed.OURS)  # nobody planned it: there is nothing to hold
            if is_there(mark):
                return Claim(Claimed.THERE, mark.received)
            here = (list_snapshot.c.list_id == mark.list_id) & (list_snapshot.c.snapshot_date == self._date)
            query = select(
                list_snapshot.c.lease_owner, list_snapshot.c.lease_expires_at, database_now(connection)
            ).where(here)
            lease_owner, lease_expires_at, now = connection.execute(query).one()
            # Further ahead than a lease can be: it was made before the computer, and its clock, began anew.
            if lease_owner not in (None, self.lease_owner) and now < (lease_expires_at or 0.0) <= now + LEASE:
                return Claim(Claimed.HELD)
            connection.execute(
                update(list_snapshot).where(here).values(lease_owner=self.lease_owner, lease_expires_at=now + LEASE)
            )
        return Claim(Claimed.OURS)

    def renew(self) -> None:
        """Delay everything that is held for another `LEASE` seconds."""
        with writing(self._engine) as connection:
            connection.execute(self._ours().values(lease_expires_at=database_now(connection) + LEASE))

    def release(self) -> None:
        """Give back whatever is still held."""
        with writing(self._engine) as connection:
            connection.execute(self._ours().values(lease_owner=None, lease_expires_at=None))

    def _ours(self) -> Update:
        return update(list_snapshot).where(
            list_snapshot.c.snapshot_date == self._date, list_snapshot.c.lease_owner == self.lease_owner
        )
