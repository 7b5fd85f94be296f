"""The limiter's state in the database that the processes share: one row per app key.

Times are of the database's clock (`toplist.storage.database.database_now`). Blocking: the limiter calls it in a thread
of its own. A request costs three statements: one look and one update when a slot is reserved, one look when it begins.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Connection, Engine, Select, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from toplist.ratelimit import slots
from toplist.ratelimit.slots import Delay, Grant, SlotState, Waiting
from toplist.storage.database import database_now, for_the_limiter, without_transactions, writing
from toplist.storage.tables import rate_limit

_DRIFT = 0.0005  # seconds by which an estimate may leave a reading's bounds: two quartz clocks differ in speed
_STEP = 0.05  # a larger contradiction means that a clock was set


class Reading(NamedTuple):
    """A row as it was read: its text, the shared clock's time, and this process's time `before` and `after`."""

    text: str
    now: float
    before: float
    after: float


class StateRow(Protocol):
    """One app key's row, which the processes share."""

    def look(self) -> Reading:
        """Read without locking."""

    def locked(self) -> AbstractContextManager[tuple[Reading, Callable[[str], None]]]:
        """Lock and read; what is yielded also writes."""

    def close(self) -> None:
        """Close what was opened for the row alone."""


class ClockOffset:
    """This process's clock minus the database's, in seconds. Pure.

    A reading says that the offset is between `before - now` and `after - now`. As in NTP, the answer with the least
    delay gives the best estimate: an answer that a busy computer held back must not make a slot look later than it
    is. An estimate that a reading contradicts is dropped.
    """

    def __init__(self) -> None:
        self._offset: float | None = None
        self._at_least = float("-inf")
        self.step = 0.0
        """How far the last reading found the database's clock set forward, at most; 0: it was not."""

    def read(self, before: float, now: float, after: float) -> float:
        """Use a reading: the database said `now` between `before` and `after` of ours. Returns the estimate."""
        at_most, at_least = after - now, before - now
        is_forward = self._offset is not None and at_most < self._at_least - _STEP
        self.step = self._offset - at_least if is_forward and self._offset is not None else 0.0
        if self._offset is None or not at_least - _DRIFT <= self._offset <= at_most:
            self._offset = at_most
            self._at_least = at_least
        self._at_least = max(self._at_least, at_least)
        return self._offset


class SharedState:
    """The shared state of one app key.

    Every answer comes with the clocks' offset: added to the answer's times, which are the database's, it makes them
    times of `time.monotonic()`.
    """

    def __init__(self, row: StateRow, qps: float):
        self._row = row
        self._qps = qps
        self._offset = ClockOffset()
        self._step = 0.0
        self._read(row.look())  # so that a step of the clock is seen from now on

    def close(self) -> None:
        self._row.close()

    def reserve(self, waiting: Sequence[Waiting], margin: float = 0.0) -> tuple[Grant | Delay, float]:
        """Reserve a slot for one of `waiting`: two statements. Returns the decision and the clocks' offset."""
        with self._locked() as (state, now, offset, write):
            decision, after = slots.reserve(state, now, self._qps, waiting, margin)
            if after != state:
                write(after)
        return decision, offset

    def confirm(
        self, grant: Grant, waiting: Waiting, *, lead: float = 0.0, is_late: bool = False
    ) -> tuple[Grant | Delay | None, float]:
        """Whether a reserved slot may be used: one statement; two more where it is late, only these if `is_late`."""
        if not is_late:
            reading = self._row.look()
            offset = self._read(reading)
            if self._step:
                return None, offset  # the slot is of the clock as it was; the next reservation corrects the state
            decision, after = slots.confirm(SlotState.loads(reading.text), reading.now, self._qps, grant, waiting, lead)
            if after is None:
                return decision, offset
        with self._locked() as (state, now, offset, write):
            decision, after = slots.confirm(state, now, self._qps, grant, waiting, lead)
            if after is not None:
                write(after)
        return decision, offset

    def pause(self, seconds: float) -> None:
        """Stop every process of the key for `seconds` from now."""
        self._change(lambda state, now: slots.pause(state, now, seconds))

    def back_off(self) -> None:
        """Halve the rate of every process of the key."""
        self._change(lambda state, now: slots.back_off(state))

    def recover(self) -> float:
        """Restore a tenth of the rate. Returns the factor that is left; 1 is the full rate."""
        return self._change(lambda state, now: slots.recover(state)).factor

    def _change(self, change: Callable[[SlotState, float], SlotState]) -> SlotState:
        with self._locked() as (state, now, _, write):
            after = change(slots.drop_stale(state, now, self._qps), now)
            write(after)
        return after

    @contextmanager
    def _locked(self) -> Iterator[tuple[SlotState, float, float, Callable[[SlotState], None]]]:
        """The locked state, the database's time, the clocks' offset, and what writes the state."""
        with self._row.locked() as (reading, write):
            offset, now = self._read(reading), reading.now
            state = SlotState.loads(reading.text)
            if self._step:
                state, self._step = self._stepped(state, now), 0.0
                write(replace(state, written_at=now).dumps())  # whatever is decided: the step is seen only once
            yield state, now, offset, lambda after: write(replace(after, written_at=now).dumps())

    def _read(self, reading: Reading) -> float:
        offset = self._offset.read(reading.before, reading.now, reading.after)
        self._step += self._offset.step
        return offset

    def _stepped(self, state: SlotState, now: float) -> SlotState:
        """The state after the clock was set forward: what is left of each wait stays, as when it is set back.

        The first process that sees the step moves the times; what it stores is later than the old clock's time.
        """
        return slots.move(state, self._step) if state.written_at <= now - self._step + slots.MAX_DELAY else state


class DatabaseRow:
    """The row in the database."""

    def __init__(self, engine: Engine, key: str):
        self._given = engine
        self._engine = for_the_limiter(engine)
        self._looking = without_transactions(self._engine)
        # Made once: making a statement takes longer than SQLite does.
        self._write = update(rate_limit).where(rate_limit.c.key == key).values(state=bindparam("text"))
        row = select(rate_limit.c.state).where(rate_limit.c.key == key)
        # Around the locked row, not beside it: PostgreSQL would read the clock before it waits for the lock.
        self._look, self._lock = (
            select(each.c.state, database_now(engine)) for each in (row.subquery(), row.with_for_update().subquery())
        )
        try:
            with writing(self._engine) as connection:
                if connection.execute(select(rate_limit.c.key).where(rate_limit.c.key == key)).first() is None:
                    connection.execute(insert(rate_limit).values(key=key, state=""))
        except IntegrityError:
            pass  # another process inserted it first

    def look(self) -> Reading:
        with self._looking.connect() as connection:
            return _read(connection, self._look)

    @contextmanager
    def locked(self) -> Iterator[tuple[Reading, Callable[[str], None]]]:
        with writing(self._engine) as connection:

            def write(text: str) -> None:
                connection.execute(self._write, {"text": text})

            yield _read(connection, self._lock), write

    def close(self) -> None:
        if self._engine is not self._given:
            self._engine.dispose()


def _read(connection: Connection, query: Select[Any]) -> Reading:
    before = time.monotonic()
    text, now = connection.execute(query).one()
    return Reading(text, float(now), before, time.monotonic())
