"""The limiter's state, shared by processes through a database of either kind."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from unittest.mock import patch

import pytest
from sqlalchemy import Engine, event, select, text

from tests.ratelimit.simulation import MemoryRow, SimulatedLoop, simulate
from toplist.ratelimit.shared_state import DatabaseRow, SharedState
from toplist.ratelimit.slots import LOOKAHEAD, Delay, Grant, SlotState, Waiting, spacing
from toplist.storage.database import database_now, open_database

QPS = 2.0
FREE = Waiting(None, 0.0)
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


class CountedRow(MemoryRow):
    """A row that counts what was written and closed."""

    def __init__(self, loop: SimulatedLoop):
        super().__init__(loop)
        self.writes = 0
        self.closed = 0

    def _write(self, text: str) -> None:
        self.writes += 1
        super()._write(text)

    def close(self) -> None:
        self.closed += 1


def on_a_row(scenario: Callable[[SimulatedLoop, CountedRow], None]) -> None:
    async def run(loop: SimulatedLoop) -> None:
        scenario(loop, CountedRow(loop))

    simulate(run)


def test_only_a_decision_that_changes_the_state_is_written() -> None:
    def scenario(loop: SimulatedLoop, row: CountedRow) -> None:
        state = SharedState(row, QPS)
        slot = granted(state.reserve(category("a"))[0])
        assert row.writes == 1
        assert isinstance(state.reserve(category("a"))[0], Delay)
        assert state.confirm(slot, *category("a"))[0] == slot
        assert row.writes == 1
        loop.pass_time(0.25)
        moved = granted(state.confirm(slot, *category("a"), lead=0.125)[0])
        assert moved.at == pytest.approx(slot.at + 0.375)
        assert row.writes == 2
        assert state.confirm(moved, *category("a"), is_late=True)[0] == moved
        assert row.writes == 2
        state.close()
        assert row.closed == 1

    on_a_row(scenario)


def test_a_slot_keeps_no_more_space_than_is_asked_for() -> None:
    def scenario(loop: SimulatedLoop, row: CountedRow) -> None:
        state = SharedState(row, QPS)
        first, second, third = (granted(state.reserve([FREE], margin)[0]) for margin in (0.0, 0.25, 0.0))
        assert second.at - first.at == pytest.approx(spacing(QPS))
        assert third.at - second.at == pytest.approx(spacing(QPS) + 0.25)
        assert granted(state.reserve([FREE])[0]).at - third.at == pytest.approx(spacing(QPS))
        assert granted(state.reserve([FREE])[0]).at - third.at == pytest.approx(2 * spacing(QPS))

    on_a_row(scenario)


def test_a_slot_moves_by_what_the_process_takes_to_hear_of_it_where_that_is_said() -> None:
    def scenario(loop: SimulatedLoop, row: CountedRow) -> None:
        state = SharedState(row, QPS)
        slot = granted(state.reserve([FREE])[0])
        loop.pass_time(0.25)
        assert granted(state.confirm(slot, FREE)[0]).at == pytest.approx(slot.at + 0.25)

    on_a_row(scenario)


def test_a_clock_that_is_set_forward_moves_the_slots_once_whoever_sees_it() -> None:
    def scenario(loop: SimulatedLoop, row: CountedRow) -> None:
        one, other = SharedState(row, QPS), SharedState(row, QPS)
        first = granted(one.reserve([FREE])[0])
        row.offset += 30
        at = [granted(state.reserve([FREE])[0]).at for state in (one, other, one, other)]
        assert at == [pytest.approx(first.at + 30 + number * spacing(QPS)) for number in (1, 2, 3, 4)]
        row.offset += 30
        row.offset -= 60
        assert granted(other.reserve([FREE])[0]).at == pytest.approx(at[-1] - 30 + spacing(QPS), abs=0.01)

    on_a_row(scenario)


def test_steps_of_the_clock_add_up_until_the_state_is_moved() -> None:
    def scenario(loop: SimulatedLoop, row: CountedRow) -> None:
        state = SharedState(row, QPS)
        slot = granted(state.reserve([FREE])[0])
        for _ in range(2):
            row.offset += 30
            assert state.confirm(slot, FREE)[0] is None
        assert granted(state.reserve([FREE])[0]).at == pytest.approx(slot.at + 60 + spacing(QPS))
        state.pause(8.0)
        assert isinstance(state.reserve([FREE])[0], Delay)

    on_a_row(scenario)


def test_a_pause_a_throttle_and_an_answer_change_a_state_of_now() -> None:
    """A state of another clock is set right before it is changed."""

    def scenario(loop: SimulatedLoop, row: CountedRow) -> None:
        row.text = SlotState(next_at=1e12, pause_until=1e12, pause_length=8.0).dumps()
        state = SharedState(row, QPS)
        state.pause(4.0)
        delay = state.reserve([FREE])[0]
        assert delay == Delay(pytest.approx(loop.time() + row.offset + 8.0), is_pause=True)  # type: ignore[arg-type]
        state.back_off()
        assert state.recover() == pytest.approx(1.8)
        assert state.recover() == pytest.approx(1.62)

    on_a_row(scenario)


def test_a_row_that_is_there_keeps_its_state(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'one.db'}")
    with DatabaseRow(engine, KEY).locked() as (_, write):
        write("kept")
    again, other = DatabaseRow(engine, KEY), DatabaseRow(engine, "o" * 32)
    assert (again.look().text, other.look().text) == ("kept", "")
    with again.locked() as (reading, _):
        assert reading.text == "kept"
        assert reading.before <= reading.after <= time.monotonic()
    engine.dispose()


def test_closing_a_row_leaves_the_crawls_own_connections_of_sqlite(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'one.db'}")
    pool = engine.pool
    DatabaseRow(engine, KEY).close()
    assert engine.pool is pool
    engine.dispose()


def test_a_look_at_sqlite_is_one_transaction(tmp_path: Path) -> None:
    """Its driver is left to itself only on PostgreSQL, where a statement alone is one."""
    engine = open_database(f"sqlite:///{tmp_path / 'one.db'}")
    row = DatabaseRow(engine, KEY)
    with patch.object(engine.dialect, "set_isolation_level") as asked:
        row.look()
    assert not asked.called
    engine.dispose()


def test_a_clock_that_is_set_forward_does_not_cut_a_pause_short_also_where_nothing_is_granted() -> None:
    def scenario(loop: SimulatedLoop, row: CountedRow) -> None:
        state = SharedState(row, QPS)
        state.pause(8.0)
        ends = loop.time() + 8.0
        row.offset += 30
        for _ in range(2):
            delay, offset = state.reserve([FREE])
            assert isinstance(delay, Delay)
            assert delay.until + offset == pytest.approx(ends, abs=0.01)

    on_a_row(scenario)
