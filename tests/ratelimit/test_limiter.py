"""The limiter's task on a simulated clock: who is granted a permit, who is refused and why, and that nothing hangs."""

from __future__ import annotations

import asyncio
import gc
import itertools
import logging
import threading
import weakref
from collections.abc import Awaitable
from typing import Any
from unittest.mock import patch

import pytest
from sqlalchemy.exc import OperationalError

from tests.ratelimit.simulation import InlineExecutor, LatentExecutor, MemoryRow, SimulatedLoop, simulate
from toplist.ratelimit.limiter import LimiterClosed, LimiterFailed, Permit, RateLimiter
from toplist.ratelimit.shared_state import SharedState
from toplist.ratelimit.slots import spacing

QPS = 2.0
UNREACHABLE = OperationalError("SELECT", {}, Exception("server closed the connection unexpectedly"))


class Process:
    """A process with a limiter; `sent` are the times of its requests with their subjects."""

    def __init__(self, loop: SimulatedLoop, row: MemoryRow):
        self.loop = loop
        self.row = row
        self.is_stopping = False
        self.sent: list[tuple[float, object]] = []
        self.limiter = RateLimiter(QPS, lambda: self.is_stopping, clock=loop.time, executor=InlineExecutor())

    async def open(self) -> Process:
        await self.limiter.open(lambda: SharedState(self.row, QPS))
        return self

    async def send(self, age: int, category: str | None = None, subject: object = None) -> None:
        permit = await self.limiter.acquire(age, category, lambda: 1.5, subject)
        self.sent.append((self.loop.time(), subject))
        permit.sent()


def process(loop: SimulatedLoop) -> Process:
    return Process(loop, MemoryRow(loop))


async def outcomes(*sends: Awaitable[Any]) -> list[Any]:
    return await asyncio.gather(*sends, return_exceptions=True)


def test_requests_that_come_before_the_limiter_is_open_share_one_budget() -> None:
    async def scenario(loop: SimulatedLoop) -> list[float]:
        one = process(loop)
        early = [asyncio.ensure_future(one.send(age)) for age in range(8)]
        await asyncio.sleep(1)
        await one.open()
        await asyncio.gather(*early)
        return [at for at, _ in one.sent]

    times = simulate(scenario)
    assert len(times) == 8
    assert all(later - earlier >= spacing(QPS) - 1e-6 for earlier, later in itertools.pairwise(times))


def test_the_oldest_request_goes_first_whatever_came_first() -> None:
    async def scenario(loop: SimulatedLoop) -> list[object]:
        one = process(loop)
        sends = [asyncio.ensure_future(one.send(age, subject=age)) for age in (3, 1, 2)]
        await one.open()
        await asyncio.gather(*sends)
        return [subject for _, subject in one.sent]

    assert simulate(scenario) == [1, 2, 3]


@pytest.mark.parametrize("how", ["released", "cancelled"])
def test_a_permit_that_is_given_back_does_not_stop_the_others(how: str) -> None:
    """Signing that raises, a handler's error, a request that is cancelled between the permit and the wire."""

    async def scenario(loop: SimulatedLoop) -> list[float]:
        one = await process(loop).open()
        first = asyncio.ensure_future(one.limiter.acquire(1, None, lambda: 0.0))
        if how == "cancelled":
            await asyncio.sleep(0)
            first.cancel()
        else:
            (await first).release()
        await outcomes(first)
        await asyncio.wait_for(one.send(2), 5)
        return [at for at, _ in one.sent]

    assert len(simulate(scenario)) == 1


def test_a_request_that_is_cancelled_as_its_permit_comes_gives_it_back() -> None:
    async def scenario(loop: SimulatedLoop) -> bool:
        one = process(loop)
        request = asyncio.ensure_future(one.limiter.acquire(1, None, lambda: 0.0))
        await asyncio.sleep(0)
        permit = Permit(loop.create_future())
        one.limiter._queue[0].permit.set_result(permit)
        request.cancel()
        await outcomes(request)
        return await asyncio.wait_for(permit.end(), 1)

    assert simulate(scenario) is False


