"""scrapy-deltafetch on the ledger: a list that is complete, and was asked as deep, is not asked again."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from scrapy import Request, signals
from scrapy.exceptions import NotConfigured
from scrapy_deltafetch import DeltaFetch  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from typing import Self

    from scrapy.crawler import Crawler
    from scrapy.http import Response

logger = logging.getLogger(__name__)


class LedgerDeltaFetchMiddleware(DeltaFetch):  # type: ignore[misc]
    """DeltaFetch with the ledger in place of its file.

    `DELTAFETCH_ENABLED`, `deltafetch_key`, `deltafetch_enabled` and the stats are the stock middleware's. A key is
    marked in the transaction that stores its rows, by the store pipeline, and not here.
    """

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        if not crawler.settings.getbool("DELTAFETCH_ENABLED"):
            raise NotConfigured("DELTAFETCH_ENABLED is off: every list is asked for again")
        self: Self = cls(dir="", stats=crawler.stats)
        self.fingerprint = crawler.request_fingerprinter.fingerprint
        crawler.signals.connect(self.spider_opened, signal=signals.spider_opened)
        return self

    def spider_opened(self, spider: Any) -> None:
        self._run = spider.run

    async def process_start(self, start: AsyncIterator[Any]) -> AsyncIterator[Any]:
        async for each in start:
            if not self._is_seen(each):
                yield each

    async def process_spider_output(self, response: Response, result: AsyncIterator[Any]) -> AsyncIterator[Any]:
        async for each in result:
            if not self._is_seen(each):
                yield each

    def _is_seen(self, each: Any) -> bool:
        if not isinstance(each, Request) or not self._is_enabled_for_request(each):
            return False
        delta_key = self._get_key(each).decode()
        if delta_key in self._run.details_there:
            self._run.details_there.remove(delta_key)
            self.stats.inc_value("deltafetch/skipped")
            return True
        there = self._run.there.pop(delta_key, None)
        if there is None:
            return False
        key, rows = there
        logger.debug("Already complete, not asked again: %s", key)
        self.stats.inc_value("deltafetch/skipped")
        self._run.tally.skip(key, rows)
        return True
