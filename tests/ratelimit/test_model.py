"""The limiter as a model: real limiters on a simulated clock, with whatever may happen to them.

Requests arrive, processes are held up, are killed and started again, meet a pause, and the shared clock is set. At the
gateway, no trace breaks the budget, a category's interval or a pause, and every request is sent in the end.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.ratelimit.simulation import LatentExecutor, MemoryRow, SimulatedLoop, simulate
from toplist.ratelimit.limiter import RateLimiter
from toplist.ratelimit.shared_state import SharedState
from toplist.ratelimit.slots import Delay, Grant, Waiting

QPS = 2.0
INTERVAL = 1.5
PAUSE = 20.0
# A pause reaches a process that is held up in this time and ten answers of the database; what was granted is sent.
UNDER_WAY = 0.3
FAST = (0.0005, 0.001, 0.004)  # how long a database on the same computer takes
SLOW = (0.005, 0.12, 0.004, 0.03)  # and one far away, or busy

OTHER = st.floats(0.0, 3.0)
HELD_UP = st.sampled_from([0.0, 0.0, 0.0, 0.003, 0.02, 0.2, 0.4])
REQUEST = st.tuples(st.just("request"), st.sampled_from("abcd"), HELD_UP)
KILL = st.tuples(st.just("kill"), st.none(), st.none())
PAUSED = st.tuples(st.just("pause"), st.none(), st.none())
BACK = st.tuples(st.just("step"), st.sampled_from([-600.0, -30.0, -2.0, -0.6, -0.2]), st.none())
FORWARD = st.sampled_from([0.3, 2.0, 30.0, 600.0])
Event = tuple[str, Any, Any]


@dataclass
class Trace:
    """What the gateway saw, when pauses began, and how long each request waited."""

    sent: list[tuple[float, str]]
    pauses: list[float]
    waits: list[Wait]


@dataclass
class Wait:
    """A request of a process, from when it was asked for until it was sent."""

    process: int
    category: str
    age: int
    was_held_up: bool
    asked_at: float
    sent_at: float


class World:
    """Processes with one shared row."""

    def __init__(self, loop: SimulatedLoop, processes: int, latencies: tuple[float, ...]):
        self.loop = loop
        self.latencies = latencies
        self.row = MemoryRow(loop)
        self.limiters: list[RateLimiter | None] = [None] * processes
        self.waiting: list[dict[int, tuple[str, float]]] = [{} for _ in range(processes)]
        self.tasks: list[set[asyncio.Task[None]]] = [set() for _ in range(processes)]
        self.trace = Trace([], [], [])
        self.asked_at: dict[int, float] = {}
        self.ages = itertools.count()

    async def start(self, number: int) -> RateLimiter:
        executor = LatentExecutor(self.loop, self.latencies)
        limiter = self.limiters[number] = RateLimiter(QPS, lambda: False, clock=self.loop.time, executor=executor)
        await limiter.open(lambda: SharedState(self.row, QPS))
        for age in self.waiting[number]:
            self.begin(number, age)
        return limiter

    def request(self, number: int, category: str, held_up: float) -> None:
        age = next(self.ages)
        self.waiting[number][age] = (category, held_up)
        self.asked_at[age] = self.loop.time()
        self.begin(number, age)

    def begin(self, number: int, age: int) -> None:
        task = asyncio.ensure_future(self.send(number, age))
        self.tasks[number].add(task)
        task.add_done_callback(self.tasks[number].discard)

    async def send(self, number: int, age: int) -> None:
        """As the download handler does; the process is held up once, before it looks whether the permit is late."""
        limiter = self.limiters[number]
        assert limiter is not None
        category, held_up = self.waiting[number][age]
        was_held_up = held_up > 0
        while True:
            permit = await limiter.acquire(age, category, lambda: INTERVAL)
            if held_up:
                await asyncio.sleep(held_up)
                held_up = 0.0
            if not permit.is_late():
                break
            permit.release()
        del self.waiting[number][age]
        self.trace.sent.append((self.loop.time(), category))
        wait = Wait(number, category, age, was_held_up, self.asked_at[age], self.loop.time())
        self.trace.waits.append(wait)
        permit.sent()

    async def kill(self, number: int) -> None:
        """The process is gone in the middle of whatever it does, and the next one begins with what it has not sent."""
        limiter = self.limiters[number]
        assert limiter is not None
        self.limiters[number] = None
        for task in list(self.tasks[number]):
            task.cancel()
        await limiter.close()
        await self.start(number)


async def happen(world: World, events: Sequence[tuple[float, int, Event]]) -> Trace:
    for number in range(len(world.limiters)):
        await world.start(number)
    for gap, number, (kind, what, more) in events:
        await asyncio.sleep(gap)
        limiter = world.limiters[number]
        assert limiter is not None
        if kind == "request":
            world.request(number, what, more)
        elif kind == "kill":
            await world.kill(number)
        elif kind == "pause":
            world.trace.pauses.append(world.loop.time())
            await limiter.pause(PAUSE)
        else:
            world.row.offset += what
    # Nothing starves: every request is one slot or one interval behind another, and a pause is as long as it is.
    bound = 10 + 2 * INTERVAL * len(events) + 2 * PAUSE * (1 + len(world.trace.pauses))
    async with asyncio.timeout(bound):
        while any(world.waiting):
            await asyncio.sleep(0.5)
    return world.trace


def check(trace: Trace, under_way: float) -> None:
    times = sorted(at for at, _ in trace.sent)
    assert all(third - first >= 1.0 for first, third in zip(times, times[2:], strict=False)), times
    for category in "abcd":
        own = sorted(at for at, name in trace.sent if name == category)
        assert all(later - earlier >= INTERVAL for earlier, later in itertools.pairwise(own)), (category, own)
    for begin in trace.pauses:
        assert not [at for at in times if begin + under_way < at < begin + PAUSE], (begin, times)


def check_none_starves(trace: Trace, lost: int, steps: int) -> None:
    """A request waits for others that are sent, for pauses, and for `lost` slots that no one can use; for nothing else.

    A step of the clock may begin what is left of a pause again, once. Of one category, a process sends the oldest
    first: nothing that comes later can hold a request back for ever.
    """
    for wait in trace.waits:
        others = sum(wait.asked_at <= at <= wait.sent_at for at, _ in trace.sent)
        paused = sum(PAUSE + 1 for begin in trace.pauses if wait.asked_at - PAUSE <= begin <= wait.sent_at)
        paused += (PAUSE + 1) * steps * bool(paused)
        bound = (others + lost + 1) * (INTERVAL + 0.1) + paused
        assert wait.sent_at - wait.asked_at <= bound, (wait, bound)
    for one, other in itertools.permutations(trace.waits, 2):
        if (one.process, one.category) == (other.process, other.category) and one.asked_at < other.asked_at:
            assert one.sent_at < other.sent_at or one.was_held_up, (one, other)


def events(*kinds: st.SearchStrategy[Event]) -> st.SearchStrategy[list[tuple[float, int, Event]]]:
    event = st.one_of(REQUEST, REQUEST, REQUEST, REQUEST, *kinds)
    return st.lists(st.tuples(st.one_of(st.just(0.0), OTHER), st.integers(0, 3), event), min_size=5, max_size=40)


def run(processes: int, given_events: list[tuple[float, int, Event]], latencies: tuple[float, ...] = FAST) -> None:
    placed = [(gap, number % processes, event) for gap, number, event in given_events]
    requests = sum(event[0] == "request" for *_, event in placed)

    async def scenario(loop: SimulatedLoop) -> Trace:
        return await happen(World(loop, processes, latencies), placed)

    trace = simulate(scenario)
    assert len(trace.sent) == requests
    check(trace, UNDER_WAY + 10 * max(latencies))
    lost = sum(event[0] in ("kill", "step") or bool(event[2]) for *_, event in placed)
    check_none_starves(trace, lost, sum(event[0] == "step" for *_, event in placed))


MANY = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))


@MANY
@given(processes=st.integers(1, 4), given_events=events(KILL, PAUSED, BACK), latencies=st.sampled_from([FAST, SLOW]))
def test_no_trace_breaks_a_limit_whoever_is_killed_and_however_the_clock_is_set_back(
    processes: int, given_events: list[tuple[float, int, Event]], latencies: tuple[float, ...]
) -> None:
    run(processes, given_events, latencies)


@MANY
@given(processes=st.integers(1, 4), given_events=events(PAUSED), step=FORWARD, at=st.integers(0, 40))
def test_no_trace_breaks_a_limit_when_the_clock_is_set_forward(
    processes: int, given_events: list[tuple[float, int, Event]], step: float, at: int
) -> None:
    """A process that was started before the step sees it; one that is started after it can't know."""
    run(processes, [*given_events[:at], (0.0, 0, ("step", step, None)), *given_events[at:]])


def test_a_slot_of_the_clock_as_it_was_is_not_confirmed() -> None:
    async def scenario(loop: SimulatedLoop) -> None:
        row = MemoryRow(loop)
        state = SharedState(row, QPS)
        waiting = Waiting("a", INTERVAL)
        grant, offset = state.reserve([waiting])
        assert isinstance(grant, Grant)
        row.offset += 30
        decision, stepped = state.confirm(grant, waiting)
        assert decision is None
        assert abs(stepped - (offset - 30)) < 0.01
        again, _ = state.reserve([waiting])
        assert isinstance(again, Delay)

    simulate(scenario)
