"""Work that several threads begin at one instant."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier


def together(*work: Callable[[], object]) -> list[object]:
    """Each in a thread of its own; their results in order."""
    barrier = Barrier(len(work))

    def run(each: Callable[[], object]) -> object:
        barrier.wait()
        return each()

    with ThreadPoolExecutor(len(work)) as threads:
        return [each.result(60) for each in [threads.submit(run, each) for each in work]]
