"""The database of a crawl, and the one thread that its blocking work is done in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy import Engine

T = TypeVar("T")


class Storage:
    """Runs blocking work on the database in one thread, in the order it is given."""

    def __init__(self, engine: Engine):
        self.engine = engine
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="storage")

    async def run(self, work: Callable[[], T]) -> T:
        """Run blocking work in the storage's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def close(self) -> None:
        """Wait for the work that was given, then close the database."""
        self._thread.shutdown(wait=True)
        self.engine.dispose()
