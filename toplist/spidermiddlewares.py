"""scrapy-deltafetch on the ledger: a list that is complete, and was asked as deep, is not asked again."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any, Self

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured
from scrapy.http import Response
from scrapy_deltafetch import DeltaFetch  # type: ignore[import-untyped]

from toplist.gateway_spider import gateway_spider_of
from toplist.requests import COMPLETE_ROWS
from toplist.summary import CrawlSummary

logger = logging.getLogger(__name__)


class LedgerDeltaFetchMiddleware(DeltaFetch):  # type: ignore[misc]
    """DeltaFetch with the ledger in place of its file.

    `DELTAFETCH_ENABLED`, `deltafetch_key`, `deltafetch_enabled` and the stats are the stock middleware's. What the
    ledger says comes with the request (`toplist_complete_rows`); the store pipeline enters a list as complete in the
    transaction that stores its rows.
    """

    summary: CrawlSummary

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        summary = gateway_spider_of(crawler).summary
        if not crawler.settings.getbool("DELTAFETCH_ENABLED"):
            raise NotConfigured("DELTAFETCH_ENABLED is off: every list is asked for again")
        self: Self = cls(dir="", stats=crawler.stats)
        self.summary = summary
        return self

    async def process_start(self, start: AsyncIterator[Any]) -> AsyncIterator[Any]:
        async for each in start:
            if not self._is_complete(each):
                yield each

    async def process_spider_output(self, response: Response, result: AsyncIterator[Any]) -> AsyncIterator[Any]:
        async for each in result:
            if not self._is_complete(each):
                yield each

    def _is_complete(self, each: Any) -> bool:
        if not isinstance(each, Request) or not each.meta.get("deltafetch_enabled", True):
            return False
        rows = each.meta.get(COMPLETE_ROWS)
        if rows is None:
            return False
        logger.debug("Already complete, not asked again: %s", each.meta["deltafetch_key"])
        self.stats.inc_value("deltafetch/skipped")
        if "toplist_key" in each.meta:
            self.summary.skip(each.meta["toplist_key"], rows)
        return True
