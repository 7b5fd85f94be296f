"""What pruning deletes and what it keeps, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Engine, Table, event, func, insert, select

from tests.feeds.feed_samples import an_entry
from toplist.api.details import Detail
from toplist.items import DroppedOut, ListKey, RankList, RejectedRow, Source, Status
from toplist.ranktypes import Protocol
from toplist.storage import retention, tables
from toplist.storage.database import open_database, writing
from toplist.storage.enrichment import DailyStore, DetailStore
from toplist.storage.history import History
from toplist.storage.ledger import Ledger
from toplist.storage.retention import prune
from toplist.trends.score import trend_score

FIRST = date(2026, 11, 2)  # a Monday
HOT = ListKey(Source.GATEWAY, Protocol.OPENPLATFORM, "hot", "311")
SANDBOX = HOT._replace(source=Source.SANDBOX)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = open_database(database_url)
    yield engine
    engine.dispose()


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def store(engine: Engine, number: int, *titles: str, key: ListKey = HOT, notes: list[str] | None = None) -> None:
    """A list of a day, an entry for each title; with a rejected row and an offer that dropped out."""
    entries = [an_entry(rank, title=title, trend_notes=notes) for rank, title in enumerate(titles, 1)]
    ended = RankList(
        key=key,
        snapshot_date=day(number),
        status=Status.COMPLETE,
        page_size=20,
        entries=entries,
        rejected=[RejectedRow(position=1, reason="no id", row={})],
        dropped_out=[DroppedOut(offer_id="7", base_date=day(number - 1), rank=1)],
    )
    assert History(engine, Ledger(engine, day(number))).store(ended)


def count(engine: Engine, table: Table) -> int:
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def titles(engine: Engine) -> set[str]:
    with engine.connect() as connection:
        return set(connection.execute(select(tables.offer_version.c.title)).scalars())


def days(engine: Engine, table: Table, column: str = "snapshot_date") -> list[date]:
    with engine.connect() as connection:
        return list(connection.execute(select(table.c[column]).order_by(table.c[column])).scalars())


def test_only_days_before_and_only_of_the_source_are_deleted(engine: Engine) -> None:
    for number in range(4):
        store(engine, number, "a", key=HOT)
        store(engine, number, "a", key=SANDBOX)
    assert prune(engine, Source.SANDBOX, day(3)) == 3
    for table in (tables.observation, tables.list_snapshot, tables.rejected, tables.dropped_out):
        assert days(engine, table) == sorted([*map(day, range(4)), day(3)])
    assert prune(engine, Source.SANDBOX, day(3)) == 0
    assert len(list(History(engine, Ledger(engine, day(0))).entries(day(0), Source.GATEWAY))) == 1


def test_versions_that_nothing_shows_any_more_are_deleted(engine: Engine) -> None:
    store(engine, 0, "old", "both")
    store(engine, 1, "both", "new")
    store(engine, 0, "other source", key=SANDBOX)
    prune(engine, Source.GATEWAY, day(1))
    assert titles(engine) == {"both", "new", "other source"}


def test_notes_that_no_snapshot_uses_any_more_are_deleted(engine: Engine) -> None:
    store(engine, 0, "a", notes=["sale_growth:old"])
    store(engine, 0, "b", notes=["sale_growth:other_source"], key=SANDBOX)
    store(engine, 1, "a", notes=["sale_growth:new"])
    prune(engine, Source.GATEWAY, day(1))
    assert count(engine, tables.trend_note) == 3  # the sandbox still has a snapshot of the first day
    prune(engine, Source.SANDBOX, day(1))
    assert count(engine, tables.trend_note) == 1
    (entry,) = History(engine, Ledger(engine, day(1))).entries(day(1), Source.GATEWAY)
    assert entry.trend_notes == ["sale_growth:new"]


def test_a_note_that_is_used_again_is_kept(engine: Engine) -> None:
    history = History(engine, Ledger(engine, day(0)))
    entry = an_entry(trend_notes=["sale_growth:x"])
    for number in (1, 0, 2):  # one object, and not in the order of the days
        ended = RankList(key=HOT, snapshot_date=day(number), status=Status.COMPLETE, page_size=20, entries=[entry])
        history.store(ended)
    prune(engine, Source.GATEWAY, day(2))
    (kept,) = history.entries(day(2), Source.GATEWAY)
    assert kept.trend_notes == ["sale_growth:x"]


def test_details_are_deleted_when_their_week_is_over_and_no_entry_shows_them(engine: Engine) -> None:
    for number, prices in ((0, (1.0, 2.0)), (7, (1.0, 3.0))):
        store(engine, number, "a", "b")
        details = DetailStore(engine, Source.GATEWAY, day(number))
        assert details.plan() == 2
        for rank, price in enumerate(prices, 1):
            details.store(Detail(an_entry(rank).offer_id, price=price), datetime.now(UTC))
        details.fill(trend_score)
    assert count(engine, tables.offer_detail) == 3
    prune(engine, Source.SANDBOX, day(7))
    assert days(engine, tables.detail, "week_date") == [day(0)] * 2 + [day(7)] * 2
    prune(engine, Source.GATEWAY, day(6))  # a Sunday: its week's details are still good
    assert days(engine, tables.detail, "week_date") == [day(0)] * 2 + [day(7)] * 2
    prune(engine, Source.GATEWAY, day(7))
    assert days(engine, tables.detail, "week_date") == [day(7)] * 2
    prune(engine, Source.GATEWAY, day(8))
    assert count(engine, tables.offer_detail) == 2


def test_the_newest_models_are_kept(engine: Engine) -> None:
    for key in (HOT, HOT._replace(protocol=Protocol.BASE64), SANDBOX):
        for number in range(3):
            with writing(engine) as connection:
                where = {"source": key.source.value, "protocol": key.protocol.value, "snapshot_date": day(number)}
                values = {**where, "version": "1", "coverage": "total", "evidence": {}, "models": []}
                connection.execute(insert(tables.trend_model).values(**values))
    prune(engine, Source.GATEWAY, day(9))
    assert days(engine, tables.trend_model) == [day(0), day(1), day(2), day(2), day(2)]


def test_daily_figures_go_with_their_offer(engine: Engine) -> None:
    store(engine, 0, "gone")
    store(engine, 3, "unused", "kept")
    listed, gone = an_entry(2).offer_id, "7"
    for source in Source:
        for offer in (listed, gone):
            DailyStore(engine, source).store(offer, "units", {day(number): number for number in range(4)})
    prune(engine, Source.GATEWAY, day(3))
    for source, offer, kept in (
        (Source.GATEWAY, listed, 4),
        (Source.GATEWAY, gone, 1),
        (Source.SANDBOX, listed, 4),
        (Source.SANDBOX, gone, 4),
    ):
        table = tables.offer_daily
        query = select(func.count()).where(table.c.source == source.value, table.c.offer_id == offer)
        with engine.connect() as connection:
            assert connection.execute(query).scalar_one() == kept


def test_no_transaction_deletes_more_than_its_share(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "_SNAPSHOTS", 2)
    monkeypatch.setattr(retention, "_ROWS", 2)
    for number in range(5):
        store(engine, number, f"{number} a", f"{number} b")
    DailyStore(engine, Source.GATEWAY).store("7", "units", {day(number): 1 for number in range(5)})
    deleted: list[tuple[str, int]] = []

    def note(*args: object) -> None:
        cursor, statement = args[1], str(args[2])
        if statement.startswith("DELETE"):
            deleted.append((statement.split()[2], cursor.rowcount))  # type: ignore[attr-defined]

    event.listen(engine, "after_cursor_execute", note)
    assert prune(engine, Source.GATEWAY, day(9)) == 5
    for name in ("list_snapshot", "offer_version", "offer_daily"):
        counts = [number for deleted_from, number in deleted if deleted_from == name]
        assert max(counts) == 2
        assert sum(counts) >= 5
    for table in (tables.list_snapshot, tables.observation, tables.offer_version, tables.offer_daily):
        assert count(engine, table) == 0
