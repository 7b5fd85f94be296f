"""An installation's own reference of the heat index: made once from its first snapshot days, and kept. Blocking."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from sqlalchemy import Engine, func, select

from toplist.items import Source
from toplist.ranktypes import Protocol
from toplist.storage.panels import MAX_LISTS, list_ids, read_levels, snapshot_days
from toplist.storage.tables import trend_model
from toplist.trends.coverage import UNKNOWN_COVERAGE, Coverage
from toplist.trends.heat import make_reference

#: Snapshot days that a reference is made from.
DAYS = 28


def heat_reference(
    engine: Engine, source: Source, protocol: Protocol, day: date, coverage: Coverage
) -> dict[str, Any] | None:
    """The reference for the days after `day`, as plain values: the one that was kept, or one from the first 28
    snapshot days; None before. Where the counts have become of another kind, 28 days of the new kind make a new one.
    """
    query = select(trend_model.c.heat).filter_by(source=source.value, protocol=protocol.value)
    newest = query.where(trend_model.c.snapshot_date < day).order_by(trend_model.c.snapshot_date.desc()).limit(1)
    with engine.connect() as connection:
        kept: dict[str, Any] | None = connection.execute(newest).scalar()
    unknown, kind = str(UNKNOWN_COVERAGE), str(coverage)
    if kept is not None and (kind == unknown or kept["coverage"] in (unknown, kind)):
        return {**kept, "coverage": kept["coverage"] if kind == unknown else kind}
    since = date.min if kind == unknown else _first_day_of_kind(engine, source, protocol, day, kind)
    ids = list_ids(engine, source, protocol, MAX_LISTS)
    days = snapshot_days(engine, ids, since, day, DAYS)
    if len(days) < DAYS:
        return None
    first, last = days[0], days[-1]
    values = read_levels(engine, ids, first, last)
    made_from = f"{len(values['rank'])} rows of {len(ids)} own lists, {first} to {last}"
    made = make_reference(values, protocol, f"own-{last}", made_from)
    return None if made is None else {**made, "coverage": kind}


def _first_day_of_kind(engine: Engine, source: Source, protocol: Protocol, day: date, kind: str) -> date:
    """The day after the last one on which the counts were known to be of another kind."""
    query = (
        select(func.max(trend_model.c.snapshot_date))
        .filter_by(source=source.value, protocol=protocol.value)
        .where(trend_model.c.snapshot_date < day, trend_model.c.coverage.not_in((kind, str(UNKNOWN_COVERAGE))))
    )
    with engine.connect() as connection:
        other: date | None = connection.execute(query).scalar()
    return date.min if other is None else other + timedelta(days=1)
