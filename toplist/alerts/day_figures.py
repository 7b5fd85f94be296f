"""The figures that the monitors compare, from the database. Blocking."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, and_, case, func, select

from toplist.alerts.monitors import TRAILING_DAYS, DayFigures
from toplist.items import Source, Status
from toplist.ranktypes import Protocol
from toplist.storage.tables import list_, list_snapshot, observation, offer_version

#: Fields whose share of null is watched: what a row of a list says itself.
_OBSERVED = ("price", "sale_count", "buyer_count", "repurchase_rate", "trade_score")
_VERSIONED = ("title", "min_order", "supplier", "main_img")
_ENDED = (Status.COMPLETE, Status.PARTIAL, Status.EMPTY, Status.ABSENT)


def read_day_figures(
    engine: Engine, source: Source, protocol: Protocol, snapshot_date: date
) -> tuple[DayFigures, list[DayFigures]]:
    """A snapshot's figures, and those of the snapshots of the `TRAILING_DAYS` days before, oldest first."""
    with engine.connect() as connection:
        earliest = snapshot_date - timedelta(days=TRAILING_DAYS)
        lists = {
            row.snapshot_date: row for row in connection.execute(_lists(source, protocol, earliest, snapshot_date))
        }
        rows = {row.snapshot_date: row for row in connection.execute(_rows(source, protocol, earliest, snapshot_date))}
        compared, unchanged = _compare(connection, source, protocol, snapshot_date)
    days = {day: _figures(lists[day], rows.get(day)) for day in sorted(lists)}
    today = days.pop(snapshot_date, DayFigures())
    return replace(today, compared_lists=compared, unchanged_lists=unchanged), list(days.values())


def _of(source: Source, protocol: Protocol) -> Any:
    return and_(list_.c.source == source.value, list_.c.protocol == protocol.value)


def _lists(source: Source, protocol: Protocol, first: date, last: date) -> Any:
    ended = case((list_snapshot.c.status.in_([status.value for status in _ENDED]), 1), else_=0)
    ungranted = case((list_snapshot.c.code == "no grant", 1), else_=0)
    return (
        select(
            list_snapshot.c.snapshot_date,
            func.count().label("lists"),
            func.sum(ended).label("ended"),
            func.sum(ungranted).label("ungranted"),
        )
        .join(list_, list_.c.list_id == list_snapshot.c.list_id)
        .where(_of(source, protocol), list_snapshot.c.snapshot_date.between(first, last))
        .group_by(list_snapshot.c.snapshot_date)
    )


def _rows(source: Source, protocol: Protocol, first: date, last: date) -> Any:
    fields = [observation.c[name] for name in _OBSERVED] + [offer_version.c[name] for name in _VERSIONED]
    known = observation.c.movement.is_distinct_from("unknown")
    return (
        select(
            observation.c.snapshot_date,
            func.count().label("rows"),
            func.sum(case((observation.c.movement == "new_entry", 1), else_=0)).label("new"),
            func.sum(case((known, 1), else_=0)).label("known"),
            *(func.sum(case((column.is_(None), 1), else_=0)).label(f"null_{column.name}") for column in fields),
        )
        .join(list_, list_.c.list_id == observation.c.list_id)
        .join(offer_version, offer_version.c.version_id == observation.c.version_id)
        .where(_of(source, protocol), observation.c.snapshot_date.between(first, last))
        .group_by(observation.c.snapshot_date)
    )


def _figures(lists: Any, rows: Any) -> DayFigures:
    if rows is None:
        return DayFigures(lists.lists, lists.ended, lists.ungranted)
    return DayFigures(
        lists.lists,
        lists.ended,
        lists.ungranted,
        rows.rows,
        {name: getattr(rows, f"null_{name}") / rows.rows for name in (*_OBSERVED, *_VERSIONED)},
        rows.new / rows.known if rows.known else None,
    )


def _compare(connection: Connection, source: Source, protocol: Protocol, day: date) -> tuple[int, int]:
    """How many lists have rows on the day and on the snapshot day before it, and how many of them are equal."""
    before = connection.scalar(
        select(func.max(list_snapshot.c.snapshot_date))
        .join(list_, list_.c.list_id == list_snapshot.c.list_id)
        .where(_of(source, protocol), list_snapshot.c.snapshot_date < day, list_snapshot.c.received > 0)
    )
    if before is None:
        return 0, 0
    now, then = _contents(connection, source, protocol, day), _contents(connection, source, protocol, before)
    compared = unchanged = 0
    old = next(then, None)
    for list_id, rows in now:
        while old is not None and old[0] < list_id:
            old = next(then, None)
        if old is not None and old[0] == list_id:
            compared += 1
            unchanged += old[1] == rows
    return compared, unchanged


def _contents(
    connection: Connection, source: Source, protocol: Protocol, day: date
) -> Iterator[tuple[int, list[tuple[Any, ...]]]]:
    """Each list's rows (rank, offer, count, price), a list at a time, by its id."""
    query = (
        select(
            observation.c.list_id,
            observation.c.rank,
            offer_version.c.offer_id,
            observation.c.sale_count,
            observation.c.price,
        )
        .join(list_, list_.c.list_id == observation.c.list_id)
        .join(offer_version, offer_version.c.version_id == observation.c.version_id)
        .where(_of(source, protocol), observation.c.snapshot_date == day)
        .order_by(observation.c.list_id, observation.c.rank)
    )
    list_id = -1
    rows: list[tuple[Any, ...]] = []
    for row in connection.execution_options(yield_per=1000).execute(query):
        if row.list_id != list_id:
            if rows:
                yield list_id, rows
            list_id, rows = row.list_id, []
        rows.append(tuple(row[1:]))
    if rows:
        yield list_id, rows
