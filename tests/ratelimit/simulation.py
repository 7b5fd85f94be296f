"""Limiters on a simulated clock: an event loop that never waits, and a row in memory that several limiters share."""

from __future__ import annotations

import asyncio
import itertools
import selectors
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from typing import Any, TypeVar

from toplist.ratelimit.shared_state import Reading

T = TypeVar("T")


class _JumpingSelector(selectors.DefaultSelector):
    """Where the loop would wait for a timer, the time passes at once."""

    now = 1000.0

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None:
            raise RuntimeError("nothing is left to wait for: the simulation hangs")
        self.now += max(timeout, 1e-7)  # a turn takes time; without, a wait below a float's precision never ends
        return super().select(0)


class SimulatedLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock is simulated; `time` is also the processes' monotonic clock."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now

    def pass_time(self, seconds: float) -> None:
        """The process is held up: nothing runs for `seconds`."""
        self._jumping.now += seconds


class InlineExecutor(Executor):
    """Runs work at once."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        done: Future[T] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as error:
            done.set_exception(error)
        return done


class LatentExecutor(Executor):
    """Runs work a few milliseconds later, one after the other, as a database does."""

    def __init__(self, loop: SimulatedLoop, latencies: tuple[float, ...]):
        self._loop = loop
        self._latencies = itertools.cycle(latencies)
        self._free_at = 0.0

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        done: Future[T] = Future()
        done.set_running_or_notify_cancel()

        def work() -> None:
            try:
                result = fn(*args, **kwargs)
            except Exception as error:
                self._loop.call_later(next(self._latencies), done.set_exception, error)
            else:
                self._loop.call_later(next(self._latencies), done.set_result, result)

        self._free_at = max(self._free_at, self._loop.time()) + next(self._latencies)
        self._loop.call_at(self._free_at, work)
        return done


class MemoryRow:
    """A row that limiters of one simulation share. `offset` is the shared clock's lead over the loop's."""

    def __init__(self, loop: SimulatedLoop, offset: float = 5e5):
        self._loop = loop
        self.offset = offset
        self.text = ""
        self.error: Exception | None = None

    def look(self) -> Reading:
        if self.error is not None:
            raise self.error
        now = self._loop.time()
        return Reading(self.text, now + self.offset, now, now)

    @contextmanager
    def locked(self) -> Iterator[tuple[Reading, Callable[[str], None]]]:
        yield self.look(), self._write

    def close(self) -> None:
        pass

    def _write(self, text: str) -> None:
        self.text = text


def simulate(scenario: Callable[[SimulatedLoop], Coroutine[Any, Any, T]]) -> T:
    """Run a scenario to its end; anything that waits for ever is an error."""
    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, SimulatedLoop)
        return runner.run(scenario(loop))
