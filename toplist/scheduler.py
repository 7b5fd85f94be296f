"""Scrapy's scheduler, with a front queue for later pages and for requests that the gateway put off."""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, Any

from scrapy.core.scheduler import Scheduler as StockScheduler

from toplist.requests import FIRST

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.dupefilters import BaseDupeFilter
    from twisted.internet.defer import Deferred

logger = logging.getLogger(__name__)


class Scheduler(StockScheduler):
    """A request with `meta["toplist_first"]` comes out before every other one, whatever its slot.

    Scrapy's queue orders by priority inside a slot only, so that every category would have a list begun and not ended,
    which is kept in memory until its last page, and a list which met a pause could be asked again much later.

    A spider with a `limiter` has a ledger that knows what is left to ask: its requests are not written to the job
    directory, where they would outlive the day they are for. Requests of other spiders are.
    """

    def __init__(
        self, dupefilter: BaseDupeFilter, jobdir: str | None = None, *, crawler: Crawler | None = None, **others: Any
    ):
        if jobdir and hasattr(crawler and crawler.spider, "limiter"):
            logger.info("JOBDIR: no requests are written to it; the next crawl asks for what the ledger says is left")
            jobdir = None
        super().__init__(dupefilter, jobdir, crawler=crawler, **others)
        self._first: deque[Request] = deque()

    def enqueue_request(self, request: Request) -> bool:
        if request.meta.pop(FIRST, False):
            self._first.append(request)
            return True
        return super().enqueue_request(request)

    def next_request(self) -> Request | None:
        return self._first.popleft() if self._first else super().next_request()

    def __len__(self) -> int:
        return len(self._first) + super().__len__()

    def close(self, reason: str) -> Deferred[None] | None:
        while self._first:  # into the job directory, where the spider has one
            super().enqueue_request(self._first.popleft())
        return super().close(reason)
