"""Reads a snapshot and the days before it, from the views `ledger` and `entries`. Blocking.

Entries and past days are read some lists at a time, so that memory does not grow with the snapshot.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import JSON, Boolean, Connection, Date, Engine, TextClause, TextualSelect, bindparam, text

from toplist.report.facts import CountFacts, DayFacts, DroppedOffer, ListFacts, ListId, SnapshotFacts
from toplist.storage.database import array_function
from toplist.trends.panel import Floats, Ints

#: Lists that are read by one query.
BATCH = 20
#: Drop-outs that are carried; the number of all is counted.
MAX_DROPPED_OUT = 300


def _of_lists(query: str) -> TextClause:
    return text(query).bindparams(bindparam("categories", expanding=True))


_LISTS = """source = :source AND protocol = :protocol AND rank_type = :rank_type AND category_id IN :categories"""
_FACTS = text("""
    SELECT protocol, rank_type, category_id, status, code, message, category_name, category_path,
           reported_total AS total, received, rejected, duplicates
    FROM ledger WHERE snapshot_date = :day AND source = :source
    ORDER BY protocol, rank_type, category_id
""")
_DAYS = text("""
    SELECT snapshot_date, status, COUNT(*) AS lists, SUM(received) AS received
    FROM ledger WHERE snapshot_date BETWEEN :since AND :day AND source = :source
    GROUP BY snapshot_date, status ORDER BY snapshot_date
""").columns(snapshot_date=Date)
_NEWEST = text("SELECT MAX(snapshot_date) AS newest FROM ledger WHERE source = :source").columns(newest=Date)
_FIRST = text("SELECT MIN(snapshot_date) AS first FROM ledger WHERE source = :source").columns(first=Date)
_ENTRIES = _of_lists(
    f"SELECT * FROM entries WHERE snapshot_date = :day AND {_LISTS} ORDER BY category_id, rank"
).columns(
    snapshot_date=Date,
    price_tiers=JSON,
    services=JSON,
    badges=JSON,
    trend_notes=JSON,
    is_gold=Boolean,
    is_breakout=Boolean,
)
#: What a page needs of the past, in the order of `PastList`. One row of arrays for each list, as in `HistoryReader`.
_PAST_COLUMNS = (
    "snapshot_date",
    "rank",
    "offer_id",
    "price",
    "sale_count",
    "sale_growth_per_day",
    "breakout_score",
    "breakout_probability",
)


def _past(array: str) -> TextualSelect:
    columns = ", ".join(f"{array}({name}) AS {name}" for name in _PAST_COLUMNS)
    query = f"""
        SELECT category_id, {columns} FROM entries
        WHERE snapshot_date BETWEEN :since AND :day AND {_LISTS} GROUP BY category_id ORDER BY category_id
    """
    return _of_lists(query).columns(**dict.fromkeys(_PAST_COLUMNS, JSON))


_STATUSES = _of_lists(f"""
    SELECT category_id, snapshot_date, status, received - rejected - duplicates AS rows
    FROM ledger WHERE snapshot_date BETWEEN :since AND :day AND {_LISTS} ORDER BY category_id
""")
_DROPPED = text("""
    SELECT l.protocol, l.rank_type, l.category_id, d.offer_id, v.title, d.base_date, d.rank, d.sale_count
    FROM dropped_out d
    JOIN list l ON l.list_id = d.list_id
    LEFT JOIN observation o
        ON o.list_id = d.list_id AND o.snapshot_date = d.base_date AND o.rank = d.rank
    LEFT JOIN offer_version v ON v.version_id = o.version_id
    WHERE d.snapshot_date = :day AND l.source = :source
    ORDER BY d.rank, d.sale_count DESC, d.offer_id LIMIT :most
""").columns(base_date=Date)
_COUNTS = text("""
    SELECT protocol, coverage, evidence, heat FROM trend_model m
    WHERE source = :source AND snapshot_date = (
        SELECT MAX(snapshot_date) FROM trend_model
        WHERE source = m.source AND protocol = m.protocol AND snapshot_date < :day
    ) ORDER BY protocol
""").columns(evidence=JSON, heat=JSON)
_DROPPED_TOTAL = text("""
    SELECT COUNT(*) FROM dropped_out d JOIN list l ON l.list_id = d.list_id
    WHERE d.snapshot_date = :day AND l.source = :source
