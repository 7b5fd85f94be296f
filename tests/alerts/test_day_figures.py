"""The monitors' figures, from a database of either kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Engine

from toplist.alerts.day_figures import read_day_figures
from toplist.items import Entry, ListKey, RankList, Source, Status
from toplist.ranktypes import Protocol
from toplist.storage.database import open_database
from toplist.storage.history import History
from toplist.storage.ledger import Ledger

TODAY = date(2026, 11, 24)
KEY = ListKey(Source.GATEWAY, Protocol.BASE64, "hot", "311")
ELSEWHERE = KEY._replace(category_id="312")


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = open_database(database_url)
    yield engine
    engine.dispose()


def store(engine: Engine, day: date, key: ListKey, counts: Sequence[int], price: float | None, movement: str) -> None:
    place = {**key._asdict(), "snapshot_date": day, "collected_at": datetime(2026, 11, 1, tzinfo=UTC)}
    entries = [
        Entry(**place, rank=rank, offer_id=str(rank), sale_count=count, price=price, movement=movement)
        for rank, count in enumerate(counts, 1)
    ]
    ended = RankList(
        key=key, snapshot_date=day, status=Status.COMPLETE, page_size=20, reported_total=len(counts), entries=entries
    )
    assert History(engine, Ledger(engine, day)).store(ended)


def test_figures_of_the_day_and_of_the_days_before(engine: Engine) -> None:
    yesterday, long_ago = TODAY - timedelta(days=1), TODAY - timedelta(days=15)
    store(engine, long_ago, KEY, [1], 1.0, "steady")
    store(engine, yesterday, KEY, [10, 9], 9.5, "steady")
    store(engine, yesterday, ELSEWHERE, [7], 9.5, "steady")
    store(engine, TODAY, KEY, [10, 9], 9.5, "steady")
    store(engine, TODAY, ELSEWHERE, [8], None, "new_entry")
    store(engine, TODAY, KEY._replace(source=Source.SANDBOX), [5] * 9, None, "steady")
    today, earlier = read_day_figures(engine, Source.GATEWAY, Protocol.BASE64, TODAY)
    assert (today.lists, today.ended, today.rows) == (2, 2, 3)
    assert today.null_share["price"] == pytest.approx(1 / 3)
    assert today.null_share["sale_count"] == 0
    assert today.new_share == pytest.approx(1 / 3)
    assert (today.compared_lists, today.unchanged_lists) == (2, 1)
    assert [day.rows for day in earlier] == [3]


def test_a_day_without_anything(engine: Engine) -> None:
    today, earlier = read_day_figures(engine, Source.GATEWAY, Protocol.BASE64, TODAY)
    assert (today.lists, today.rows, earlier) == (0, 0, [])
