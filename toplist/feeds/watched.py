"""Scrapy's feed exporter, with nothing lost in silence.

The stock one counts a feed as failed only when its storage refuses the finished file: a feed that can't be opened, or
an item that can't be written, is an error in a signal handler, and the crawl ends well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from scrapy import Spider
from scrapy.crawler import Crawler
from scrapy.extensions.feedexport import FeedExporter, FeedSlot


class WatchedFeedExporter(FeedExporter):
    """Counts every failure under `feedexport/failed_count/…`; `closed` is set when the last feed is."""

    def __init__(self, crawler: Crawler):
        super().__init__(crawler)
        self.closed = asyncio.Event()

    def open_spider(self, spider: Spider) -> None:
        with self._counted("open"):
            super().open_spider(spider)

    def item_scraped(self, item: Any, spider: Spider) -> None:
        with self._counted("item"):
            super().item_scraped(item, spider)

    async def close_spider(self, spider: Spider) -> None:
        try:
            with self._counted("close"):
                await super().close_spider(spider)
        finally:
            self.closed.set()

    async def _close_slot(self, slot: FeedSlot, spider: Spider) -> None:
        with self._counted("close"):
            await super()._close_slot(slot, spider)

    @contextmanager
    def _counted(self, step: str) -> Iterator[None]:
        try:
            yield
        except Exception:
            self.crawler.stats.inc_value(f"feedexport/failed_count/{step}")
            raise
