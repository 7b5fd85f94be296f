"""What the package uses of other projects' private names is still there, and is counted."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from scrapy.core.engine import ExecutionEngine
from scrapy.crawler import AsyncCrawlerRunner

from tests.private_attributes import private_names, uses
from toplist.compat import is_closing, keep_running


def engine(*, running: bool = True, slot: object = None) -> ExecutionEngine:
    return cast(Any, SimpleNamespace(running=running, _slot=slot))


def test_scrapys_process_still_keeps_what_runs() -> None:
    """Else `scrapy demo` would end with its first day."""
    assert "_active" in private_names(AsyncCrawlerRunner), "Scrapy's process has no _active any more: see compat.py"


def test_a_task_keeps_the_process_running_until_it_ends() -> None:
    async def scenario() -> None:
        process: Any = SimpleNamespace(_active=set())
        task = asyncio.ensure_future(asyncio.sleep(0))
        keep_running(process, task)
        assert process._active == {task}
        await task
        await asyncio.sleep(0)
        assert process._active == set()

    asyncio.run(scenario())


def test_scrapys_engine_still_has_its_slot() -> None:
    """A release that renames it must be met in `toplist.compat`, not in the middle of a crawl."""
    assert "_slot" in private_names(ExecutionEngine), "Scrapy's engine has no _slot any more: see toplist/compat.py"
    assert isinstance(ExecutionEngine.close_spider_async.__doc__, str)


@pytest.mark.parametrize(
    ("given", "closing"),
    [
        (engine(slot=SimpleNamespace(closing=None)), False),
        (engine(slot=SimpleNamespace(closing=object())), True),
        (engine(slot=None), True),
        (engine(running=False, slot=SimpleNamespace(closing=None)), True),
    ],
)
def test_an_engine_is_closing_from_the_moment_it_was_told_to(given: ExecutionEngine, closing: bool) -> None:
    assert is_closing(given) is closing


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("engine._slot.closing", ["engine._slot"]),
        ("self._slot = cls._slot", []),
        ("row._asdict()", []),
        ("getattr(crawler, '_extensions', None)", ["getattr(crawler, '_extensions', None)"]),
        ("getattr(self, '_extensions', None)", []),
        ("def _make(self): pass\nspider._make()", []),
        ("def _close(self): super()._close()", ["super()._close"]),
        ("from twisted.web._newclient import Response", ["from twisted.web._newclient import Response"]),
        ("from toplist.storage.tables import _private", []),
        ("super()._close_slot()", ["super()._close_slot"]),
    ],
)
def test_a_private_name_of_another_object_is_counted(source: str, found: list[str]) -> None:
    assert [use.name for use in uses(source, Path("m.py"))] == found