def test_any_error_refuses_all_that_wait_and_says_why(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(loop: SimulatedLoop) -> list[Any]:
        one = await process(loop).open()
        one.row.text = '{"categories": 7}'
        refused = await outcomes(one.send(1, "a"), one.send(2, "b"))
        return [*refused, *await outcomes(one.send(3))]

    first, second, later = simulate(scenario)
    assert {type(first), type(second), type(later)} == {LimiterFailed}
    assert first is not second
    assert "AttributeError" in str(first)
    assert "nothing more is sent" in str(later)
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_a_state_that_can_not_be_opened_refuses_all_that_wait() -> None:
    async def scenario(loop: SimulatedLoop) -> list[Any]:
        one = process(loop)
        early = asyncio.ensure_future(one.send(1))
        await asyncio.sleep(0)

        def broken() -> SharedState:
            raise UNREACHABLE

        return await outcomes(one.limiter.open(broken), early)

    assert [type(each) for each in simulate(scenario)] == [LimiterFailed, LimiterFailed]


def test_an_unknown_field_of_the_shared_state_is_ignored() -> None:
    async def scenario(loop: SimulatedLoop) -> int:
        one = await process(loop).open()
        one.row.text = '{"next_at": 0.0, "of_a_later_release": [1]}'
        await asyncio.wait_for(one.send(1), 5)
        return len(one.sent)

    assert simulate(scenario) == 1


def test_a_database_that_is_gone_for_twenty_seconds_costs_that_time_and_two_lines(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scenario(loop: SimulatedLoop) -> float:
        one = await process(loop).open()
        one.row.error = UNREACHABLE
        began = loop.time()
        waiting = asyncio.ensure_future(one.send(1))
        await asyncio.sleep(20)
        one.row.error = None
        await waiting
        return loop.time() - began

    assert 20 <= simulate(scenario) <= 22
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert "server closed the connection" in caplog.records[0].getMessage()
    assert "answers again after 20 s" in caplog.records[1].getMessage()


def test_a_database_that_is_gone_for_a_minute_ends_the_limiter() -> None:
    async def scenario(loop: SimulatedLoop) -> Any:
        one = await process(loop).open()
        one.row.error = UNREACHABLE
        (refused,) = await outcomes(asyncio.wait_for(one.send(1), 100))
        return refused

    refused = simulate(scenario)
    assert isinstance(refused, LimiterFailed)
    assert "60 s" in str(refused)


def test_what_is_no_longer_wanted_is_not_sent_now_or_later() -> None:
    async def scenario(loop: SimulatedLoop) -> tuple[list[Any], list[object]]:
        one = await process(loop).open()
        waiting = [asyncio.ensure_future(one.send(age, subject=kind)) for age, kind in enumerate(["hot", "new"] * 3)]
        while not one.sent:
            await asyncio.sleep(0.1)
        one.limiter.cancel(lambda subject: subject == "new", lambda: ValueError("no grant"))
        done = await outcomes(*waiting, one.send(9, subject="new"))
        return done, [subject for _, subject in one.sent]

    done, sent = simulate(scenario)
    assert sent == ["hot"] * 3
    refused = [each for each in done if each is not None]
    assert len(refused) == 4
    assert len(set(map(id, refused))) == 4


def test_a_refused_request_is_not_kept_in_memory() -> None:
    class Subject:
        pass

    async def scenario(loop: SimulatedLoop) -> list[weakref.ref[Subject]]:
        one = await process(loop).open()
        one.limiter.cancel(lambda subject: isinstance(subject, Subject), lambda: ValueError("no grant"))
        kept = []
        for age in range(5):
            subject = Subject()
            kept.append(weakref.ref(subject))
            await outcomes(one.send(age, subject=subject))
            del subject
        gc.collect()
        return [each for each in kept if each() is not None]

    assert len(simulate(scenario)) <= 1  # the last one may still be in a frame


def test_a_crawl_that_is_told_to_stop_sends_nothing_more_and_ends_a_pause() -> None:
    async def scenario(loop: SimulatedLoop) -> tuple[list[Any], float]:
        one = await process(loop).open()
        await one.limiter.pause(300)
        waiting = [asyncio.ensure_future(one.send(age)) for age in range(3)]
        await asyncio.sleep(10)
        one.is_stopping = True
        stopped_at = loop.time()
        refused = await outcomes(*waiting, one.send(4))
        assert one.sent == []
        return refused, loop.time() - stopped_at

    refused, seconds = simulate(scenario)
    assert {type(each) for each in refused} == {LimiterClosed}
    assert seconds <= 0.2


def test_a_pause_of_another_process_is_kept_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(loop: SimulatedLoop) -> float:
        row = MemoryRow(loop)
        one, other = await Process(loop, row).open(), await Process(loop, row).open()
        began = loop.time()
        await one.limiter.pause(300)
        await asyncio.gather(other.send(1), other.send(2), one.send(3))
        return min(at for at, _ in other.sent + one.sent) - began

    assert simulate(scenario) >= 300
    lines = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert lines == ["Another process of this app key has begun a pause: nothing is sent for 300 s"]


def test_a_request_that_leaves_late_moves_the_slots_behind_it() -> None:
    """Held up between the permit and the write: the next request keeps its distance from the write."""

    async def scenario(loop: SimulatedLoop) -> list[float]:
        row = MemoryRow(loop)
        one, other = await Process(loop, row).open(), await Process(loop, row).open()
        permit = await one.limiter.acquire(1, "a", lambda: 1.5)
        loop.pass_time(0.3)
        one.sent.append((loop.time(), "late"))
        permit.sent()
        await asyncio.gather(*(other.send(age, str(age)) for age in range(3)), one.send(9))
        return sorted(at for at, _ in one.sent + other.sent)

    times = simulate(scenario)
    assert min(later - earlier for earlier, later in itertools.pairwise(times)) >= spacing(QPS) - 0.007


def test_a_process_that_was_late_keeps_more_space_behind_its_slots_for_a_while() -> None:
    async def scenario(loop: SimulatedLoop) -> list[float]:
        one = await process(loop).open()
        permit = await one.limiter.acquire(1, None, lambda: 0.0)
        loop.pass_time(0.05)
        permit.sent()
        for age in range(40):
            await one.send(age)
        return [later - earlier for (earlier, _), (later, _) in itertools.pairwise(one.sent)]

    gaps = simulate(scenario)
    assert gaps[0] >= spacing(QPS) + 0.035
    assert all(later <= earlier + 1e-6 for earlier, later in itertools.pairwise(gaps))
    assert gaps[-1] <= spacing(QPS) + 0.001


def test_a_permit_that_comes_too_late_to_be_used_says_so() -> None:
    async def scenario(loop: SimulatedLoop) -> list[bool]:
        one = await process(loop).open()
        permit = await one.limiter.acquire(1, None, lambda: 0.0)
        late = [permit.is_late()]
        loop.pass_time(spacing(QPS) / 2 + 0.01)
        return [*late, permit.is_late()]

    assert simulate(scenario) == [False, True]


class SlowConnections:
    """A gateway that does not answer: each attempt to connect fails after 15 s."""

    def __init__(self) -> None:
        self.has_failed = False
        self.was_cancelled = False
        self.attempts = 0

    def is_ready(self) -> bool:
        return False

    async def prepare(self) -> None:
        self.attempts += 1
        self.has_failed = False
        try:
            await asyncio.sleep(15)
        except asyncio.CancelledError:
            self.was_cancelled = True
            raise
        self.has_failed = True


def test_a_request_is_granted_to_report_that_no_connection_can_be_opened() -> None:
    async def scenario(loop: SimulatedLoop) -> tuple[float, int]:
        row = MemoryRow(loop)
        one, other = await Process(loop, row).open(), await Process(loop, row).open()
        connections: Any = SlowConnections()
        one.limiter.use(connections)
        others = asyncio.ensure_future(asyncio.gather(*(other.send(age) for age in range(60))))
        began = loop.time()
        await asyncio.wait_for(one.send(1), 60)
        seconds = loop.time() - began
        await others
        return seconds, connections.attempts

    seconds, attempts = simulate(scenario)
    assert seconds < 17
    assert attempts == 1


def test_an_attempt_to_connect_ends_when_the_crawl_is_told_to_stop() -> None:
    async def scenario(loop: SimulatedLoop) -> tuple[list[Any], float]:
        one = await process(loop).open()
        connections: Any = SlowConnections()
        one.limiter.use(connections)
        waiting = asyncio.ensure_future(one.send(1))
        await asyncio.sleep(1)
        one.is_stopping = True
        began = loop.time()
        refused, seconds = await outcomes(waiting), loop.time() - began
        await asyncio.sleep(0.1)
        assert connections.was_cancelled
        return refused, seconds

    refused, seconds = simulate(scenario)
    assert [type(each) for each in refused] == [LimiterClosed]
    assert seconds <= 0.2


def test_a_wait_for_a_category_ends_when_the_crawl_is_told_to_stop() -> None:
    async def scenario(loop: SimulatedLoop) -> tuple[list[Any], float]:
        one = await process(loop).open()
        await one.send(1, "a")
        waiting = asyncio.ensure_future(one.send(2, "a"))
        await asyncio.sleep(0.6)
        one.is_stopping = True
        began = loop.time()
        return await outcomes(waiting), loop.time() - began

    refused, seconds = simulate(scenario)
    assert [type(each) for each in refused] == [LimiterClosed]
    assert seconds <= 0.2


@pytest.mark.parametrize("latency", [0.02, 0.12, 0.3])
def test_a_database_that_answers_slowly_costs_no_more_than_its_answers_take(latency: float) -> None:
    """The answer to a confirmation comes after the slot's begin, unless it is asked for that much earlier."""

    async def scenario(loop: SimulatedLoop) -> float:
        one = process(loop)
        executor = LatentExecutor(loop, (latency / 2,))
        one.limiter = RateLimiter(QPS, lambda: False, clock=loop.time, executor=executor)
        await one.open()
        began = loop.time()
        async with asyncio.timeout(60):
            await asyncio.gather(*(one.send(age) for age in range(10)))
        return loop.time() - began

    assert simulate(scenario) <= 10 * (spacing(QPS) + 2 * latency) + 2


def test_closing_refuses_what_waits() -> None:
    async def scenario(loop: SimulatedLoop) -> Any:
        one = await process(loop).open()
        await one.limiter.pause(300)
        waiting = asyncio.ensure_future(one.send(1))
        await asyncio.sleep(1)
        await one.limiter.close()
        return await outcomes(waiting)

    assert [type(each) for each in simulate(scenario)] == [LimiterClosed]


@pytest.mark.parametrize("is_sent", [True, False])
def test_a_permit_ends_as_it_was_ended_first(is_sent: bool) -> None:
    async def scenario(loop: SimulatedLoop) -> tuple[bool, bool]:
        permit = Permit(loop.create_future())
        for end in (permit.sent, permit.release) if is_sent else (permit.release, permit.sent):
            end()
        return await permit.end(), permit.is_late()

    assert simulate(scenario) == (is_sent, False)


def test_a_permit_is_late_half_a_slot_after_it_was_given() -> None:
    async def scenario(loop: SimulatedLoop) -> list[bool]:
        one = await process(loop).open()
        permit = await one.limiter.acquire(1, None, lambda: 0.0)
        late = []
        for seconds in (spacing(QPS) / 2 - 0.01, 0.02):
            loop.pass_time(seconds)
            late.append(permit.is_late())
        permit.sent()
        again = await one.limiter.acquire(2, None, lambda: 0.0)
        one.limiter.pause_locally(1)
        return [*late, again.is_late()]

    assert simulate(scenario) == [False, True, True]


def test_a_permit_without_a_budget_is_never_late() -> None:
    async def scenario(loop: SimulatedLoop) -> bool:
        limiter = RateLimiter(0, lambda: False, clock=loop.time, executor=InlineExecutor())
        await limiter.open(lambda: SharedState(MemoryRow(loop), 0))
        permit = await limiter.acquire(1, None, lambda: 0.0)
        loop.pass_time(100)
        return permit.is_late()

    assert simulate(scenario) is False


def test_what_is_left_of_a_pause_is_that_of_the_longest() -> None:
    async def scenario(loop: SimulatedLoop) -> list[float]:
        one = process(loop)
        left = [one.limiter.pause_left()]
        one.limiter.pause_locally(10)
        one.limiter.pause_locally(4)
        for _ in range(3):
            left.append(one.limiter.pause_left())
            loop.pass_time(8)
        return left

    assert simulate(scenario) == pytest.approx([0, 10, 2, 0])


@pytest.mark.parametrize(("seconds", "is_said"), [(10.5, False), (12.0, True)])
def test_a_pause_that_another_process_makes_longer_is_said(
    seconds: float, is_said: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(loop: SimulatedLoop) -> float:
        row = MemoryRow(loop)
        one, other = await Process(loop, row).open(), await Process(loop, row).open()
        began = loop.time()
        other.limiter.pause_locally(10)
        await one.limiter.pause(seconds)
        await other.send(1)
        return other.sent[0][0] - began

    assert simulate(scenario) == pytest.approx(seconds, abs=0.02)
    assert bool(caplog.records) is is_said


def test_each_request_goes_as_soon_as_its_slot_and_its_category_allow() -> None:
    async def scenario(loop: SimulatedLoop) -> list[float]:
        one = await process(loop).open()
        began = loop.time()
        await asyncio.gather(*(one.send(age, name, age) for age, name in enumerate(["a", "a", "b", None])))
        return [at - began for at, _ in sorted(one.sent, key=lambda each: str(each[1]))]

    times = simulate(scenario)
    assert times == pytest.approx([0, 3 * spacing(QPS), spacing(QPS), 2 * spacing(QPS)], abs=0.02)


def test_a_request_that_comes_while_a_category_is_waited_for_goes_at_once() -> None:
    async def scenario(loop: SimulatedLoop) -> float:
        one = await process(loop).open()
        await one.send(1, "a")
        waiting = asyncio.ensure_future(one.send(2, "a"))
        await asyncio.sleep(1)
        began = loop.time()
        await one.send(3, "b")
        seconds = loop.time() - began
        await waiting
        return seconds

    assert simulate(scenario) < 0.02


def test_a_late_request_leaves_more_space_that_is_a_quarter_of_a_slot_at_most() -> None:
    def gaps_after(late: float) -> list[float]:
        async def scenario(loop: SimulatedLoop) -> list[float]:
            one = await process(loop).open()
            permit = await one.limiter.acquire(1, None, lambda: 0.0)
            loop.pass_time(late)
            one.sent.append((loop.time(), None))
            permit.sent()
            for age in range(4):
                await one.send(age)
            return [later - earlier for (earlier, _), (later, _) in itertools.pairwise(one.sent)]

        return simulate(scenario)

    assert gaps_after(0.005) == pytest.approx([spacing(QPS)] * 4, abs=0.006)
    margin = 0.05 - 0.006
    expected = [spacing(QPS) + each for each in (0, margin, 0.9 * margin, 0.81 * margin)]
    assert gaps_after(0.05) == pytest.approx(expected, abs=0.002)
    margin = spacing(QPS) / 4
    expected = [spacing(QPS) + each for each in (0, margin, 0.9 * margin, 0.81 * margin)]
    assert gaps_after(0.4) == pytest.approx(expected, abs=0.002)


def test_a_database_that_is_gone_is_asked_once_a_second() -> None:
    class Counted(MemoryRow):
        asked = 0

        def look(self) -> Any:
            self.asked += 1
            return super().look()

    async def scenario(loop: SimulatedLoop) -> tuple[int, float]:
        row = Counted(loop)
        one = await Process(loop, row).open()
        row.asked, row.error = 0, UNREACHABLE
        began = loop.time()
        await outcomes(one.send(1))
        return row.asked, loop.time() - began

    asked, seconds = simulate(scenario)
    assert 60 <= asked <= 62
    assert 60 <= seconds <= 61.5


def test_a_limiter_that_is_not_open_changes_no_state_and_can_be_closed() -> None:
    async def scenario(loop: SimulatedLoop) -> list[Any]:
        one = process(loop)
        refused = await outcomes(one.limiter.recover())
        waiting = asyncio.ensure_future(one.send(1))
        await asyncio.sleep(0)
        await one.limiter.close()
        return [*refused, *await outcomes(waiting)]

    assert [type(each) for each in simulate(scenario)] == [LimiterFailed, LimiterClosed]


def test_a_request_that_was_cancelled_before_the_limiter_is_open_leaves_it_idle() -> None:
    async def scenario(loop: SimulatedLoop) -> int:
        one = process(loop)
        early = asyncio.ensure_future(one.send(1))
        await asyncio.sleep(0)
        early.cancel()
        await outcomes(early)
        await one.open()
        await asyncio.wait_for(one.send(2), 5)
        return len(one.sent)

    assert simulate(scenario) == 1


def test_closing_ends_the_task_the_thread_and_the_state() -> None:
    done: list[str] = []

    class Row(MemoryRow):
        def close(self) -> None:
            done.append("state")

    class Thread(InlineExecutor):
        def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
            done.append("thread")

    async def scenario(loop: SimulatedLoop) -> int:
        limiter = RateLimiter(QPS, lambda: False, clock=loop.time, executor=Thread())
        await limiter.open(lambda: SharedState(Row(loop), QPS))
        await asyncio.sleep(1)
        assert len(asyncio.all_tasks()) == 2
        await limiter.close()
        await asyncio.sleep(0)
        return len(asyncio.all_tasks())

    assert simulate(scenario) == 1
    assert done == ["state", "thread"]


def test_the_shared_state_is_asked_in_one_thread() -> None:
    threads: set[str] = set()

    class State:
        def recover(self) -> float:
            threads.add(threading.current_thread().name)
            return 1.0

        def close(self) -> None:
            pass

    async def run() -> list[float]:
        limiter = RateLimiter(QPS, lambda: False)
        state: Any = State()
        await limiter.open(lambda: state)
        with patch.object(SharedState, "recover", State.recover):
            answers = await asyncio.gather(*(limiter.recover() for _ in range(50)))
        await limiter.close()
        return answers

    assert asyncio.run(run()) == [1.0] * 50
    assert len(threads) == 1
    assert threading.current_thread().name not in threads
