"""A list's past as the trends read it: on SQLite and on PostgreSQL alike."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from math import log

import pytest
from sqlalchemy import Engine, event, func, select
from sqlalchemy.exc import IntegrityError

from toplist.items import Entry, ListKey, PriceTier, RankList, Source, Status
from toplist.pipelines import add_trends
from toplist.ranktypes import Protocol
from toplist.storage.database import open_database
from toplist.storage.history import History
from toplist.storage.history_reader import HistoryReader
from toplist.storage.ledger import COMPARED, LastDay, Ledger
from toplist.storage.retention import prune
from toplist.storage.tables import dropped_out, list_snapshot, observation
from toplist.trends.lists import TrendConfig
from toplist.trends.observation import Columns, Observation

FIRST = date(2026, 11, 1)
KEY = ListKey(Source.GATEWAY, Protocol.BASE64, "hot", "311")


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = open_database(database_url)
    yield engine
    engine.dispose()


def a_list(day: int, sales: dict[str, int], key: ListKey = KEY) -> RankList:
    """A complete list of a day, in the order of `sales`."""
    at = datetime(2026, 11, 1, 4, tzinfo=UTC) + timedelta(days=day)
    snapshot_date = FIRST + timedelta(days=day)
    place = {**key._asdict(), "snapshot_date": snapshot_date, "collected_at": at, "total": len(sales)}
    entries = [
        Entry(**place, rank=rank, offer_id=offer, price=10.0, sale_count=count)
        for rank, (offer, count) in enumerate(sales.items(), 1)
    ]
    return RankList(
        key=key,
        snapshot_date=snapshot_date,
        status=Status.COMPLETE,
        reported_total=len(sales),
        page_size=20,
        entries=entries,
        collected_at=at,
    )


def store(engine: Engine, ended: RankList) -> RankList:
    add_trends(ended, HistoryReader(engine), TrendConfig())
    assert History(engine, Ledger(engine, ended.snapshot_date)).store(ended, refresh=True)
    return ended


def test_the_trends_come_from_the_lists_own_past(engine: Engine) -> None:
    store(engine, a_list(0, {"a": 100, "b": 90, "c": 80}))
    elsewhere = KEY._replace(category_id="312")
    store(engine, a_list(0, {"a": 7, "b": 6}, elsewhere))
    today = store(engine, a_list(1, {"b": 120, "a": 110, "d": 70}))
    b, a, d = today.entries
    assert (b.rank_change, b.movement, a.movement, d.movement) == (1, "up", "down", "new_entry")
    assert b.sale_growth == pytest.approx(log(120 / 90))
    assert [(gone.offer_id, gone.rank) for gone in today.dropped_out] == [("c", 3)]
    assert store(engine, a_list(2, {"c": 130, "b": 125, "a": 115})).entries[0].movement == "re_entry"


def test_a_lists_past_is_two_queries_whatever_its_size(engine: Engine) -> None:
    for day in range(5):
        store(engine, a_list(day, {str(offer): 100 + day for offer in range(40)}))
    asked: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    past = HistoryReader(engine).of(KEY, FIRST + timedelta(days=5), [str(offer) for offer in range(40)])
    assert len([sql for sql in asked if "observation" in sql or "first_seen" in sql]) == 2
    assert len(past.by_offer) == 40


def test_a_lists_past_is_its_rows_oldest_first_and_its_snapshots_from_the_last_complete_one_on(engine: Engine) -> None:
    for day in (1, 0, 2, 3):
        of_day = a_list(day, {"b": 10**12, "a": 100 + day})
        of_day.entries[0].price, of_day.entries[1].price = 1234567.89, None
        of_day.entries[1].price_tiers = [PriceTier(start_quantity=2, price=0.07)]
        store(engine, of_day.model_copy(update={"status": Status.PARTIAL} if day == 3 else {}))
    past = HistoryReader(engine).of(KEY, FIRST + timedelta(days=3), ["a", "c"])
    assert [(each.snapshot_date.day, each.status) for each in past.snapshots] == [(3, "complete")]
    past = HistoryReader(engine).of(KEY, FIRST + timedelta(days=4), ["a", "c"])
    assert [(each.snapshot_date.day, each.status) for each in past.snapshots] == [(3, "complete"), (4, "partial")]
    a, b = past.past("a", FIRST + timedelta(days=4)), past.past("b", date.max)
    assert [(each.snapshot_date.day, each.sale_count) for each in a] == [(1, 100), (2, 101), (3, 102), (4, 103)]
    noon = datetime(2026, 11, 4, 4, tzinfo=UTC)
    assert a[-1] == Observation("a", noon.date(), noon, 2, None, 103, None, 2, 0.07)
    assert b[-1] == Observation("b", noon.date(), noon, 1, 1234567.89, 10**12, None)
    assert [each.rank for each in reversed(a[1:])] == [2, 2, 2]
    assert past.first_seen.keys() == {"a"}
    assert HistoryReader(engine).of(KEY, FIRST, ["a"]).columns == Columns(*([] for _ in Columns._fields))


def test_each_lists_last_complete_day_is_compared_whichever_day_it_was(engine: Engine) -> None:
    other, unknown = KEY._replace(category_id="312"), KEY._replace(category_id="313")
    store(engine, a_list(0, {"a": 3, "b": 2, "c": 1}))
    store(engine, a_list(1, {"a": 3, "d": 2}))
    store(engine, a_list(2, {"x": 9}).model_copy(update={"status": Status.PARTIAL}))
    store(engine, a_list(0, {str(rank): 1 for rank in range(1, COMPARED + 2)}, other))
    days = Ledger(engine, FIRST + timedelta(days=3)).last_days([KEY, other, unknown])
    assert days == {KEY: LastDay(2, frozenset("ad")), other: LastDay(101, frozenset(map(str, range(1, 101))))}
    assert Ledger(engine, FIRST).last_days([KEY]) == {}
    assert Ledger(engine, FIRST + timedelta(days=32)).last_days([KEY]) == {}


def test_a_day_stored_again_replaces_itself_and_nothing_else(engine: Engine) -> None:
    store(engine, a_list(0, {"a": 100, "b": 90}))
    once = store(engine, a_list(1, {"a": 110, "c": 95}))
    again = store(engine, a_list(1, {"a": 110, "c": 95}))
    assert again == once
    assert count(engine, observation) == 4
    assert count(engine, dropped_out) == 1


def test_entries_come_back_as_they_were_stored(engine: Engine) -> None:
    store(engine, a_list(0, {"a": 100, "b": 90}))
    today = store(engine, a_list(1, {"b": 110, "c": 95}))
    history = History(engine, Ledger(engine, today.snapshot_date))
    assert list(history.entries(today.snapshot_date, Source.GATEWAY)) == today.entries
    assert [each for _, each in history.dropped_out(today.snapshot_date, Source.GATEWAY)] == today.dropped_out


def test_a_transaction_that_failed_leaves_no_reason_unexplained(engine: Engine) -> None:
    history = History(engine, Ledger(engine, FIRST))
    first = a_list(0, {"a": 100})
    add_trends(first, HistoryReader(engine), TrendConfig())
    broken = first.model_copy(update={"entries": first.entries * 2})  # the same rank twice
    with pytest.raises(IntegrityError):
        history.store(broken)
    assert history.store(first)
    assert [entry.trend_notes for entry in history.entries(FIRST, Source.GATEWAY)] == [first.entries[0].trend_notes]


def test_a_pruned_offer_that_comes_back_is_a_re_entry(engine: Engine) -> None:
    for day in range(4):
        store(engine, a_list(day, {"a": 100 + day, f"only {day}": 50}))
    assert prune(engine, Source.GATEWAY, FIRST + timedelta(days=2)) == 2
    with engine.connect() as connection:
        kept = connection.execute(select(list_snapshot.c.snapshot_date).distinct()).scalars().all()
    assert sorted(kept) == [FIRST + timedelta(days=2), FIRST + timedelta(days=3)]
    assert count(engine, observation) == 4
    assert prune(engine, Source.GATEWAY, FIRST + timedelta(days=2)) == 0
    assert store(engine, a_list(4, {"only 0": 60, "a": 105})).entries[0].movement == "re_entry"


def count(engine: Engine, table: object) -> int:
    with engine.connect() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())  # type: ignore[arg-type]
