"""What is asked for single offers: details, once a week each, and daily figures. Blocking.

`detail` is the ledger of details: one row for each offer and week, asked for until it is complete.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from pydantic_core import to_jsonable_python
from sqlalchemy import Connection, Engine, Select, and_, bindparam, func, literal, select, tuple_, update

from toplist.api.details import Detail
from toplist.items import Source, Status
from toplist.ranktypes import Protocol
from toplist.storage.database import content_digest, insert_if_absent, upsert, writing
from toplist.storage.tables import detail, list_, observation, offer_daily, offer_detail, offer_version
from toplist.storage.tables import list_snapshot as snapshots

_LISTS = 64  # lists that are filled in one transaction: other processes wait for it


class Due(NamedTuple):
    """An offer whose detail the snapshot needs. `is_complete`: it was answered this week."""

    best_rank: int
    offer_id: str
    is_complete: bool


def week_of(day: date) -> date:
    """The Monday of a day's ISO week. A detail is good for that week."""
    return day - timedelta(days=day.weekday())


class DetailStore:
    """The details of one snapshot's `openplatform` entries. The rows of `base64` have these fields themselves."""

    def __init__(self, engine: Engine, source: Source, snapshot_date: date):
        self._engine = engine
        self._source = source.value
        self._date = snapshot_date
        self._week = week_of(snapshot_date)

    def plan(self) -> int:
        """Plan the detail of every offer of the snapshot, pending where the week has none. Returns how many."""
        wanted = self._entries(offer_version.c.offer_id, func.min(observation.c.rank)).group_by(
            offer_version.c.offer_id
        )
        columns = ("offer_id", "best_rank", "source", "week_date", "planned_date", "status")
        fixed = (self._source, self._week, self._date, Status.PENDING.value)
        rows = wanted.add_columns(*map(literal, fixed))
        with writing(self._engine) as connection:
            entering = upsert(connection, detail, ("planned_date", "best_rank"))
            connection.execute(entering.from_select(columns, rows))
            return connection.execute(select(func.count()).where(self._is_planned())).scalar_one()

    def missing(self) -> int:
        """How many of the planned details have no answer of this week."""
        query = select(func.count()).where(self._is_planned(), detail.c.status != Status.COMPLETE.value)
        with self._engine.connect() as connection:
            return connection.execute(query).scalar_one()

    def wanted(self, after: Due | None, limit: int) -> list[Due]:
        """The next planned offers after one, best ranked first."""
        order = (detail.c.best_rank, detail.c.offer_id)
        query = select(*order, detail.c.status).where(self._is_planned()).order_by(*order).limit(limit)
        if after is not None:
            query = query.where(tuple_(*order) > (after.best_rank, after.offer_id))
        with self._engine.connect() as connection:
            return [Due(row[0], row[1], row[2] == Status.COMPLETE) for row in connection.execute(query)]

    def store(self, answered: Detail, collected_at: datetime) -> None:
        """Store a detail and its result, in one transaction. A detail that has not changed is not stored again."""
        content = to_jsonable_python(asdict(answered))
        digest = content_digest(json.dumps(content, sort_keys=True))
        with writing(self._engine) as connection:
            connection.execute(insert_if_absent(connection, offer_detail), [{"digest": digest, **content}])
            known = select(offer_detail.c.detail_id).where(offer_detail.c.digest == digest)
            self._record(
                connection,
                answered.offer_id,
                status=Status.COMPLETE.value,
                code=None,
                message=None,
                detail_id=connection.execute(known).scalar_one(),
                collected_ms=round(collected_at.timestamp() * 1000),
            )

    def fail(self, offer_id: str, code: str, message: str) -> None:
        """Enter a detail as failed; a complete one stays."""
        with writing(self._engine) as connection:
            is_incomplete = detail.c.status != Status.COMPLETE.value
            failed = Status.FAILED.value
            self._record(connection, offer_id, is_incomplete, status=failed, code=code, message=message)

    def fill(self, score: Callable[[float | None, int | None], float | None]) -> int:
        """Let the snapshot's entries refer to this week's details. Returns how many entries changed.

        A detail only fills what the list left null. `score` is `trend_score`: the price adds its price part.
        """
        filled, last = 0, 0
        while True:
            lists = (
                select(snapshots.c.list_id)
                .join(list_, list_.c.list_id == snapshots.c.list_id)
                .where(self._of_snapshot(), snapshots.c.list_id > last)
                .order_by(snapshots.c.list_id)
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
            .join(detail, and_(detail.c.offer_id == offer_version.c.offer_id, self._is_this_week()))
            .join(offer_detail, offer_detail.c.detail_id == detail.c.detail_id)
            .where(observation.c.snapshot_date == self._date, observation.c.list_id.in_(list_ids))
            .where(observation.c.detail_id.is_distinct_from(detail.c.detail_id))
        )
        rows = [
            {"list": row.list_id, "at": row.rank, "its": row.detail_id, "score": score(row.price, row.sale_count)}
            for row in connection.execute(query)
        ]
        if rows:
            where = and_(
                observation.c.list_id == bindparam("list"),
                observation.c.snapshot_date == self._date,
                observation.c.rank == bindparam("at"),
            )
            values: dict[str, Any] = {"detail_id": bindparam("its"), "trend_score": bindparam("score")}
            connection.execute(update(observation).where(where).values(values), rows)
        return len(rows)

    def _record(self, connection: Connection, offer_id: str, *only: Any, **values: Any) -> None:
        connection.execute(
            update(detail).where(self._is_this_week(), detail.c.offer_id == offer_id, *only).values(values)
        )

    def _entries(self, *columns: Any) -> Select[Any]:
        return (
            select(*columns)
            .select_from(snapshots)
            .join(list_, list_.c.list_id == snapshots.c.list_id)
            .join(
                observation,
                (observation.c.list_id == snapshots.c.list_id)
                & (observation.c.snapshot_date == snapshots.c.snapshot_date),
            )
            .join(offer_version, offer_version.c.version_id == observation.c.version_id)
            .where(self._of_snapshot())
        )

    def _of_snapshot(self) -> Any:
        return and_(
            snapshots.c.snapshot_date == self._date,
            list_.c.source == self._source,
            list_.c.protocol == Protocol.OPENPLATFORM.value,
        )

    def _is_this_week(self) -> Any:
        return and_(detail.c.source == self._source, detail.c.week_date == self._week)

    def _is_planned(self) -> Any:
        return and_(self._is_this_week(), detail.c.planned_date == self._date)