""")


class PastList(NamedTuple):
    """A list's rows of the window as columns, and by day its status and how many rows it has.

    Days count from the window's first; a number that is not known is NaN.
    """

    id: ListId
    statuses: dict[int, tuple[str, int]]
    day: Ints
    rank: Ints
    offer_id: Sequence[str]
    price: Floats
    sale_count: Floats
    sale_growth_per_day: Floats
    breakout_score: Floats
    breakout_probability: Floats

    @classmethod
    def of(cls, id: ListId, statuses: dict[int, tuple[str, int]], rows: Sequence[Sequence[Any]]) -> PastList:
        """`rows` are the columns as lists, None where a number is not known."""
        day, rank, offer_id, price, sale_count, growth, score, probability = rows
        return cls(
            id,
            statuses,
            np.array(day, np.int64),
            np.array(rank, np.int64),
            offer_id,
            np.array(price, np.float64),
            np.array(sale_count, np.float64),
            np.array(growth, np.float64),
            np.array(score, np.float64),
            np.array(probability, np.float64),
        )


class SnapshotReader:
    """One snapshot of one source, and the `days` up to it."""

    def __init__(self, engine: Engine, source: str, snapshot_date: date, days: int):
        self._engine = engine
        self._source = source
        self._day = snapshot_date
        self._since = snapshot_date - timedelta(days=days - 1)
        window = [self._since + timedelta(days=at) for at in range(days)]
        self._past = _past(array_function(engine))
        # SQLite gives dates as text, PostgreSQL as dates
        self._day_numbers: dict[Any, int] = {key: at for at, day in enumerate(window) for key in (day, day.isoformat())}

    def facts(self) -> SnapshotFacts:
        """The snapshot's lists, days and drop-outs."""
        values = {"source": self._source, "day": self._day, "since": self._since}
        with self._engine.connect() as connection:
            lists = [_list_facts(row) for row in connection.execute(_FACTS, values)]
            dropped = connection.execute(_DROPPED, values | {"most": MAX_DROPPED_OUT})
            return SnapshotFacts(
                self._source,
                self._day,
                lists,
                _days(connection, values),
                [DroppedOffer(ListId(*row[:3]), *row[3:]) for row in dropped],
                int(connection.execute(_DROPPED_TOTAL, values).scalar_one()),
                connection.execute(_FIRST, values).scalar(),
                [_count_facts(row) for row in connection.execute(_COUNTS, values)],
            )

    def entries(self, lists: Iterable[ListId]) -> Iterator[tuple[list[ListId], dict[str, Sequence[Any]]]]:
        """The entries of the given lists, some lists at a time: the list of each, and columns under the feed's names.

        In the order of list and rank.
        """
        with self._engine.connect() as connection:
            for protocol, rank_type, categories in _batches(lists):
                found = connection.execute(_ENTRIES, self._values(protocol, rank_type, categories))
                columns = dict(zip(found.keys(), zip(*found.all(), strict=True), strict=False))
                if columns:
                    yield [ListId(protocol, rank_type, category) for category in columns["category_id"]], columns

    def past(self, lists: Iterable[ListId]) -> Iterator[PastList]:
        """The window of each of the given lists, this snapshot included; lists without a ledger entry are left out."""
        number = self._day_numbers
        with self._engine.connect() as connection:
            for protocol, rank_type, categories in _batches(lists):
                values = self._values(protocol, rank_type, categories)
                rows = {row[0]: row[1:] for row in connection.execute(self._past, values)}
                for category, group in groupby(connection.execute(_STATUSES, values).all(), itemgetter(0)):
                    statuses = {number[day]: (status, count) for _, day, status, count in group}
                    days, *others = rows.pop(category, None) or [[]] * len(_PAST_COLUMNS)
                    columns = [[number[day] for day in days], *others]
                    yield PastList.of(ListId(protocol, rank_type, category), statuses, columns)

    def _values(self, protocol: str, rank_type: str, categories: Sequence[str]) -> dict[str, Any]:
        return {
            "source": self._source,
            "day": self._day,
            "since": self._since,
            "protocol": protocol,
            "rank_type": rank_type,
            "categories": categories,
        }


def newest_snapshot(engine: Engine, source: str) -> date | None:
    """The last day of the source that has a ledger."""
    with engine.connect() as connection:
        newest: date | None = connection.execute(_NEWEST, {"source": source}).scalar()
        return newest


def _batches(lists: Iterable[ListId]) -> Iterator[tuple[str, str, list[str]]]:
    for (protocol, rank_type), group in groupby(sorted(lists), attrgetter("protocol", "rank_type")):
        categories = [each.category_id for each in group]
        for at in range(0, len(categories), BATCH):
            yield protocol, rank_type, categories[at : at + BATCH]


def _list_facts(row: Any) -> ListFacts:
    return ListFacts(ListId(*row[:3]), *row[3:])


def _count_facts(row: Any) -> CountFacts:
    seen = row.evidence
    heat = row.heat["version"] if row.heat else None
    return CountFacts(row.protocol, row.coverage, seen["days"], seen["rises"] + seen["falls"], seen["falls"], heat)


def _days(connection: Connection, values: dict[str, Any]) -> list[DayFacts]:
    days = []
    for day, group in groupby(connection.execute(_DAYS, values), itemgetter(0)):
        rows = list(group)
        statuses = {str(row.status): int(row.lists) for row in rows}
        days.append(DayFacts(day, statuses, sum(int(row.received or 0) for row in rows)))
    return days
