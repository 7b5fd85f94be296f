"""The views for people with SQL, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from tests.feeds.feed_samples import an_entry
from toplist.items import DroppedOut, Entry, ListKey, RankList, RejectedRow, Source, Status
from toplist.ranktypes import Protocol
from toplist.storage.database import open_database
from toplist.storage.enrichment import DailyStore
from toplist.storage.history import History
from toplist.storage.ledger import Ledger
from toplist.storage.migrations.versions.v0002_field_terms import VIEWS

FIRST = date(2026, 11, 22)
SECOND = FIRST + timedelta(days=1)
DAY_1, DAY_2 = FIRST.isoformat(), SECOND.isoformat()  # SQLite gives dates as text
HOT = ListKey(Source.GATEWAY, Protocol.BASE64, "hot", "311")
EMPTY = HOT._replace(category_id="312")
SANDBOX = HOT._replace(source=Source.SANDBOX)
DOCS = Path(__file__).resolve().parents[2] / "docs" / "sql.md"


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """Two days of a list; on the second one, offer 1 breaks out, offer 2 dropped out and offer 3 is new."""
    engine = open_database(database_url)
    store(engine, FIRST, [offer(1, rank=2, sale_count=100), offer(2, rank=1)])
    second = [offer(1, rank=1, sale_count=200, is_breakout=True, movement="up"), offer(3, rank=2, movement="new_entry")]
    left = DroppedOut(offer_id="2", base_date=FIRST, rank=1, sale_count=7)
    store(engine, SECOND, second, dropped_out=[left], rejected=[RejectedRow(position=3, reason="x", row={})])
    store(engine, SECOND, [], key=EMPTY, status=Status.EMPTY)
    store(engine, FIRST, [offer(4, is_breakout=True)], key=SANDBOX)
    DailyStore(engine, Source.GATEWAY).store("1", "units", {FIRST: 5})
    yield engine
    engine.dispose()


def offer(number: int, rank: int = 1, **changes: Any) -> Entry:
    return an_entry(rank, **{"offer_id": str(number), "title": f"title {number}", "movement": "steady", **changes})


def store(
    engine: Engine, day: date, entries: list[Entry], key: ListKey = HOT, status: Status = Status.COMPLETE, **more: Any
) -> None:
    fields = {"key": key, "snapshot_date": day, "status": status, "page_size": 20, "entries": entries, **more}
    assert History(engine, Ledger(engine, day)).store(RankList.model_validate(fields))


def rows(engine: Engine, sql: str, **values: object) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.execute(text(sql), values)]
    return [tuple(value.isoformat() if isinstance(value, date) else value for value in row) for row in found]


def test_dropouts_have_titles(engine: Engine) -> None:
    sql = "SELECT snapshot_date, category_id, offer_id, title, base_date, base_rank, base_sale_count FROM dropouts"
    assert rows(engine, sql) == [(DAY_2, "311", "2", "title 2", DAY_1, 1, 7)]


def test_daily_figures_have_titles(engine: Engine) -> None:
    sql = "SELECT source, offer_id, title, day, units, median_price FROM daily_figures"
    assert rows(engine, sql) == [("1688", "1", "title 1", DAY_1, 5, None)]


def test_todays_breakouts_are_those_of_each_sources_last_day(engine: Engine) -> None:
    sql = "SELECT source, snapshot_date, offer_id, title, movement FROM todays_breakouts ORDER BY source"
    expected = [("1688", DAY_2, "1", "title 1", "up"), ("sandbox", DAY_1, "4", "title 4", "steady")]
    assert rows(engine, sql) == expected


def test_an_offers_life_is_a_row_for_each_day_and_list(engine: Engine) -> None:
    sql = "SELECT snapshot_date, rank, sale_count FROM offer_life WHERE offer_id = '1' ORDER BY snapshot_date"
    assert rows(engine, sql) == [(DAY_1, 2, 100), (DAY_2, 1, 200)]


def test_a_list_day_by_day(engine: Engine) -> None:
    sql = "SELECT snapshot_date, status, entries, new_entries, dropouts, breakouts FROM list_days"
    sql += " WHERE source = '1688' ORDER BY category_id, snapshot_date"
    assert rows(engine, sql) == [
        (DAY_1, "complete", 2, 0, 0, 0),
        (DAY_2, "complete", 2, 1, 1, 1),
        (DAY_2, "empty", 0, 0, 0, 0),
    ]


def test_completeness_is_a_row_for_each_day(engine: Engine) -> None:
    sql = "SELECT snapshot_date, lists, complete, empty, failed, entries, rejected_rows FROM completeness"
    sql += " WHERE source = '1688' ORDER BY snapshot_date"
    assert rows(engine, sql) == [(DAY_1, 1, 1, 0, 0, 2, 0), (DAY_2, 2, 1, 1, 0, 2, 1)]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM offer_life WHERE offer_id = '1'",
        "SELECT * FROM entries WHERE offer_id = '1'",
        "SELECT * FROM entries WHERE snapshot_date = '2026-11-23'",
        "SELECT * FROM todays_breakouts WHERE source = '1688'",
        "SELECT * FROM list_days WHERE source = '1688' AND protocol = 'base64' AND rank_type = 'hot'"
        " AND category_id = '311'",
    ],
)
def test_what_is_looked_up_does_not_read_the_whole_history(engine: Engine, sql: str) -> None:
    if engine.dialect.name == "postgresql":
        with engine.connect() as connection:
            connection.execute(text("SET enable_seqscan = off"))  # it reads small tables whole, whatever their indexes
            plan = "\n".join(connection.execute(text(f"EXPLAIN {sql}")).scalars())
            assert "Seq Scan on observation" not in plan
    else:
        plan = "\n".join(row[3] for row in rows(engine, f"EXPLAIN QUERY PLAN {sql}"))
        assert not re.search(r"^SCAN (e|observation)\b", plan, re.MULTILINE)


def test_the_docs_describe_every_view_and_its_columns(engine: Engine) -> None:
    described = dict(re.findall(r"^\| `(\w+)` \| .*? \| (.*) \|$", DOCS.read_text(encoding="utf-8"), re.MULTILINE))
    assert described.keys() == VIEWS.keys()
    for view, columns in described.items():
        if view != "entries":  # the feed's fields
            with engine.connect() as connection:
                found = list(connection.execute(text(f"SELECT * FROM {view}")).keys())
            assert re.findall(r"`(\w+)`", columns) == found


@pytest.mark.parametrize("sql", re.findall(r"```sql\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL))
def test_the_queries_of_the_docs_run(engine: Engine, sql: str) -> None:
    with engine.connect() as connection:
        for query in filter(str.strip, sql.split(";")):
            connection.execute(text(query)).all()
