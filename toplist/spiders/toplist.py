"""The spider: every planned list of a snapshot, page by page."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from datetime import date, datetime
from typing import Any

from scrapy import Request
from scrapy.exceptions import IgnoreRequest
from twisted.python.failure import Failure

from toplist.api.daily import Figure
from toplist.api.parse_issues import ParseIssues
from toplist.errors import StorageUnavailable
from toplist.http import ApiResponse, failure_reason
from toplist.items import ListKey, RankList
from toplist.list_pages import ListAccumulator, finished_list, is_last
from toplist.planning import Plan
from toplist.ratelimit.limiter import LimiterClosed
from toplist.snapshot_spider import SnapshotSpider

MARKET_CLOCK = b"X-Sandbox-Clock"


logger = logging.getLogger(__name__)


class TopListSpider(SnapshotSpider):
    """One snapshot of the ranking lists (榜单). Its arguments are `toplist.options.Arguments`.

    Where the database stays away, the storage has stopped the crawl and said why: callbacks only end.
    """

    name = "toplist"
    plan: Plan | None = None

    async def start(self) -> AsyncIterator[Any]:
        """Plan the snapshot's lists and ask for each; DeltaFetch skips those that are complete."""
        with suppress(StorageUnavailable):
            async for request in self._requests():
                yield request

    async def _requests(self) -> AsyncIterator[Request]:
        self.plan = await self.planner.make_plan()
        if self.plan is None or self.options.dry_run:
            return
        async for batch in self.planner.batches(self.plan):
            for key, complete_rows, last_day in batch:
                yield self._page(key, 1, ListAccumulator(last_day), complete_rows=complete_rows)
            await self.has_room()
        async for request in self._extras():
            yield request

    async def _extras(self) -> AsyncIterator[Request]:
        """What fills the time that the lists leave."""
        for wanted, extras, callback, errback in (
            (self.options.details, self.details, self.parse_detail, self.detail_failed),
            (self.options.daily, self.daily, self.parse_daily, self.daily_failed),
        ):
            if not wanted:
                continue
            await self.lists_have_ended()
            if not extras.is_over:
                async for request in self.paced(extras.requests(callback, errback)):
                    yield request

    async def parse_detail(self, response: ApiResponse) -> None:
        """Store an offer's detail. It is no item: the entries show it."""
        with suppress(StorageUnavailable):
            await self.details.take(response.answer, self._collected_at(response))

    async def detail_failed(self, failure: Failure) -> None:
        """An offer without a detail; its entries stay as their lists had them."""
        with suppress(StorageUnavailable):
            await self.details.take_failure(failure)

    async def parse_daily(self, response: ApiResponse, figure: Figure) -> None:
        """Store an offer's daily figures."""
        figures: dict[date, int | float] = response.answer
        with suppress(StorageUnavailable):
            await self.daily.take(response.meta["toplist_offer"], figure, figures)

    def daily_failed(self, failure: Failure) -> None:
        """Figures that did not come."""
        self.daily.fail(failure)

    def parse_page(
        self, response: ApiResponse, key: ListKey, page: int, accumulator: ListAccumulator
    ) -> Iterator[Request | RankList]:
        """Take a page in; ask for the next, or end the list."""
        accumulator.add(key, page, self.options.page_size, response.answer, self._collected_at(response))
        if not is_last(self.options, page, accumulator, response.answer):
            yield self._page(key, page + 1, accumulator)
            return
        if reason := accumulator.why_again(self.options):
            logger.info("Asking %s once more: %s", response.meta["toplist_subject"], reason)
            yield self._page(key, 1, accumulator.again())
            return
        self._count(accumulator.rows.issues)
        yield finished_list(key, accumulator, self.options, self.categories.tree)

    def list_failed(self, failure: Failure) -> Iterator[RankList]:
        """End a list as failed, with the code and the message. A list that was never sent stays pending."""
        error = failure.value
        if isinstance(error, IgnoreRequest | LimiterClosed | StorageUnavailable):
            return
        request: Request = failure.request  # type: ignore[attr-defined]
        first = request.cb_kwargs["accumulator"].before
        if first is not None and first.rows.received:
            yield finished_list(request.meta["toplist_key"], first, self.options, self.categories.tree)
            return
        reason = failure_reason(error, self.session)
        if reason.is_unreadable:
            self.control.stop_if("unreadable", self.breaker.unreadable())
        key: ListKey = request.meta["toplist_key"]
        code, message = reason.code, reason.message
        yield finished_list(key, ListAccumulator(), self.options, self.categories.tree, code=code, message=message)

    def _page(self, key: ListKey, page: int, accumulator: ListAccumulator, **kwargs: Any) -> Request:
        return self.request_factory.list_page(
            key, page, self.parse_page, self.list_failed, accumulator=accumulator, **kwargs
        )

    def _collected_at(self, response: ApiResponse) -> datetime:
        market_clock = response.headers.get(MARKET_CLOCK) if self.config.sandbox else None
        return datetime.fromisoformat(market_clock.decode()) if market_clock else self.session.clock.now()

    def _count(self, issues: ParseIssues) -> None:
        for (field, reason), times in issues.items():
            self.crawler.stats.inc_value(f"toplist/parse_issues/{field}/{reason}", times)
