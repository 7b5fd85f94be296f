"""The rate limiter of one process: requests wait here for the shared budget, their category and the end of a pause.

What the precision buys, measured at the gateway with 300 ms latency: 1.97 requests per second of the 2 that are
allowed, and never three within one second. Two measures give that: a connection is open before a slot is reserved
(without it 14 windows of 130 held three requests), and a slot is confirmed shortly before it begins (so that a request
which was held up moves the slots behind it instead of coming too close to them).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from sqlalchemy.exc import SQLAlchemyError

from toplist.errors import ToplistError
from toplist.ratelimit.connections import GatewayConnections
from toplist.ratelimit.shared_state import SharedState
from toplist.ratelimit.slots import TOLERANCE, Delay, Grant, Waiting, spacing

logger = logging.getLogger(__name__)
T = TypeVar("T")

_CONFIRM_AHEAD = 0.006  # a slot is confirmed this long before it begins, or longer where the database answers slowly
_MAX_CONFIRM_AHEAD = 1.0
_POLL_INTERVAL = 0.1  # how often a long wait looks whether the crawl was told to stop
_DATABASE_TIMEOUT = 60.0  # an unreachable database is waited for this long
_DATABASE_RETRY = 1.0
_TURNS_TO_WRITE = 3  # turns of the event loop until what was written has left: TLS collects small writes for one


class LimiterClosed(ToplistError):
    """The crawl was told to stop while the request waited; it was not sent."""


class LimiterFailed(ToplistError):
    """The rate limiter does not work any more; no request can be sent. The message says why."""


@dataclass(eq=False, slots=True)
class Permit:
    """The right to send one request now. Its holder calls `sent` when the request is written, and `release` always."""

    _end: asyncio.Future[bool]
    _is_late: Callable[[], bool] = lambda: False

    def is_late(self) -> bool:
        """Whether so much time has passed that the next slot may be used before this request can be written."""
        return self._is_late()

    def sent(self) -> None:
        """The request is written."""
        if not self._end.done():
            self._end.set_result(True)

    def release(self) -> None:
        """The request is not sent, if it was not sent yet: the slot stays unused, and the next one is reserved."""
        if not self._end.done():
            self._end.set_result(False)

    async def end(self) -> bool:
        """Wait for either; returns whether the request was sent."""
        return await self._end


@dataclass(eq=False, slots=True)
class _Waiter:
    age: int
    category: str | None
    interval: Callable[[], float]
    subject: object
    permit: asyncio.Future[Permit] = field(repr=False)

    def described(self) -> Waiting:
        return Waiting(self.category, self.interval())


class RateLimiter:
    """Grants permits, one at a time, to the oldest request whose category is ready.

    Made with the spider; `open` starts it when the shared state's key is known, and what waits by then is served.
    `is_stopping` is asked while requests wait.
    """

    def __init__(
        self,
        qps: float,
        is_stopping: Callable[[], bool],
        *,
        clock: Callable[[], float] = time.monotonic,
        executor: Executor | None = None,
    ):
        self._spacing = spacing(qps)
        self._is_stopping = is_stopping
        self._clock = clock
        self._connections: GatewayConnections | None = None
        self._queue: list[_Waiter] = []
        self._arrival = asyncio.Event()
        self._cancelled: list[tuple[Callable[[object], bool], Callable[[], Exception]]] = []
        self._thread = executor or ThreadPoolExecutor(1, thread_name_prefix="ratelimit")
        self._state: SharedState | None = None
        self._task: asyncio.Task[None] | None = None
        self._failure: str | None = None
        self._paused_until = float("-inf")
        self._last_at = float("-inf")
        self._margin = 0.0
        self._ahead = _CONFIRM_AHEAD
        self._broken_since: float | None = None

    async def open(self, state: Callable[[], SharedState]) -> None:
        """Start. `state` makes the shared state, in the limiter's thread. Raises LimiterFailed."""
        try:
            self._state = await self._in_thread(state)
        except Exception as error:
            self._fail(f"its shared state can't be opened: {type(error).__name__}")
            raise LimiterFailed(self._failure) from error
        self._task = asyncio.ensure_future(self._run())

    def use(self, connections: GatewayConnections) -> None:
        """Have a connection ready before each slot."""
        self._connections = connections

    async def acquire(
        self, age: int, category: str | None, interval: Callable[[], float], subject: object = None
    ) -> Permit:
        """Wait for a permit. `age` orders the requests, lowest first; `interval` is the category's, in seconds;
        `subject` is what `cancel` decides by.

        Raises LimiterClosed when the crawl is told to stop first, LimiterFailed, and what `cancel` was given.
        """
        self._check(subject)
        waiter = _Waiter(age, category, interval, subject, asyncio.get_running_loop().create_future())
        self._queue.append(waiter)
        self._arrival.set()
        try:
            return await waiter.permit
        except asyncio.CancelledError:
            if waiter.permit.done() and not waiter.permit.cancelled() and waiter.permit.exception() is None:
                waiter.permit.result().release()
            raise
        finally:
            if waiter in self._queue:
                self._queue.remove(waiter)

    def cancel(self, is_unwanted: Callable[[object], bool], error: Callable[[], Exception]) -> None:
        """Refuse every request whose subject `is_unwanted`: those that wait and those that come later.

        `error` makes the exception, a new one for each request: one that is raised again and again keeps every
        request it was raised for in memory.
        """
        self._cancelled.append((is_unwanted, error))
        for waiter in self._queue:
            if is_unwanted(waiter.subject) and not waiter.permit.done():
                waiter.permit.set_exception(error())

    def pause_locally(self, seconds: float) -> None:
        """Grant nothing in this process for `seconds`, at once; the shared state is not touched."""
        self._paused_until = max(self._paused_until, self._clock() + seconds)

    def pause_left(self) -> float:
        """Seconds for which nothing is granted yet; 0 outside a pause."""
        return max(0.0, self._paused_until - self._clock())

    async def pause(self, seconds: float) -> None:
        """Grant nothing in any process for `seconds` from now."""
        self.pause_locally(seconds)
        await self._ask(lambda state: state.pause(seconds))

    async def back_off(self) -> None:
        """Halve the rate: the gateway throttled."""
        await self._ask(SharedState.back_off)

    async def recover(self) -> float:
        """Restore a part of the rate. Returns the factor that is left; 1 is the full rate."""
        return await self._ask(SharedState.recover)

    async def close(self) -> None:
        """Refuse everything that waits, and end the task and the thread."""
        self._refuse(lambda: LimiterClosed("the crawl has ended"))
        if self._task is not None:
            self._task.cancel()
        if self._state is not None:
            self._thread.submit(self._state.close)
        self._thread.shutdown(wait=False)

    async def _ask(self, work: Callable[[SharedState], T]) -> T:
        """Ask the shared state, in the thread that it belongs to."""
        if self._state is None:
            raise LimiterFailed("the rate limiter is not open")
        state = self._state
        answer = await self._in_thread(lambda: work(state))
        if self._broken_since is not None:
            logger.warning("The rate limiter's database answers again after %.0f s", self._clock() - self._broken_since)
            self._broken_since = None
        return answer

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _check(self, subject: object) -> None:
        if self._failure is not None:
            raise LimiterFailed(self._failure)
        if self._is_stopping():
            raise LimiterClosed("the crawl was told to stop")
        for is_unwanted, error in self._cancelled:
            if is_unwanted(subject):
                raise error()

    def _refuse(self, error: Callable[[], Exception]) -> None:
        for waiter in self._queue:
            if not waiter.permit.done():
                waiter.permit.set_exception(error())
        self._queue.clear()

    def _fail(self, why: str) -> None:
        failure = self._failure = f"the rate limiter has failed, nothing more is sent: {why}"
        self._refuse(lambda: LimiterFailed(failure))

    async def _run(self) -> None:
        """Serve the queue until the limiter is closed or fails."""
        try:
            while self._failure is None:
                if not self._queue:
                    self._arrival.clear()
                    await self._arrival.wait()
                elif self._is_stopping():
                    self._refuse(lambda: LimiterClosed("the crawl was told to stop"))
                else:
                    await self._serve()
        except Exception as error:
            logger.exception("The rate limiter has failed; every request that waits is refused")
            self._fail(f"{type(error).__name__}: {error}")

    async def _serve(self) -> None:
        """One turn; an unreachable database is asked again for a minute."""
        try:
            await self._next()
        except SQLAlchemyError as error:
            cause = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
            if self._broken_since is None:
                self._broken_since = self._clock()
                logger.warning("The rate limiter's database does not answer, nothing is sent until it does: %s", cause)
            if self._clock() - self._broken_since > _DATABASE_TIMEOUT:
                logger.error("The rate limiter's database has not answered for %g s: %s", _DATABASE_TIMEOUT, cause)
                return self._fail(f"its database has not answered for {_DATABASE_TIMEOUT:g} s: {cause}")
            return await self._until(self._clock() + _DATABASE_RETRY)
        return None

    async def _next(self) -> None:
        """Reserve a slot, wait for it, and let one request use it; or wait until there can be one."""
        if self._paused_until > self._clock():
            return await self._until(self._paused_until)
        await self._prepare()
        queue = sorted((each for each in self._queue if not each.permit.done()), key=lambda each: each.age)
        described = [each.described() for each in queue]
        if not queue or self._is_stopping():
            return await asyncio.sleep(0)
        self._arrival.clear()
        decision, offset = await self._ask(lambda state: state.reserve(described, self._margin))
        if isinstance(decision, Delay):
            return await self._delay(decision, offset)
        waiter, waiting = queue[decision.index], described[decision.index]
        confirmed = await self._confirm(decision, waiting, offset)
        if confirmed is not None and not waiter.permit.done():
            await self._grant(waiter, waiting, *confirmed)
        return None

    async def _delay(self, delay: Delay, offset: float) -> None:
        """Wait as the shared state says. A pause is kept by this process's clock from now on, which nobody sets."""
        at = delay.until + offset
        if not delay.is_pause:
            return await self._until(at, wake=self._arrival)
        if at > self._paused_until + 1.0:
            left = at - self._clock()
            logger.warning("Another process of this app key has begun a pause: nothing is sent for %.0f s", left)
        self._paused_until = max(self._paused_until, at)
        return None

    async def _confirm(self, grant: Grant, waiting: Waiting, offset: float) -> tuple[Grant, float] | None:
        """Wait for the slot. Returns it as it may be used, with the clocks' offset; None where it may not."""
        while True:
            await self._until(max(grant.at + offset, self._last_at + self._spacing) - self._ahead)
            if self._is_stopping() or self._paused_until > self._clock():
                return None
            if self._connections is not None and not self._connections.has_failed:
                await self._prepare()
            asked_at, ahead = self._clock(), self._ahead
            decision, offset = await self._ask(partial(SharedState.confirm, grant=grant, waiting=waiting, lead=ahead))
            took = self._clock() - asked_at
            self._ahead = min(max(_CONFIRM_AHEAD, 1.5 * took, 0.9 * ahead), _MAX_CONFIRM_AHEAD)
            if isinstance(decision, Delay):
                await self._delay(decision, offset)
                return None
            if decision is None:
                return None
            grant = decision
            if grant.at + offset > self._clock() + 2 * self._ahead:
                continue  # other processes were late, and the slot has moved
            await self._until(max(grant.at + offset, self._last_at + self._spacing))
            if self._clock() - (grant.at + offset) <= TOLERANCE:
                return (grant, offset) if self._paused_until <= self._clock() else None

    async def _grant(self, waiter: _Waiter, waiting: Waiting, grant: Grant, offset: float) -> None:
        self._last_at = at = grant.at + offset
        permit = Permit(asyncio.get_running_loop().create_future(), lambda: self._is_too_late(at))
        self._queue.remove(waiter)
        waiter.permit.set_result(permit)
        if not await permit.end():
            return
        for _ in range(_TURNS_TO_WRITE):
            await asyncio.sleep(0)
        late = self._clock() - self._last_at
        if late > TOLERANCE:
            # The slots behind move, and this process keeps that much more space behind its own.
            self._margin = min(max(self._margin, late - TOLERANCE), self._spacing / 4)
            await self._ask(lambda state: state.confirm(grant, waiting, is_late=True))
        else:
            self._margin *= 0.9

    def _is_too_late(self, at: float) -> bool:
        """Whether the slot at `at` can't be used any more: a pause has begun, or the next slot is near."""
        return self._paused_until > self._clock() or 0 < self._spacing / 2 < self._clock() - at

    async def _prepare(self) -> None:
        """Have a connection ready, or the reason why there is none; not once the crawl is told to stop."""
        if self._connections is None or self._connections.is_ready():
            return
        preparing = asyncio.ensure_future(self._connections.prepare())
        try:
            while not preparing.done() and not self._is_stopping():
                await asyncio.wait([preparing], timeout=_POLL_INTERVAL)
        finally:
            preparing.cancel()

    async def _until(self, at: float, *, wake: asyncio.Event | None = None) -> None:
        """Sleep until `at`; return early when `wake` is set or the crawl is told to stop."""
        while (left := at - self._clock()) > 0 and not self._is_stopping():
            if wake is None or left <= TOLERANCE:
                await asyncio.sleep(min(left, _POLL_INTERVAL))
                continue
            try:
                await asyncio.wait_for(wake.wait(), min(left, _POLL_INTERVAL))
            except TimeoutError:
                continue
            return
