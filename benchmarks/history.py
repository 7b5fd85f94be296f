"""What a list costs to store, trends included, with 50 thousand and with 20 million entries in the history.

`python -m benchmarks.history [sqlite] [postgres]`: both, each started for the purpose. Two databases are filled by one
SQL statement a table; 25 lists of each then get their next day, the databases in turn. Needs 6 GB of disk.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, Engine, text

from tests.postgres_server import serve_postgres
from toplist.items import Entry, ListKey, RankList, Source, Status
from toplist.pipelines import add_trends
from toplist.ranktypes import Protocol
from toplist.storage.database import open_database
from toplist.storage.history import History
from toplist.storage.history_reader import HistoryReader
from toplist.storage.ledger import Ledger
from toplist.trends.lists import TrendConfig

FIRST, DAYS, ROWS, OFFERS = date(2026, 1, 1), 100, 20, 26
TODAY = FIRST + timedelta(days=DAYS)
SIZES = {"50 thousand": 25, "20 million": 10_000}
MEASURED = 25

_NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {most}) "
_DAY = {"sqlite": "date('{first}', '+' || d.i || ' day')", "postgresql": "(date '{first}' + d.i)"}
_TEXT = {"sqlite": "CAST({0} AS TEXT)", "postgresql": "({0})::text"}
_FILL = {
    "list": "SELECT l.i, '1688', 'base64', 'hot', {l} FROM n l WHERE l.i BETWEEN 1 AND :lists",
    "list_snapshot": "SELECT l.i, {day}, 'complete', 20, 0, 0, NULL, 20, 20, {ms}"
    " + d.i * CAST(86400000 AS BIGINT)"
    " FROM n l JOIN n d ON d.i < :days WHERE l.i BETWEEN 1 AND :lists",
    "offer_version": "SELECT l.i * 100 + o.i, {text}, {text}, 'title ' || {text}, 1, 9.5"
    " FROM n l JOIN n o ON o.i < :offers WHERE l.i BETWEEN 1 AND :lists",
    "first_seen": "SELECT l.i, {text}, {first_day} FROM n l JOIN n o ON o.i < :offers WHERE l.i BETWEEN 1 AND :lists",
    "observation": "SELECT l.i, {day}, r.i, l.i * 100 + (r.i + d.i / 7) % :offers,"
    " {ms} + d.i * CAST(86400000 AS BIGINT), 9.5, 1000 + 10 * d.i + r.i, 100 + d.i, 0.1 + 0.001 * r.i,"
    " 30.05, 51.25, 0.01, 0.0101, 0.002, 0.0, 0.0, 0.013, 0, 'steady', 0.081, 7"
    " FROM n l JOIN n d ON d.i < :days JOIN n r ON r.i BETWEEN 1 AND 20 WHERE l.i BETWEEN 1 AND :lists",
}
_COLUMNS = {
    "list": "list_id, source, protocol, rank_type, category_id",
    "list_snapshot": "list_id, snapshot_date, status, received, rejected, duplicates, requested_rows,"
    " page_size, reported_total, collected_ms",
    "offer_version": "version_id, digest, offer_id, title, tier_start, tier_price",
    "first_seen": "list_id, offer_id, snapshot_date",
    "observation": "list_id, snapshot_date, rank, version_id, collected_ms,"
    " price, sale_count, buyer_count, breakout_score, trend_score, heat_index, sale_growth, sale_growth_per_day,"
    " sale_growth_adjusted, price_change, price_change_per_day, price_volatility, rank_change, movement,"
    " breakout_probability, note_id",
}


def fill(engine: Engine, lists: int, first: date = FIRST) -> None:
    """A history of `lists` lists, `DAYS` days from `first` on, and `ROWS` rows."""
    kind = engine.dialect.name
    names = {
        "day": _DAY[kind].format(first=first),
        "first_day": f"date '{first}'" if kind == "postgresql" else f"'{first}'",
        "ms": str(int(datetime(first.year, first.month, first.day, tzinfo=UTC).timestamp() * 1000)),
        "l": _TEXT[kind].format("l.i"),
        "text": _TEXT[kind].format("l.i * 100 + o.i"),
    }
    with engine.begin() as connection:
        for table, query in _FILL.items():
            filled = query.format(**names)
            into = f"INSERT INTO {table} ({_COLUMNS[table]}) "
            numbers = _NUMBERS.format(most=max(lists, DAYS, OFFERS))
            values = {"lists": lists, "days": DAYS, "offers": OFFERS}
            wanted = {name: value for name, value in values.items() if f":{name}" in filled}
            connection.execute(text(f"{into}{numbers}{filled}"), wanted)
        if kind == "postgresql":  # the next text's number comes after those that were given
            connection.execute(text("SELECT setval(pg_get_serial_sequence('offer_version', 'version_id'), 100000000)"))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))


def next_day(list_id: int) -> RankList:
    """A list of 20 rows on the day after the history's last."""
    key = ListKey(Source.GATEWAY, Protocol.BASE64, "hot", str(list_id))
    at = datetime(TODAY.year, TODAY.month, TODAY.day, tzinfo=UTC)
    place = {**key._asdict(), "snapshot_date": TODAY, "collected_at": at, "total": ROWS}
    entries = [
        Entry(
            **place,
            rank=rank,
            offer_id=str(list_id * 100 + (rank + DAYS // 7) % OFFERS),
            title="title",
            price=9.5,
            sale_count=2000 + rank,
            buyer_count=200,
        )
        for rank in range(1, ROWS + 1)
    ]
    return RankList(
        key=key,
        snapshot_date=TODAY,
        status=Status.COMPLETE,
        reported_total=ROWS,
        page_size=20,
        entries=entries,
        collected_at=at,
    )


def cost(engine: Engine, list_id: int) -> tuple[float, float]:
    """Seconds of one list's trends, and of its storing."""
    ended = next_day(list_id)
    history = History(engine, Ledger(engine, TODAY))
    began = time.perf_counter()
    add_trends(ended, HistoryReader(engine), TrendConfig())
    between = time.perf_counter()
    history.store(ended)
    assert ended.entries[0].sale_growth is not None
    return between - began, time.perf_counter() - between


def measure(name: str, engines: dict[str, Engine]) -> None:
    figures: dict[str, list[tuple[float, float]]] = {size: [] for size in engines}
    draws = {size: random.Random(1).sample(range(1, SIZES[size] + 1), MEASURED) for size in engines}
    for turn in range(MEASURED):
        for size, engine in engines.items():
            figures[size].append(cost(engine, draws[size][turn]))
    medians = {
        size: [statistics.median(part) * 1000 for part in zip(*found, strict=True)] for size, found in figures.items()
    }
    for size, (trends, stored) in medians.items():
        print(f"{name}, {size} entries: trends {trends:.2f} ms, store {stored:.2f} ms a list")
    small, large = medians.values()
    print(f"{name}: ratio trends {large[0] / small[0]:.2f}, store {large[1] / small[1]:.2f},"
          f" both {sum(large) / sum(small):.2f}", flush=True)  # fmt: skip


def compare(name: str, urls: dict[str, str]) -> None:
    """Fill a database of each size, say what it takes, and measure both in turn."""
    engines = {}
    for size, url in urls.items():
        engine = engines[size] = open_database(url)
        began = time.perf_counter()
        fill(engine, SIZES[size])
        with engine.connect() as connection:
            filled = f"{time.perf_counter() - began:.0f} s, {_megabytes(connection)} MB"
        print(f"{name}, {size} entries: filled in {filled}", flush=True)
    measure(name, engines)


def main() -> None:
    wanted = sys.argv[1:] or ["sqlite", "postgres"]
    if "sqlite" in wanted:
        with tempfile.TemporaryDirectory() as folder:
            compare("SQLite", {size: f"sqlite:///{Path(folder) / f'{lists}.db'}" for size, lists in SIZES.items()})
    if "postgres" in wanted:
        with serve_postgres() as server:
            compare("PostgreSQL", {size: server.url() for size in SIZES})


def _megabytes(connection: Connection) -> int:
    if connection.dialect.name == "postgresql":
        query = "SELECT pg_database_size(current_database())"
    else:
        query = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
    return round(int(connection.execute(text(query)).scalar_one()) / 1e6)


if __name__ == "__main__":
    main()
