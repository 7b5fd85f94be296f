"""Where the gate's state lives: one row an app key, in the database that the processes share.

Times are of the database's clock: PostgreSQL's own, and for a SQLite file the system's monotonic clock, which all
processes of a computer share and no step of the wall clock touches. Blocking: called in a thread of its own.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Engine, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from toplist.gate import budget
from toplist.gate.budget import Hold, Release, State, Waiting
from toplist.store.database import writing
from toplist.store.tables import gate


class GateStore:
    """The shared state of one app key. Every answer comes with the database's time, to count waits from."""

    def __init__(self, engine: Engine, key: str, qps: float):
        self._engine = engine
        self._key = key
        self._qps = qps
        self._has_clock = engine.dialect.name == "postgresql"
        try:
            with writing(engine) as connection:
                if connection.execute(select(gate.c.key).where(gate.c.key == key)).first() is None:
                    connection.execute(insert(gate).values(key=key, state=""))
        except IntegrityError:
            pass  # another process was first

    def reserve(self, waiting: Sequence[Waiting]) -> tuple[Release | Hold, float]:
        """Reserve a slot for one of `waiting`: two statements. Returns the decision and the database's time."""
        with writing(self._engine) as connection:
            state, now = self._read(connection, lock=True)
            decision, after = budget.reserve(state, now, self._qps, waiting)
            if after != state:
                self._write(connection, after)
        return decision, now

    def confirm(self, held: Release, waiting: Waiting) -> tuple[Release | Hold | None, float]:
        """Whether a reserved slot may be used: one statement, two where it is late."""
        with self._engine.connect() as connection:
            state, now = self._read(connection, lock=False)
        decision, after = budget.confirm(state, now, self._qps, held, waiting)
        if after is None:
            return decision, now
        with writing(self._engine) as connection:
            state, now = self._read(connection, lock=True)
            decision, after = budget.confirm(state, now, self._qps, held, waiting)
            if after is not None:
                self._write(connection, after)
        return decision, now

    def pause(self, seconds: float) -> None:
        """Stop every process of the key for `seconds` from now."""
        self._change(lambda state, now: budget.paused(state, now, seconds))

    def slow(self) -> None:
        """Halve the rate of every process of the key."""
        self._change(lambda state, now: budget.slowed(state))

    def ease(self) -> float:
        """Give a tenth of the rate back. Returns the factor that is left; 1 is the full rate."""
        return self._change(lambda state, now: budget.eased(state)).factor

    def _change(self, change: Any) -> State:
        with writing(self._engine) as connection:
            state, now = self._read(connection, lock=True)
            after: State = change(state, now)
            self._write(connection, after)
        return after

    def _read(self, connection: Connection, *, lock: bool) -> tuple[State, float]:
        query = select(gate.c.state).where(gate.c.key == self._key)
        if not self._has_clock:
            stored = connection.execute(query).scalar_one()
            return State.loads(stored), time.monotonic()
        query = query.add_columns(text("extract(epoch from clock_timestamp())"))
        row = connection.execute(query.with_for_update() if lock else query).one()
        return State.loads(row[0]), float(row[1])

    def _write(self, connection: Connection, state: State) -> None:
        connection.execute(update(gate).where(gate.c.key == self._key).values(state=state.dumps()))
