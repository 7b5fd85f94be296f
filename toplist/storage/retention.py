"""Deletes old snapshots where `TOPLIST_RETENTION_DAYS` asks for it. Nothing else deletes from the history. Blocking."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Engine, bindparam, delete, select

from toplist.storage.database import writing
from toplist.storage.tables import dropped_out, list_snapshot, observation, rejected

_BATCH = 500
_TABLES = (observation, rejected, dropped_out, list_snapshot)
_DELETES = [
    delete(table).where(
        table.c.list_id == bindparam("of_list"),
        table.c.snapshot_date == bindparam("of_day"),
    )
    for table in _TABLES
]


def prune(engine: Engine, before: date) -> int:
    """Delete every snapshot older than `before`, some lists at a time, so that no crawl waits long. Returns how many.

    A list and a day at a time, by the primary key: a history of years is not read through to forget a day. What offers
    are called, and when a list first held one, is kept: later days refer to it.
    """
    oldest = (
        select(list_snapshot.c.list_id, list_snapshot.c.snapshot_date)
        .where(list_snapshot.c.snapshot_date < before)
        .limit(_BATCH)
    )
    gone = 0
    while True:
        with writing(engine) as connection:
            rows = [{"of_list": row.list_id, "of_day": row.snapshot_date} for row in connection.execute(oldest)]
            if not rows:
                return gone
            for statement in _DELETES:
                connection.execute(statement, rows)
            gone += len(rows)
