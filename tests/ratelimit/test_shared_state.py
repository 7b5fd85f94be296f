"""The limiter's state, shared by processes through a database of either kind."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from sqlalchemy import Engine, event, select, text

from toplist.ratelimit.shared_state import DatabaseRow, SharedState
from toplist.ratelimit.slots import LOOKAHEAD, Delay, Grant, Waiting, spacing
from toplist.storage.database import database_now, open_database

QPS = 2.0
KEY = "k" * 32

KILLED = """
import sys, time
from toplist.ratelimit.slots import Waiting
from toplist.ratelimit.shared_state import DatabaseRow, SharedState
from toplist.storage.database import open_database
row = DatabaseRow(open_database(sys.argv[1]), "k" * 32)
if sys.argv[2] == "holding":
    SharedState(row, 2.0).reserve([Waiting("killed", 1.5)])
else:
    transaction = row.locked()
    transaction.__enter__()
print("ready", flush=True)
time.sleep(600)
"""


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = open_database(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def process(engine: Engine) -> Iterator[Callable[[], SharedState]]:
    """Stores with connections of their own, as processes have."""
    opened: list[tuple[SharedState, Engine]] = []

    def another() -> SharedState:
        own = open_database(engine.url.render_as_string(hide_password=False))
        opened.append((SharedState(DatabaseRow(own, KEY), QPS), own))
        return opened[-1][0]

    yield another
    for store, own in opened:
        store.close()
        own.dispose()


def category(name: str) -> list[Waiting]:
    return [Waiting(name, 1.5)]


def granted(decision: Grant | Delay | None) -> Grant:
    assert isinstance(decision, Grant)
    return decision


def test_processes_reserve_one_slot_after_the_other_in_turn(process: Callable[[], SharedState]) -> None:
    stores = [process(), process(), process()]
    slots = [granted(store.reserve(category(f"{turn} {store}"))[0]).at for turn in range(2) for store in stores]
    gaps = [later - earlier for earlier, later in pairwise(slots)]
    assert gaps == [pytest.approx(spacing(QPS), abs=1e-6)] * 5


def test_a_category_is_asked_by_one_process_at_a_time(process: Callable[[], SharedState]) -> None:
    first, second = process(), process()
    slot = granted(first.reserve(category("10166"))[0])
    delay, _ = second.reserve(category("10166"))
    assert isinstance(delay, Delay)
    assert delay.until >= slot.at + 1.5 - LOOKAHEAD


def test_a_pause_stops_every_process_also_one_that_starts_later(process: Callable[[], SharedState]) -> None:
    first, second = process(), process()
    grant = granted(second.reserve(category("a"))[0])
    first.pause(300.0)
    confirmed, offset = second.confirm(grant, *category("a"))
    assert isinstance(confirmed, Delay)
    for store in (first, second, process()):
        delay, offset = store.reserve(category("b"))
        assert isinstance(delay, Delay)
        assert 299.0 < delay.until + offset - time.monotonic() <= 300.0


def test_a_throttle_slows_every_process(process: Callable[[], SharedState]) -> None:
    first, second = process(), process()
    first.back_off()
    slots = [granted(store.reserve(category(str(store)))[0]).at for store in (second, first)]
    assert slots[1] - slots[0] == pytest.approx(2 * spacing(QPS), abs=1e-6)
    assert second.recover() == pytest.approx(1.8)


def test_keys_have_budgets_of_their_own(engine: Engine) -> None:
    one, other = (SharedState(DatabaseRow(engine, key * 32), QPS) for key in "12")
    slots = [granted(store.reserve(category("a"))[0]).at for store in (one, other)]
    assert slots[1] - slots[0] < spacing(QPS) / 2


@pytest.mark.parametrize("doing", ["holding", "writing"])
def test_a_process_that_is_killed_jams_nothing(engine: Engine, process: Callable[[], SharedState], doing: str) -> None:
    """Killed with a slot that it will never use, or in the middle of a transaction that locks the state."""
    store = process()
    url = engine.url.render_as_string(hide_password=False)
    with subprocess.Popen([sys.executable, "-c", KILLED, url, doing], stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout is not None
        assert killed.stdout.readline() == "ready\n"
        killed.kill()
        killed.wait()
        slot, offset = store.reserve(category("a"))
    ahead = granted(slot).at + offset - time.monotonic()
    assert ahead <= spacing(QPS)


def test_the_clock_is_read_when_the_wait_for_the_state_is_over(postgres: Callable[[], str]) -> None:
    """Else a slot would begin in the past, and the request behind it come too soon."""
    engine = open_database(postgres())
    row = DatabaseRow(engine, KEY)
    store = SharedState(row, QPS)
    waits = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    with ThreadPoolExecutor(1) as threads, engine.connect() as watch:
        with row.locked():
            reserved = threads.submit(store.reserve, category("a"))
            while not watch.execute(waits).scalar():
                watch.rollback()
            until = watch.execute(select(database_now(watch))).scalar_one()
        assert granted(reserved.result(10)[0]).at >= until
    store.close()
    engine.dispose()


def test_a_request_costs_three_statements(engine: Engine, process: Callable[[], SharedState]) -> None:
    store = process()
    store.reserve(category("now"))
    statements: list[str] = []
    count = lambda *args: statements.append(args[2])  # noqa: E731
    event.listen(Engine, "before_cursor_execute", count)
    try:
        slot = granted(store.reserve(category("a"))[0])
        assert granted(store.confirm(slot, *category("a"))[0]) == slot
    finally:
        event.remove(Engine, "before_cursor_execute", count)
    assert len([each for each in statements if not each.startswith("BEGIN")]) == 3


def test_a_closed_state_keeps_no_connection_and_leaves_the_crawls_own(postgres: Callable[[], str]) -> None:
    engine = open_database(postgres())
    ours = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
    with engine.connect() as watch:
        before = watch.execute(ours).scalar_one()
        watch.rollback()
        store = SharedState(DatabaseRow(engine, KEY), QPS)
        assert watch.execute(ours).scalar_one() > before
        watch.rollback()
        store.close()
        deadline = time.monotonic() + 10
        while watch.execute(ours).scalar_one() > before and time.monotonic() < deadline:
            watch.rollback()
        watch.rollback()
        left = watch.execute(ours).scalar_one()
        with engine.connect() as own:  # the pool of the crawl still serves
            assert own.execute(text("SELECT 1")).scalar_one() == 1
    engine.dispose()
    assert left == before
