"""The crawl's database work: one thread, in the order it is given, tried again while the database is away."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from toplist.errors import StorageUnavailable

T = TypeVar("T")

logger = logging.getLogger(__name__)

RETRY_FOR = 60.0
"""Seconds that work waits for a database that is away."""

_FIRST_WAIT, _MAX_WAIT = 0.2, 2.0  # seconds between two attempts

#: SQLSTATE of a server that is shutting down, starting or full of connections; class 08 is a broken connection.
_AWAY = ("08", "57P01", "57P02", "57P03", "53300")
_SQLITE_LOCKED = ("SQLITE_BUSY", "SQLITE_LOCKED")
#: No space left, or a disk that fails. Reading may go on, so that waiting would have no end.
_FULL = ("53100",)
_SQLITE_FULL = ("SQLITE_FULL", "SQLITE_IOERR")


class Storage:
    """Runs work on the database. Work must be safe to run twice: a lost connection does not tell what was committed.

    One outage is one line in the log when it begins and one when it ends, whichever thread meets it.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        retry_for: float = RETRY_FOR,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ):
        self.engine = engine
        self._retry_for = retry_for
        self._clock = clock
        self._sleep = sleep
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="storage")
        self._lock = threading.Lock()
        self._away_since: float | None = None
        self.on_unavailable: Callable[[StorageUnavailable], None] | None = None

    async def run(self, work: Callable[[], T]) -> T:
        """Run blocking work in the storage's thread. Raises StorageUnavailable when the database stays away."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self.retrying, work)
        except StorageUnavailable as error:
            if self.on_unavailable is not None:
                self.on_unavailable(error)
            raise

    def retrying(self, work: Callable[[], T]) -> T:
        """Run blocking work in this thread, again and again while the database is away, for `retry_for` seconds.

        Once these are over, each further call makes one attempt. A full disk is not waited for. Raises
        StorageUnavailable.
        """
        wait = _FIRST_WAIT
        while True:
            try:
                result = work()
            except DBAPIError as error:
                if is_full(error):
                    said = f"the database of TOPLIST_DATABASE_URL can't be written: {first_line(error)}"
                    raise StorageUnavailable(said) from None
                if not is_away(error):
                    raise
                cause = first_line(error)
                if self._note_away(cause) >= self._retry_for:
                    raise StorageUnavailable(
                        f"the database of TOPLIST_DATABASE_URL could not be used for {self._retry_for:.0f} s: {cause}"
                    ) from None
            else:
                self._note_back()
                return result
            self._sleep(wait)
            wait = min(2 * wait, _MAX_WAIT)

    def close(self) -> None:
        """Finish the work that was given, then close the connections."""
        self._thread.shutdown(wait=True)
        self.engine.dispose()

    def _note_away(self, cause: str) -> float:
        """The database does not answer. Returns for how many seconds it has not."""
        with self._lock:
            if self._away_since is None:
                self._away_since = self._clock()
                logger.warning("The database is away, trying again for %.0f s: %s", self._retry_for, cause)
            return self._clock() - self._away_since

    def _note_back(self) -> None:
        if self._away_since is None:
            return
        with self._lock:
            if self._away_since is not None:
                logger.warning("The database is back after %.0f s", self._clock() - self._away_since)
                self._away_since = None


def is_away(error: DBAPIError) -> bool:
    """Whether the connection failed, not the statement: the same work may succeed later."""
    if error.connection_invalidated:
        return True
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    sqlite_name = getattr(error.orig, "sqlite_errorname", None)
    if sqlite_name is not None:
        return str(sqlite_name).startswith(_SQLITE_LOCKED)
    sqlstate = getattr(error.orig, "sqlstate", None)
    return sqlstate is None or str(sqlstate).startswith(_AWAY)  # none: there was no connection yet


def is_full(error: DBAPIError) -> bool:
    """Whether nothing more can be written: the disk is full, or fails."""
    sqlite_name, sqlstate = (getattr(error.orig, name, None) for name in ("sqlite_errorname", "sqlstate"))
    return str(sqlite_name).startswith(_SQLITE_FULL) or str(sqlstate).startswith(_FULL)


def first_line(error: BaseException) -> str:
    """What a driver said, without the statement and its values."""
    lines = str(getattr(error, "orig", None) or error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
