"""The gate of one process: requests wait here until the shared budget, their category and any pause let them go."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from toplist.errors import ToplistError
from toplist.ratelimit.shared_state import SharedState
from toplist.ratelimit.slots import TOLERANCE, Delay, Grant, Waiting, spacing

logger = logging.getLogger(__name__)
T = TypeVar("T")

_AHEAD = 0.006  # the slot is confirmed this long before it begins, so that the database's answer is there in time
_POLL_INTERVAL = 0.1  # how often a long wait looks whether the crawl was told to stop
_DATABASE_TIMEOUT = 60.0  # how long an unreachable database is borne


class LimiterClosed(ToplistError):
    """The crawl was told to stop while the request waited; it was not sent."""


@dataclass(eq=False, slots=True)
class Permit:
    """Leave to send one request now. `sent` must be called when it is on the wire, or will never be."""

    on_wire: asyncio.Future[None]

    def sent(self) -> None:
        if not self.on_wire.done():
            self.on_wire.set_result(None)


@dataclass(eq=False, slots=True)
class _Waiter:
    age: int
    category: str | None
    interval: Callable[[], float]
    subject: object
    admitted: asyncio.Future[Permit] = field(repr=False)

    def described(self) -> Waiting:
        return Waiting(self.category, self.interval() if self.category else 0.0)


class Connections(Protocol):
    """What the limiter needs of the connections to the gateway."""

    def is_ready(self) -> bool: ...

    async def prepare(self) -> None: ...


class RateLimiter:
    """Releases the oldest request whose category is ready, one at a time.

    `warm` opens a connection if none is idle and `is_warm` says whether one is: a connection is opened before a slot
    is reserved, so that the time it takes never bunches requests up. `stopping` is asked while waiting.
    """

    def __init__(
        self,
        qps: float,
        is_stopping: Callable[[], bool],
        *,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._spacing = spacing(qps)
        self._connections: Connections | None = None
        self._cancelled: list[tuple[Callable[[object], bool], Callable[[], Exception]]] = []
        self._stopping = is_stopping
        self._clock = clock
        self._queue: list[_Waiter] = []
        self._arrival = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="gate")
        self._keeper: asyncio.Task[None] | None = None
        self._held_until = 0.0
        self._last_at = float("-inf")

    async def open(self, state: Callable[[], SharedState]) -> None:
        """Open the shared state, in the limiter's thread."""
        self._store = await self._in_thread(state)

    def use(self, connections: Connections) -> None:
        """Have a connection ready before each slot."""
        self._connections = connections

    def cancel(self, is_unwanted: Callable[[object], bool], error: Callable[[], Exception]) -> None:
        """Refuse every request whose subject `is_unwanted`: those that wait and those that come later."""
        self._cancelled.append((is_unwanted, error))
        for waiter in self._queue:
            if is_unwanted(waiter.subject) and not waiter.admitted.done():
                waiter.admitted.set_exception(error())

    def _is_warm(self) -> bool:
        return self._connections is None or self._connections.is_ready()

    async def _warm(self) -> None:
        if self._connections is not None:
            await self._connections.prepare()

    async def acquire(
        self, age: int, category: str | None, interval: Callable[[], float], subject: object = None
    ) -> Permit:
        """Wait for leave to send. `age` orders the requests, lowest first; `interval` is the category's, in seconds.

        Raises LimiterClosed when the crawl is told to stop first.
        """
        if self._stopping():
            raise LimiterClosed("the crawl was told to stop")
        for is_unwanted, error in self._cancelled:
            if is_unwanted(subject):
                raise error()
        waiter = _Waiter(age, category, interval, subject, asyncio.get_running_loop().create_future())
        self._queue.append(waiter)
        self._arrival.set()
        if self._keeper is None or self._keeper.done():
            self._keeper = asyncio.ensure_future(self._keep())
        try:
            return await waiter.admitted
        finally:
            if waiter in self._queue:
                self._queue.remove(waiter)

    def pause_locally(self, seconds: float) -> None:
        """Grant nothing from this process for `seconds`, at once; the shared state is not touched."""
        self._held_until = max(self._held_until, self._clock() + seconds)

    async def pause(self, seconds: float) -> None:
        """Grant nothing from any process for `seconds` from now."""
        self.pause_locally(seconds)
        await self._in_thread(lambda: self._store.pause(seconds))

    async def back_off(self) -> None:
        """Halve the rate: the gateway throttled."""
        await self._in_thread(self._store.slow)

    async def recover(self) -> float:
        """Give back a part of the rate. Returns the factor that is left."""
        return await self._in_thread(self._store.ease)

    async def close(self) -> None:
        """Refuse everything that waits and end the gate's thread."""
        self._refuse(LimiterClosed("the crawl has ended"))
        if self._keeper is not None:
            self._keeper.cancel()
        self._thread.submit(self._store.close)
        self._thread.shutdown(wait=False)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _refuse(self, error: Exception) -> None:
        for waiter in self._queue:
            if not waiter.admitted.done():
                waiter.admitted.set_exception(error)
        self._queue.clear()

    async def _keep(self) -> None:
        broken_since: float | None = None
        while self._queue:
            if self._stopping():
                self._refuse(LimiterClosed("the crawl was told to stop"))
                return
            try:
                await self._next()
                broken_since = None
            except SQLAlchemyError as error:
                broken_since = broken_since or self._clock()
                if self._clock() - broken_since > _DATABASE_TIMEOUT:
                    self._refuse(error)
                    return
                logger.warning("The gate's database does not answer, nothing is sent: %s", type(error).__name__)
                await self._until(self._clock() + 1.0)

    async def _next(self) -> None:
        """Reserve a slot, wait for it, and let one request use it; or wait until there can be one."""
        if self._held_until > self._clock():
            return await self._until(self._held_until)
        await self._warm()
        queue = sorted((each for each in self._queue if not each.admitted.done()), key=lambda each: each.age)
        described = [each.described() for each in queue]
        if not queue:
            return None
        self._arrival.clear()
        decision, offset = await self._in_thread(lambda: self._store.reserve(described))
        if isinstance(decision, Delay):
            return await self._until(decision.until + offset, wake=self._arrival)
        waiter, waiting = queue[decision.index], described[decision.index]
        confirmed = await self._confirmed(decision, waiting, offset)
        if confirmed is None or waiter.admitted.done():
            return None
        await self._let_go(waiter, waiting, *confirmed)
        return None

    async def _confirmed(self, held: Grant, waiting: Waiting, offset: float) -> tuple[Grant, float] | None:
        """Wait for the slot. Returns it as it may be used, and the clock's offset; None where it is not to be used."""
        while True:
            await self._until(max(held.at + offset, self._last_at + self._spacing) - _AHEAD)
            if self._stopping() or self._held_until > self._clock():
                return None
            if not self._is_warm():
                await self._warm()
            verdict, offset = await self._in_thread(lambda held=held: self._store.confirm(held, waiting))  # type: ignore[misc]
            if isinstance(verdict, Delay):
                self._held_until = verdict.until + offset
                return None
            if verdict is None:
                return None
            held = verdict
            if held.at + offset > self._clock() + 2 * _AHEAD:
                continue  # others were late, and it has moved
            await self._until(max(held.at + offset, self._last_at + self._spacing))
            if self._clock() - (held.at + offset) <= TOLERANCE:
                return (held, offset) if self._held_until <= self._clock() else None

    async def _let_go(self, waiter: _Waiter, waiting: Waiting, held: Grant, offset: float) -> None:
        ticket = Permit(asyncio.get_running_loop().create_future())
        self._queue.remove(waiter)
        self._last_at = held.at + offset
        waiter.admitted.set_result(ticket)
        await ticket.on_wire
        if self._clock() - self._last_at > TOLERANCE:
            # It left late: the slots behind it move.
            await self._in_thread(lambda: self._store.confirm(held, waiting, is_late=True))

    async def _until(self, at: float, *, wake: asyncio.Event | None = None) -> None:
        """Sleep until `at`; return early when `wake` is set or the crawl is told to stop."""
        while (left := at - self._clock()) > 0 and not self._stopping():
            if wake is None or left <= TOLERANCE:
                await asyncio.sleep(min(left, _POLL_INTERVAL))
                continue
            try:
                await asyncio.wait_for(wake.wait(), min(left, _POLL_INTERVAL))
            except TimeoutError:
                continue
            return
