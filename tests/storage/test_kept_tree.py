"""The category tree in the database, and the ledger of a large plan."""

from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import Engine

from toplist.categories.tree import TOP, TOP_CATEGORY, Category, ChildrenReading
from toplist.items import ListKey, RankList, Source, Status
from toplist.ranktypes import Protocol
from toplist.storage.categories import Categories
from toplist.storage.database import open_database, writing
from toplist.storage.ledger import Ledger

READ_AT = datetime(2026, 11, 24, 1, 2, 3, 456000, tzinfo=UTC)
DAY = date(2026, 11, 24)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = open_database(database_url)
    yield engine
    engine.dispose()


def child(category_id: str, parent: Category = TOP_CATEGORY, is_leaf: bool | None = None) -> Category:
    return Category(category_id, parent.category_id, f"名{category_id}", parent.level + 1, is_leaf)


def test_the_tree_comes_back_as_it_was_read(engine: Engine) -> None:
    store = Categories(engine, Source.GATEWAY)
    one, two, nine = child("1"), child("2", is_leaf=True), child("9", is_leaf=False)
    store.keep(TOP_CATEGORY, [nine, one, two], ChildrenReading(READ_AT, retired=3))
    store.keep(one, [child("12", one), child("11", one)], ChildrenReading(READ_AT))
    tree = store.load()
    assert tree.children(TOP) == [nine, one, two]  # in the gateway's order
    assert [each.category_id for each in tree.below(TOP)] == ["9", "1", "12", "11", "2"]
    assert tree.reading(TOP) == ChildrenReading(READ_AT, retired=3)
    assert tree.reading("9") is None
    assert tree.path("12") == "名1 > 名12"


def test_children_that_are_gone_take_what_was_below_them_along(engine: Engine) -> None:
    store = Categories(engine, Source.GATEWAY)
    one, two = child("1"), child("2")
    store.keep(TOP_CATEGORY, [one, two], ChildrenReading(READ_AT))
    store.keep(one, [child("11", one)], ChildrenReading(READ_AT))
    store.keep(child("11", one), [child("111", child("11", one))], ChildrenReading(READ_AT))
    store.keep(TOP_CATEGORY, [two, child("3")], ChildrenReading(READ_AT))
    tree = store.load()
    assert [each.category_id for each in tree.below(TOP)] == ["2", "3"]
    assert [tree.get(each) for each in ("1", "11", "111")] == [None] * 3


def test_reading_a_parent_again_keeps_what_is_known_below(engine: Engine) -> None:
    store = Categories(engine, Source.GATEWAY)
    one = child("1")
    store.keep(TOP_CATEGORY, [one], ChildrenReading(READ_AT))
    store.keep(one, [child("11", one)], ChildrenReading(READ_AT))
    store.keep(TOP_CATEGORY, [child("0001"), one], ChildrenReading(READ_AT))
    tree = store.load()
    assert tree.at_level([TOP], 2) == ["11"]
    assert tree.unread([TOP], 2) == ["0001"]


def test_sources_are_kept_apart(engine: Engine) -> None:
    Categories(engine, Source.SANDBOX).keep(TOP_CATEGORY, [child("1")], ChildrenReading(READ_AT))
    Categories(engine, Source.GATEWAY).keep(TOP_CATEGORY, [child("2")], ChildrenReading(READ_AT))
    assert [each.category_id for each in Categories(engine, Source.SANDBOX).load().below(TOP)] == ["1"]
    assert [each.category_id for each in Categories(engine, Source.GATEWAY).load().below(TOP)] == ["2"]


def key(number: int, rank_type: str = "hot") -> ListKey:
    return ListKey(Source.GATEWAY, Protocol.BASE64, rank_type, str(number))


def record_result(ledger: Ledger, engine: Engine, one: ListKey, day: date, total: int) -> None:
    ended = RankList(
        key=one, snapshot_date=day, status=Status.COMPLETE, reported_total=total, duplicates=total, page_size=20
    )
    with writing(engine) as connection:
        ledger.record_result(connection, ended)


def test_a_plan_is_entered_whole_and_what_stands_stays(engine: Engine) -> None:
    ledger = Ledger(engine, DAY)
    keys = [key(number, kind) for kind in ("hot", "best") for number in range(1500)]
    record_result(ledger, engine, key(7), DAY, 5)
    marks = ledger.plan(keys, None, 20)
    assert len(marks) == 3000
    assert marks[key(7)].status is Status.COMPLETE
    assert ledger.counts() == {Status.PENDING: 2999, Status.COMPLETE: 1}
    assert ledger.plan(keys, None, 20) == marks
    assert ledger.entries([key(7), key(8, "best"), key(1, "rise")]).keys() == {key(7), key(8, "best")}
    assert ledger.entries([]) == {}


def test_pages_are_those_of_the_last_day_before(engine: Engine) -> None:
    for day, totals in ((date(2026, 11, 20), (500, 500)), (date(2026, 11, 22), (20, 61)), (DAY, (900, 900))):
        ledger = Ledger(engine, day)
        for number, total in enumerate(totals):
            record_result(ledger, engine, key(number), day, total)
    pages = Ledger(engine, DAY).pages
    assert pages(Source.GATEWAY, Protocol.BASE64, 20, None) == {"hot": 2.5}
    assert pages(Source.GATEWAY, Protocol.BASE64, 20, 40) == {"hot": 1.5}
    assert pages(Source.GATEWAY, Protocol.OPENPLATFORM, 20, None) == {}
    assert pages(Source.SANDBOX, Protocol.BASE64, 20, None) == {}
