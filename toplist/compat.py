"""Private attributes of dependencies, each with the reason why there is no public way."""

from __future__ import annotations

from scrapy.core.engine import ExecutionEngine


def is_closing(engine: ExecutionEngine) -> bool:
    """Whether the engine was told to stop or its spider is closing.

    Scrapy sends no signal when a close begins: `spider_closed` comes after the last request in flight has ended, and
    that request may wait in the rate limiter for minutes. `engine.running` covers signals, but not a close that an
    extension such as CloseSpider asks for.
    """
    slot = engine._slot
    return not engine.running or slot is None or slot.closing is not None
