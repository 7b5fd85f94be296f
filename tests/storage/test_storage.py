"""Work on a database that goes away and comes back."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import DatabaseError, IntegrityError, OperationalError, ProgrammingError

from tests.conftest import missing
from tests.feeds.feed_samples import DAY, an_entry
from tests.postgres_server import NoPostgres, PostgresServer, serve_postgres
from toplist.errors import StorageUnavailable
from toplist.items import ListKey, RankList, Source, Status
from toplist.ranktypes import Protocol
from toplist.storage.database import open_database, writing
from toplist.storage.history import History
from toplist.storage.ledger import Ledger
from toplist.storage.storage import Storage, is_full

HOT = ListKey(Source.SANDBOX, Protocol.BASE64, "hot", "10166")


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """A PostgreSQL that the test may stop."""
    try:
        with serve_postgres("fsync=off") as server:
            yield server
    except NoPostgres as error:
        missing(str(error))


class Time:
    """A clock that goes on only while work waits."""

    def __init__(self, when: dict[float, Callable[[], object]] | None = None) -> None:
        self.now = 1000.0
        self._when = when or {}

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        for after in [each for each in self._when if 1000 + each <= self.now]:
            self._when.pop(after)()


def a_storage(engine: Engine, time: Time) -> Storage:
    return Storage(engine, clock=time.clock, sleep=time.sleep)


def a_list(category: int) -> RankList:
    key = HOT._replace(category_id=str(category))
    return RankList(key=key, snapshot_date=DAY, status=Status.COMPLETE, page_size=20, entries=[an_entry()])


def test_lists_are_stored_once_though_the_server_is_restarted_meanwhile(
    server: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    engine = open_database(server.url())
    history = History(engine, Ledger(engine, DAY))
    time = Time({20: server.start})
    storage = a_storage(engine, time)

    async def crawl() -> list[bool]:
        works = [storage.run(partial(history.store, a_list(number))) for number in range(3)]
        first = [await works.pop(0)]
        await asyncio.to_thread(server.stop)
        return first + await asyncio.gather(*works)

    with caplog.at_level(logging.INFO, "toplist"):
        assert asyncio.run(crawl()) == [True, True, True]
    assert history.rows(DAY, Source.SANDBOX) == 3
    storage.close()
    away, back = caplog.messages
    assert away.startswith("The database is away, trying again for 60 s: ")
    assert back.startswith("The database is back after 2")
    assert 20 <= time.now - 1000 <= 22


def test_a_commit_that_meets_the_servers_end_is_done_again(server: PostgresServer) -> None:
    engine = open_database(server.url())
    history = History(engine, Ledger(engine, DAY))
    storage = a_storage(engine, Time({1: server.start}))
    attempts = []

    def work() -> bool:
        attempts.append(1)
        with writing(engine) as connection:
            connection.execute(text("SELECT 1"))
            if len(attempts) == 1:
                server.stop()
        return history.store(a_list(1))

    assert storage.retrying(work)
    assert len(attempts) > 1
    assert history.rows(DAY, Source.SANDBOX) == 1
    storage.close()


def test_after_a_minute_it_is_one_clear_error(server: PostgresServer, caplog: pytest.LogCaptureFixture) -> None:
    engine = open_database(server.url())
    ledger = Ledger(engine, DAY)
    server.stop()
    time = Time()
    storage = a_storage(engine, time)
    with pytest.raises(StorageUnavailable, match=r"TOPLIST_DATABASE_URL could not be used for 60 s: connection"):
        storage.retrying(ledger.counts)
    assert 1060 <= time.now <= 1062
    with pytest.raises(StorageUnavailable):
        storage.retrying(ledger.counts)
    assert time.now <= 1062  # what comes later does not wait for another minute
    assert len(caplog.messages) == 1
    server.start()
    assert storage.retrying(ledger.counts) == {}
    assert storage.retrying(ledger.counts) == {}
    assert len(caplog.messages) == 2
    storage.close()


def test_two_threads_say_once_that_the_database_is_away(
    server: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    engine = open_database(server.url())
    server.stop()
    barrier = threading.Barrier(2, timeout=30)

    def sleep(_: float) -> None:
        if barrier.wait() == 0:
            server.start()
        barrier.wait()

    storage = Storage(engine, sleep=sleep)
    threads = [threading.Thread(target=storage.retrying, args=[Ledger(engine, DAY).counts]) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [line.split(" ")[3] for line in caplog.messages] == ["away,", "back"]
    storage.close()


def test_a_locked_file_is_waited_for(tmp_path: object) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    engine = open_database(url)
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout = 0")
    other = sqlite3.connect(f"{tmp_path}/x.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    storage = a_storage(engine, Time({5: other.rollback}))
    history = History(engine, Ledger(engine, DAY))
    assert storage.retrying(lambda: history.store(a_list(1)))
    other.close()
    storage.close()


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("SELECT * FROM nothing", (ProgrammingError, OperationalError)),
        ("INSERT INTO rate_limit (key) VALUES ('x')", IntegrityError),
        ("INSERT INTO rate_limit (key) SELECT 1 / 0", DatabaseError),
    ],
)
def test_an_error_of_the_statement_is_not_tried_again(database_url: str, statement: str, error: type) -> None:
    engine = open_database(database_url)
    time = Time()
    storage = a_storage(engine, time)

    def work() -> None:
        with writing(engine) as connection:
            connection.execute(text(statement))

    with pytest.raises(error):
        storage.retrying(work)
    assert time.now == 1000
    storage.close()


def test_a_full_disk_is_not_waited_for(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'a.db'}")
    history = History(engine, Ledger(engine, DAY))
    time, told = Time(), []
    storage = a_storage(engine, time)
    storage.on_unavailable = lambda error: told.append(str(error))

    @event.listens_for(engine, "checkout")
    def fill(connection: sqlite3.Connection, *_: object) -> None:
        connection.execute("PRAGMA max_page_count = 1")  # of what it has: no page more

    def store_many() -> None:
        for number in range(200):
            history.store(a_list(number))

    with pytest.raises(StorageUnavailable, match="can't be written: database or disk is full"):
        asyncio.run(storage.run(store_many))
    assert time.now == 1000
    assert len(told) == 1
    engine.dispose()


def test_a_message_of_a_disk_without_space_left_is_told_from_others() -> None:
    class Full(Exception):
        sqlstate = "53100"

    class Busy(Exception):
        sqlite_errorname = "SQLITE_BUSY"

    assert is_full(OperationalError("INSERT", {}, Full()))
    assert not is_full(OperationalError("INSERT", {}, Busy()))
    assert not is_full(OperationalError("INSERT", {}, Exception()))
