"""The details' ledger and what they brought: one row an offer and week, asked until it is complete. Blocking."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from pydantic_core import to_jsonable_python
from sqlalchemy import Connection, Engine, Select, and_, bindparam, func, literal, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from toplist.api.details import Detail
from toplist.items import Source, Status
from toplist.ranktypes import Protocol
from toplist.storage.database import writing
from toplist.storage.ledger import insert_if_absent
from toplist.storage.tables import detail, list_, list_snapshot, observation, offer_detail, offer_version

_LISTS = 64  # lists that are filled in one transaction, so that nobody waits long for the database


class Due(NamedTuple):
    """An offer whose detail the snapshot wants. `is_there`: it was answered this week."""

    best_rank: int
    offer_id: str
    is_there: bool


def week_of(day: date) -> date:
    """The Monday of a day's ISO week: what a detail is good for."""
    return day - timedelta(days=day.weekday())


class DetailStore:
    """The details of one snapshot's `openplatform` entries; the rows of `base64` bring these fields themselves."""

    def __init__(self, engine: Engine, source: Source, snapshot_date: date):
        self._engine = engine
        self._source = source.value
        self._date = snapshot_date
        self._week = week_of(snapshot_date)

    def plan(self) -> int:
        """Enter every offer of the snapshot as wanted, pending where the week has no row of it. Returns how many."""
        wanted = self._entries(offer_version.c.offer_id, func.min(observation.c.rank)).group_by(
            offer_version.c.offer_id
        )
        columns = ("offer_id", "best_rank", "source", "week_date", "planned_date", "status")
        fixed = (self._source, self._week, self._date, Status.PENDING.value)
        rows = wanted.add_columns(*map(literal, fixed))
        with writing(self._engine) as connection:
            dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
            entering = dialect.insert(detail).from_select(columns, rows)
            new = {"planned_date": entering.excluded.planned_date, "best_rank": entering.excluded.best_rank}
            connection.execute(
                entering.on_conflict_do_update(index_elements=list(detail.primary_key.columns), set_=new)
            )
            return connection.execute(select(func.count()).where(self._planned())).scalar_one()

    def missing(self) -> int:
        """How many of the wanted have no answer of this week."""
        query = select(func.count()).where(self._planned(), detail.c.status != Status.COMPLETE.value)
        with self._engine.connect() as connection:
            return connection.execute(query).scalar_one()

    def wanted(self, after: Due | None, limit: int) -> list[Due]:
        """The next offers after one, best ranked first."""
        order = (detail.c.best_rank, detail.c.offer_id)
        query = select(*order, detail.c.status).where(self._planned()).order_by(*order).limit(limit)
        if after is not None:
            query = query.where(tuple_(*order) > (after.best_rank, after.offer_id))
        with self._engine.connect() as connection:
            return [Due(row[0], row[1], row[2] == Status.COMPLETE) for row in connection.execute(query)]

    def store(self, answered: Detail, collected_at: datetime) -> None:
        """Store a detail and mark it, in one transaction. What is unchanged since another week is stored once."""
        content = to_jsonable_python(asdict(answered))
        digest = hashlib.blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=16).hexdigest()
        with writing(self._engine) as connection:
            connection.execute(insert_if_absent(connection, offer_detail), [{"digest": digest, **content}])
            known = select(offer_detail.c.detail_id).where(offer_detail.c.digest == digest)
            self._mark(
                connection,
                answered.offer_id,
                status=Status.COMPLETE.value,
                code=None,
                message=None,
                detail_id=connection.execute(known).scalar_one(),
                collected_ms=round(collected_at.timestamp() * 1000),
            )

    def fail(self, offer_id: str, code: str, message: str) -> None:
        """LedgerEntry a detail as failed; one that is there stays."""
        with writing(self._engine) as connection:
            not_there = detail.c.status != Status.COMPLETE.value
            failed = Status.FAILED.value
            self._mark(connection, offer_id, not_there, status=failed, code=code, message=message)

    def fill(self, score: Callable[[float | None, int | None], float | None]) -> int:
        """Let the snapshot's entries show this week's details. Returns how many entries changed.

        What the list said stands. `score` is `trend_score`: with the price, its price part is there.
        """
        filled, last = 0, 0
        while True:
            lists = (
                select(list_snapshot.c.list_id)
                .join(list_, list_.c.list_id == list_snapshot.c.list_id)
                .where(self._of_snapshot(), list_snapshot.c.list_id > last)
                .order_by(list_snapshot.c.list_id)
                .limit(_LISTS)
            )
            with writing(self._engine) as connection:
                ids = list(connection.scalars(lists))
                if not ids:
                    return filled
                last = ids[-1]
                filled += self._fill(connection, ids, score)

    def _fill(self, connection: Connection, list_ids: list[int], score: Callable[..., float | None]) -> int:
        query = (
            select(
                observation.c.list_id,
                observation.c.rank,
                observation.c.sale_count,
                func.coalesce(observation.c.price, offer_detail.c.price).label("price"),
                detail.c.detail_id,
            )
            .join(offer_version, offer_version.c.version_id == observation.c.version_id)
            .join(detail, and_(detail.c.offer_id == offer_version.c.offer_id, self._this_week()))
            .join(offer_detail, offer_detail.c.detail_id == detail.c.detail_id)
            .where(observation.c.snapshot_date == self._date, observation.c.list_id.in_(list_ids))
            .where(observation.c.detail_id.is_distinct_from(detail.c.detail_id))
        )
        rows = [
            {"list": row.list_id, "at": row.rank, "its": row.detail_id, "score": score(row.price, row.sale_count)}
            for row in connection.execute(query)
        ]
        if rows:
            here = and_(
                observation.c.list_id == bindparam("list"),
                observation.c.snapshot_date == self._date,
                observation.c.rank == bindparam("at"),
            )
            values: dict[str, Any] = {"detail_id": bindparam("its"), "trend_score": bindparam("score")}
            connection.execute(update(observation).where(here).values(values), rows)
        return len(rows)

    def _mark(self, connection: Connection, offer_id: str, *only: Any, **values: Any) -> None:
        connection.execute(update(detail).where(self._this_week(), detail.c.offer_id == offer_id, *only).values(values))

    def _entries(self, *columns: Any) -> Select[Any]:
        return (
            select(*columns)
            .select_from(list_snapshot)
            .join(list_, list_.c.list_id == list_snapshot.c.list_id)
            .join(
                observation,
                (observation.c.list_id == list_snapshot.c.list_id)
                & (observation.c.snapshot_date == list_snapshot.c.snapshot_date),
            )
            .join(offer_version, offer_version.c.version_id == observation.c.version_id)
            .where(self._of_snapshot())
        )

    def _of_snapshot(self) -> Any:
        return and_(
            list_snapshot.c.snapshot_date == self._date,
            list_.c.source == self._source,
            list_.c.protocol == Protocol.OPENPLATFORM.value,
        )

    def _this_week(self) -> Any:
        return and_(detail.c.source == self._source, detail.c.week_date == self._week)

    def _planned(self) -> Any:
        return and_(self._this_week(), detail.c.planned_date == self._date)