class DailyStore:
    """The figures of one source's offers. `figure` is a column of the table: `toplist.api.daily.Figure.field`."""

    def __init__(self, engine: Engine, source: Source):
        self._engine = engine
        self._source = source.value

    def last_day(self, offer_id: str, figure: str) -> date | None:
        """The newest day that has the figure."""
        query = select(func.max(offer_daily.c.day)).where(
            offer_daily.c.source == self._source,
            offer_daily.c.offer_id == offer_id,
            offer_daily.c[figure].is_not(None),
        )
        with self._engine.connect() as connection:
            found: date | None = connection.execute(query).scalar_one()
            return found

    def store(self, offer_id: str, figure: str, figures: Mapping[date, int | float]) -> None:
        """Enter a figure of some days; the other figures of these days stay."""
        rows = [
            {"source": self._source, "offer_id": offer_id, "day": day, figure: value} for day, value in figures.items()
        ]
        if not rows:
            return
        with writing(self._engine) as connection:
            connection.execute(upsert(connection, offer_daily, [figure]), rows)

    def breakouts(self, snapshot_date: date, limit: int) -> list[str]:
        """The offers of a snapshot with the highest breakout score, highest first; those without one are left out."""
        best = func.max(observation.c.breakout_score)
        query = (
            select(offer_version.c.offer_id)
            .select_from(observation)
            .join(list_, list_.c.list_id == observation.c.list_id)
            .join(offer_version, offer_version.c.version_id == observation.c.version_id)
            .where(
                observation.c.snapshot_date == snapshot_date,
                list_.c.source == self._source,
                observation.c.breakout_score.is_not(None),
            )
            .group_by(offer_version.c.offer_id)
            .order_by(best.desc(), offer_version.c.offer_id)
            .limit(limit)
        )
        with self._engine.connect() as connection:
            return list(connection.scalars(query))
