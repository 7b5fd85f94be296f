"""Where the gate's state lives: one row an app key, in the database that the processes share.

Times are of the database's clock (`toplist.storage.database.database_now`). Blocking: called in a thread of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from sqlalchemy import Connection, Engine, insert, select, update
from sqlalchemy.exc import IntegrityError

from toplist.ratelimit import slots
from toplist.ratelimit.clock_offset import ClockOffset
from toplist.ratelimit.slots import Delay, Grant, State, Waiting
from toplist.storage.database import database_now, for_the_limiter, writing
from toplist.storage.tables import rate_limit


class SharedState:
    """The shared state of one app key. Every answer comes with what to add to its times: they are the database's, and
    the sum is `time.monotonic()`'s.
    """

    def __init__(self, engine: Engine, key: str, qps: float):
        self._given = engine
        self._engine = for_the_limiter(engine)
        self._key = key
        self._qps = qps
        self._offset = ClockOffset()
        # A look is one statement there, without a transaction around it; SQLite's driver would not take it.
        options = {"isolation_level": "AUTOCOMMIT"} if engine.dialect.name == "postgresql" else {}
        self._looking = self._engine.execution_options(**options)
        try:
            with writing(self._engine) as connection:
                if connection.execute(select(rate_limit.c.key).where(rate_limit.c.key == key)).first() is None:
                    connection.execute(insert(rate_limit).values(key=key, state=""))
        except IntegrityError:
            pass  # another process was first

    def close(self) -> None:
        """Close what was opened for it alone."""
        if self._engine is not self._given:
            self._engine.dispose()

    def reserve(self, waiting: Sequence[Waiting]) -> tuple[Grant | Delay, float]:
        """Reserve a slot for one of `waiting`: two statements. Returns the decision and the clocks' offset."""
        with writing(self._engine) as connection:
            state, now, offset = self._read(connection, lock=True)
            decision, after = slots.reserve(state, now, self._qps, waiting)
            if after != state:
                self._write(connection, after)
        return decision, offset

    def confirm(self, held: Grant, waiting: Waiting, *, is_late: bool = False) -> tuple[Grant | Delay | None, float]:
        """Whether a reserved slot may be used: one statement; where it is late two more, or only they if `is_late`."""
        if not is_late:
            with self._looking.connect() as connection:
                state, now, offset = self._read(connection, lock=False)
            decision, after = slots.confirm(state, now, self._qps, held, waiting)
            if after is None:
                return decision, offset
        with writing(self._engine) as connection:
            state, now, offset = self._read(connection, lock=True)
            decision, after = slots.confirm(state, now, self._qps, held, waiting)
            if after is not None:
                self._write(connection, after)
        return decision, offset

    def pause(self, seconds: float) -> None:
        """Stop every process of the key for `seconds` from now."""
        self._change(lambda state, now: slots.paused(state, now, seconds))

    def slow(self) -> None:
        """Halve the rate of every process of the key."""
        self._change(lambda state, now: slots.slowed(state))

    def ease(self) -> float:
        """Give a tenth of the rate back. Returns the factor that is left; 1 is the full rate."""
        return self._change(lambda state, now: slots.eased(state)).factor

    def _change(self, change: Callable[[State, float], State]) -> State:
        with writing(self._engine) as connection:
            state, now, _ = self._read(connection, lock=True)
            after = change(state, now)
            self._write(connection, after)
        return after

    def _read(self, connection: Connection, *, lock: bool) -> tuple[State, float, float]:
        """The state, the database's time and the clocks' offset."""
        query = select(rate_limit.c.state).where(rate_limit.c.key == self._key)
        if lock:
            query = query.with_for_update()
        # Around the locked row, not beside it: PostgreSQL would read the clock before it waits for the lock.
        row = query.subquery("locked")
        before = time.monotonic()
        stored, now = connection.execute(select(row.c.state, database_now(connection))).one()
        return State.loads(stored), float(now), self._offset.read(before, float(now), time.monotonic())

    def _write(self, connection: Connection, state: State) -> None:
        connection.execute(update(rate_limit).where(rate_limit.c.key == self._key).values(state=state.dumps()))
