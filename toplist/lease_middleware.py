"""One list, one crawl: a list that another crawl is fetching is waited for, and taken over when that crawl is gone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Self

from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import DontCloseSpider, IgnoreRequest
from scrapy.statscollectors import StatsCollector

from toplist.control import CrawlControl
from toplist.errors import StorageUnavailable
from toplist.gateway_spider import gateway_spider_of
from toplist.items import ListKey, RankList
from toplist.options import CrawlOptions
from toplist.storage.ledger import LEASE, Claim, Claimed, Leases, LedgerEntry, lease_owner_name
from toplist.storage.storage import Storage
from toplist.summary import CrawlSummary

logger = logging.getLogger(__name__)

RENEW_INTERVAL = LEASE / 3  # two renewals may fail before another crawl takes over
POLL_INTERVAL = 1.0  # seconds between two looks at lists that other crawls fetch


class LeaseMiddleware:
    """A downloader middleware that lets a list's request pass when this crawl has the lease on the list.

    A list that another crawl completes in the meantime counts as complete; one that it leaves in any other way is
    asked: `schedule` puts its request back. `waiting` holds the lists that are waited for.
    """

    def __init__(
        self,
        leases: Leases,
        options: CrawlOptions,
        *,
        storage: Storage,
        summary: CrawlSummary,
        control: CrawlControl,
        stats: StatsCollector,
        schedule: Callable[[Request], None],
        waiting: dict[ListKey, Request],
    ):
        self._leases = leases
        self._options = options
        self._storage = storage
        self._summary = summary
        self._control = control
        self._stats = stats
        self._schedule = schedule
        self._leased: set[ListKey] = set()
        self._waiting = waiting
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        spider = gateway_spider_of(crawler)
        engine, options = spider.storage.engine, spider.options
        owner = lease_owner_name(spider.job)
        self = cls(
            Leases(engine, options.snapshot_date, owner),
            options,
            storage=spider.storage,
            summary=spider.summary,
            control=spider.control,
            stats=crawler.stats,
            schedule=lambda request: crawler.engine.crawl(request),
            waiting=spider.waiting_lists,
        )
        for handler, signal in (
            (self.spider_opened, signals.spider_opened),
            (self.spider_idle, signals.spider_idle),
            (self.spider_closed, signals.spider_closed),
            (self.list_ended, signals.item_scraped),
            (self.list_ended, signals.item_dropped),
            (self.list_ended, signals.item_error),
        ):
            crawler.signals.connect(handler, signal=signal)
        return self

    def spider_opened(self) -> None:
        self._tasks = [asyncio.ensure_future(self._renew_leases()), asyncio.ensure_future(self._poll())]

    async def process_request(self, request: Request) -> None:
        key = request.meta.get("toplist_key")
        if key is None or key in self._leased:
            return
        claim = await self._claim(key)
        if claim.claimed is Claimed.OURS:
            return
        if claim.claimed is Claimed.COMPLETE:
            self._count_complete(key, claim)
            raise IgnoreRequest("another crawl has completed the list")
        self._stats.inc_value("toplist/leases/waited")
        logger.info("Another crawl is fetching %s: waiting for it", request.meta["toplist_subject"])
        self._waiting[key] = request
        raise IgnoreRequest("another crawl is fetching the list")

    def spider_idle(self) -> None:
        """Keep the spider open while lists are waited for, as long as the tasks run that end the wait."""
        can_end = not any(task.done() for task in self._tasks)
        if self._waiting and can_end and not self._control.is_stopping():
            raise DontCloseSpider

    async def spider_closed(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            with suppress(StorageUnavailable):  # a lease ends by itself
                await self._storage.run(self._leases.release)

    def list_ended(self, item: Any) -> None:
        if isinstance(item, RankList):
            self._leased.discard(item.key)

    async def check_waiting(self) -> None:
        """Look once at the lists that other crawls fetch."""
        for key in list(self._waiting):
            claim = await self._claim(key)
            if claim.claimed is Claimed.LEASED:
                continue
            request = self._waiting.pop(key)
            if claim.claimed is Claimed.COMPLETE:
                self._count_complete(key, claim)
            else:
                self._stats.inc_value("toplist/leases/taken_over")
                self._schedule(request.replace(dont_filter=True))

    async def _claim(self, key: ListKey) -> Claim:
        claim = await self._storage.run(lambda: self._leases.claim(key, self._is_satisfied))
        if claim.claimed is Claimed.OURS:
            self._leased.add(key)
        return claim

    def _is_satisfied(self, entry: LedgerEntry) -> bool:
        return entry.satisfies(self._options.rows, refetch=self._options.refetch)

    def _count_complete(self, key: ListKey, claim: Claim) -> None:
        self._stats.inc_value("toplist/leases/already_complete")
        self._summary.skip(key, claim.rows)

    async def _poll(self) -> None:
        try:
            while True:
                await asyncio.sleep(POLL_INTERVAL)
                try:
                    await self.check_waiting()
                except StorageUnavailable as error:
                    logger.warning("The leases can't be read: %s", error)
        finally:
            self._waiting.clear()  # nobody looks any more: these lists stay pending, and the crawl must not hang

    async def _renew_leases(self) -> None:
        while True:
            await asyncio.sleep(RENEW_INTERVAL)
            try:
                await self._storage.run(self._leases.renew)
            except StorageUnavailable as error:
                logger.warning("The leases were not renewed: %s", error)
