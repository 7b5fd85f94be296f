"""Private attributes of dependencies, each with the reason why there is no public way."""

from __future__ import annotations

import asyncio
from typing import Any

from scrapy.core.engine import ExecutionEngine
from scrapy.crawler import AsyncCrawlerProcess


def is_closing(engine: ExecutionEngine) -> bool:
    """Whether the engine was told to stop or its spider is closing.

    Scrapy sends no signal when a close begins: `spider_closed` comes after the last request in flight has ended, and
    that request may wait in the rate limiter for minutes. `engine.running` covers signals, but not a close that an
    extension such as CloseSpider asks for.
    """
    slot = engine._slot
    return not engine.running or slot is None or slot.closing is not None


def keep_running(process: AsyncCrawlerProcess, task: asyncio.Task[Any]) -> None:
    """Let the process end when `task` has ended, as when its own crawls have.

    `process.crawl` starts every crawl at once, and `process.start` waits for what was started by then; crawls that
    follow each other in one task are not known to it.
    """
    process._active.add(task)
    task.add_done_callback(process._active.discard)
