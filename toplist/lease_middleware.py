"""One list, one crawl: a list that another crawl is fetching is waited for, and taken over when that one is gone."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from scrapy import Request, signals
from scrapy.exceptions import DontCloseSpider, IgnoreRequest
from sqlalchemy.exc import SQLAlchemyError

from toplist.items import ListKey, RankList
from toplist.storage.leases import LEASE, Claim, Claimed, Leases, lease_owner_name
from toplist.storage.ledger import LedgerEntry

if TYPE_CHECKING:
    from typing import Self

    from scrapy.crawler import Crawler

    from toplist.run import Run

logger = logging.getLogger(__name__)

_RENEW = LEASE / 3  # two renewals may fail before another crawl takes over
_POLL_INTERVAL = 1.0  # seconds between two looks at lists that others hold


class LeaseMiddleware:
    """A downloader middleware that lets a list's request pass when this crawl holds the list.

    A list that another crawl completes in the meantime counts as there; one that it leaves in any other way is asked.
    """

    def __init__(self, crawler: Crawler):
        self._crawler = crawler
        self._is_delta = crawler.settings.getbool("DELTAFETCH_ENABLED")
        self._held: set[ListKey] = set()
        self._waiting: dict[ListKey, Request] = {}
        self._tasks: list[asyncio.Task[None]] = []
        for handler, signal in (
            (self.spider_opened, signals.spider_opened),
            (self.spider_idle, signals.spider_idle),
            (self.spider_closed, signals.spider_closed),
            (self.list_ended, signals.item_scraped),
            (self.list_ended, signals.item_dropped),
            (self.list_ended, signals.item_error),
        ):
            crawler.signals.connect(handler, signal=signal)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    @property
    def _run(self) -> Run:
        run: Run = self._crawler.spider.run  # type: ignore[union-attr]
        return run

    def spider_opened(self, spider: Any) -> None:
        run = self._run
        name = lease_owner_name(getattr(spider, "_job", None))
        self._leases = Leases(run.engine, run.ledger, run.asked.snapshot_date, name)
        self._tasks = [asyncio.ensure_future(self._renew()), asyncio.ensure_future(self._watch())]

    async def process_request(self, request: Request) -> None:
        key = request.meta.get("toplist_key")
        if key is None or key in self._held:
            return
        claim = await self._claim(key)
        if claim.claimed is Claimed.OURS:
            return
        if claim.claimed is Claimed.COMPLETE:
            self._count_as_there(key, claim)
            raise IgnoreRequest("another crawl has completed the list")
        self._run.stats.inc_value("toplist/leases/waited")
        logger.info("Another crawl is fetching %s: waiting for it", request.meta["toplist_subject"])
        self._waiting[key] = request
        raise IgnoreRequest("another crawl is fetching the list")

    def spider_idle(self, spider: Any) -> None:
        watched = not any(task.done() for task in self._tasks)  # else nobody would end the wait
        if self._waiting and watched and not self._run.is_stopping():
            raise DontCloseSpider

    async def spider_closed(self, spider: Any) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await self._run.in_thread(self._leases.release)

    def list_ended(self, item: Any) -> None:
        if isinstance(item, RankList):
            self._held.discard(item.key)

    async def _claim(self, key: ListKey) -> Claim:
        claim = await self._run.in_thread(lambda: self._leases.claim(key, self._is_there))
        if claim.claimed is Claimed.OURS:
            self._held.add(key)
        return claim

    def _is_there(self, mark: LedgerEntry) -> bool:
        asked = self._run.asked
        return self._is_delta and not asked.refresh and mark.satisfies(asked.rows)

    def _count_as_there(self, key: ListKey, claim: Claim) -> None:
        self._run.stats.inc_value("toplist/leases/already_complete")
        self._run.tally.skip(key, claim.rows)

    async def _watch(self) -> None:
        """Look after the lists that others hold."""
        while True:
            await asyncio.sleep(_POLL_INTERVAL)
            for key in list(self._waiting):
                try:
                    claim = await self._claim(key)
                except SQLAlchemyError as error:
                    logger.warning("The leases can't be read: %s", type(error).__name__)
                    break
                if claim.claimed is Claimed.LEASED:
                    continue
                request = self._waiting.pop(key)
                if claim.claimed is Claimed.COMPLETE:
                    self._count_as_there(key, claim)
                else:
                    self._run.stats.inc_value("toplist/leases/taken_over")
                    self._crawler.engine.crawl(request.replace(dont_filter=True))

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(_RENEW)
            try:
                await self._run.in_thread(self._leases.renew)
            except SQLAlchemyError as error:
                logger.warning("The leases were not renewed: %s", type(error).__name__)
