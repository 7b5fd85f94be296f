"""What is stored, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import Engine, event, text

from tests.feeds.feed_samples import DAY, a_bare_entry, an_entry
from tests.storage.together import together
from toplist.items import (
    ENTRY_FIELDS,
    MAX_COUNT,
    MAX_RANK,
    DroppedOut,
    Entry,
    ListKey,
    PriceTier,
    RankList,
    RejectedRow,
    Source,
    Status,
)
from toplist.ranktypes import Protocol
from toplist.storage.database import open_database
from toplist.storage.history import History
from toplist.storage.ledger import Ledger

HOT = ListKey(Source.SANDBOX, Protocol.BASE64, "hot", "10166")


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = open_database(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def history(engine: Engine) -> History:
    return History(engine, Ledger(engine, DAY))


def ended(entries: Sequence[Entry], status: Status = Status.COMPLETE, key: ListKey = HOT, **changes: Any) -> RankList:
    """A list that ended; what its list_snapshot says is what its entries say."""
    fields = {
        "key": key,
        "snapshot_date": DAY,
        "status": status,
        "page_size": 20,
        "entries": list(entries),
        **({"category_name": entries[0].category_name, "reported_total": entries[0].total} if entries else {}),
        **changes,
    }
    return RankList.model_validate(fields)


def ranks(history: History) -> list[int]:
    return [entry.rank for entry in history.entries(DAY, Source.SANDBOX)]


def test_what_is_stored_comes_back(history: History) -> None:
    entries = [an_entry(1), an_entry(2, title="=1+1", price=None), a_bare_entry(3)]
    entries[2].category_name, entries[2].total = entries[0].category_name, entries[0].total
    assert history.store(ended(entries))
    assert list(history.entries(DAY, Source.SANDBOX)) == entries
    assert history.rows(DAY, Source.SANDBOX) == 3
    assert list(history.entries(DAY, Source.GATEWAY)) == []
    assert history.span(Source.SANDBOX) == (DAY, DAY)
    assert history.span(Source.GATEWAY) is None


def test_the_view_has_the_feeds_names(engine: Engine, history: History) -> None:
    history.store(ended([an_entry()]))
    with engine.connect() as connection:
        row = connection.execute(text("SELECT * FROM entries")).mappings().one()
        ledger = connection.execute(text("SELECT * FROM ledger")).mappings().one()
    assert set(row) == set(ENTRY_FIELDS)
    assert row["collected_at"] == "2026-11-23T04:05:06.789Z"
    assert row["title"] == "2026春季新款 连衣裙 1"
    assert (ledger["status"], ledger["rank_type"], ledger["category_name"]) == ("complete", "hot", "女装")


def test_the_order_is_the_code_points(history: History) -> None:
    keys = [HOT._replace(rank_type=kind, category_id=category) for kind in ("hot", "VNHot") for category in ("9", "10")]
    for key in keys:
        history.store(ended([an_entry(rank_type=key.rank_type, category_id=key.category_id)], key=key))
    found = [(entry.rank_type, entry.category_id) for entry in history.entries(DAY, Source.SANDBOX)]
    assert found == [("VNHot", "10"), ("VNHot", "9"), ("hot", "10"), ("hot", "9")]


def test_fewer_rows_never_replace_more(history: History) -> None:
    assert history.store(ended([an_entry(1), an_entry(2)]))
    assert not history.store(ended([an_entry(1)], Status.PARTIAL))
    assert not history.store(ended([], Status.FAILED, code="40"))
    assert ranks(history) == [1, 2]
    assert history.store(ended([an_entry(1)], Status.PARTIAL), refresh=True)
    assert ranks(history) == [1]


def test_storing_a_list_takes_a_dozen_statements_at_most(engine: Engine, history: History) -> None:
    Ledger(engine, DAY).plan([HOT], None, 20)
    statements: list[str] = []
    event.listen(engine, "after_cursor_execute", lambda *given: statements.append(given[2]))
    assert history.store(ended([an_entry(1), an_entry(2)]))
    assert not [each for each in statements if each.startswith("DELETE")]  # of a day without rows there are none
    assert len(statements) <= 12


def test_pages_are_those_of_the_last_day_of_the_same_source(engine: Engine) -> None:
    other = HOT._replace(source=Source.GATEWAY)
    for key, days_before, total in ((HOT, 3, 100), (HOT, 2, 60), (other, 1, 20)):
        day = DAY - timedelta(days=days_before)
        entry = an_entry(snapshot_date=day, total=total, source=key.source)
        assert History(engine, Ledger(engine, day)).store(ended([entry], key=key, snapshot_date=day))
    assert Ledger(engine, DAY).pages(Source.SANDBOX, Protocol.BASE64, 20, None) == {"hot": 3.0}
    assert Ledger(engine, DAY).pages(Source.SANDBOX, Protocol.BASE64, 20, 40) == {"hot": 2.0}
    assert Ledger(engine, DAY).pages(Source.SANDBOX, Protocol.OPENPLATFORM, 20, None) == {}


def test_rows_that_were_set_aside_come_back_with_the_reason(history: History) -> None:
    aside = RejectedRow(position=2, reason="no id", row={"subject": "连衣裙", "price": None})
    history.store(ended([an_entry()], rejected=[aside]))
    assert history.rejected(DAY, Source.SANDBOX) == [(HOT, aside)]


def test_the_largest_values_that_are_read_are_stored(history: History) -> None:
    """PostgreSQL refuses a value that its column does not hold, and the whole list with it."""
    counts = dict.fromkeys(("min_order", "sale_count", "buyer_count", "total"), MAX_COUNT)
    tiers = [PriceTier(start_quantity=MAX_COUNT, price=1e300)]
    largest = an_entry(MAX_RANK, **counts, price=1e300, price_tiers=tiers, trade_score=-1e300, rank_change=-MAX_RANK)
    left = DroppedOut(offer_id="7", base_date=DAY, rank=MAX_RANK, sale_count=MAX_COUNT)
    assert history.store(ended([largest], requested_rows=MAX_COUNT, dropped_out=[left]))
    assert list(history.entries(DAY, Source.SANDBOX)) == [largest]
    for field in ("rank", *counts):
        with pytest.raises(ValidationError, match=field):
            an_entry(**{field: getattr(largest, field) + 1})


def test_a_message_is_stored_whatever_it_holds(engine: Engine, history: History) -> None:
    assert history.store(ended([], Status.FAILED, code="4\0", message="no\0 such \ud800 list", category_name="女\0装"))
    with engine.connect() as connection:
        row = connection.execute(text("SELECT code, message, category_name FROM ledger")).one()
    assert tuple(row) == ("4\ufffd", "no\ufffd such ? list", "女\ufffd装")


def test_crawls_that_meet_the_same_offers_do_not_wait_for_each_other(engine: Engine) -> None:
    """Two transactions that enter the same new rows in opposite orders would."""
    for round_ in range(3):
        entries = [an_entry(rank, title=f"{round_} {rank}") for rank in range(1, 500)]
        lists = [
            ended(
                [each.model_copy(update={"rank": place, "rank_type": kind}) for place, each in enumerate(order, 1)],
                key=HOT._replace(rank_type=kind),
            )
            for kind, order in (("hot", entries), ("best", entries[::-1]))
        ]
        stored = together(*(partial(History(engine, Ledger(engine, DAY)).store, each) for each in lists))
        assert stored == [True, True]


def test_the_same_list_stored_by_two_crawls_is_there_once_and_the_longer_one_stays(engine: Engine) -> None:
    history = History(engine, Ledger(engine, DAY))
    keys = [HOT._replace(category_id=str(number)) for number in range(12)]
    Ledger(engine, DAY).plan(keys, None, 20)
    for key in keys:
        long, short = (
            ended([an_entry(rank, category_id=key.category_id) for rank in range(1, count)], status, key)
            for count, status in ((41, Status.COMPLETE), (11, Status.PARTIAL))
        )
        together(partial(history.store, long), partial(history.store, short))
    assert ranks(history) == list(range(1, 41)) * 12


def test_crawls_that_plan_at_once_plan_the_same(engine: Engine) -> None:
    keys = [HOT._replace(category_id=str(number)) for number in range(1000)]
    Ledger(engine, DAY - timedelta(days=1)).plan(keys, None, 20)
    first, second = together(
        lambda: Ledger(engine, DAY).plan(keys, None, 20), lambda: Ledger(engine, DAY).plan(keys[::-1], 20, 20)
    )
    assert isinstance(first, dict)
    assert isinstance(second, dict)
    assert {key: mark.list_id for key, mark in first.items()} == {key: mark.list_id for key, mark in second.items()}
    assert Ledger(engine, DAY).counts() == {Status.PENDING: 1000}


def test_a_version_that_is_pruned_while_a_list_is_stored_is_entered_again(postgres: Callable[[], str]) -> None:
    """On SQLite the two can't meet: each holds the file's write lock."""
    engine = open_database(postgres())
    other = open_database(engine.url.render_as_string(hide_password=False))
    history = History(engine, Ledger(engine, DAY))
    assert history.store(ended([an_entry(1)]))
    assert history.store(ended([an_entry(1, title="another")]), refresh=True)  # now nothing shows the first version
    pruned: list[int] = []

    def prune(*args: Any) -> None:
        if not pruned and "FROM offer_version" in args[2]:
            with other.begin() as connection:
                gone = text("DELETE FROM offer_version WHERE title <> 'another'")
                pruned.append(connection.execute(gone).rowcount)

    event.listen(engine, "after_cursor_execute", prune)
    assert history.store(ended([an_entry(1)]), refresh=True)
    assert pruned == [1]
    assert [entry.title for entry in history.entries(DAY, Source.SANDBOX)] == [an_entry(1).title]
    engine.dispose()
    other.dispose()


def test_crawls_that_open_a_new_database_at_once_all_find_it_ready(database_url: str) -> None:
    engines = together(*[lambda: open_database(database_url)] * 4)
    for engine in engines:
        assert isinstance(engine, Engine)
        assert Ledger(engine, DAY).counts() == {}
        engine.dispose()
