"""The spider: every planned list of a snapshot, page by page."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from datetime import date, datetime
from functools import cached_property, partial
from typing import Any

from scrapy import Request
from scrapy.exceptions import IgnoreRequest
from scrapy.settings import BaseSettings
from twisted.python.failure import Failure

from toplist.alerts.snapshot_alerts import AlertOptions
from toplist.api.daily import Figure
from toplist.api.parse_issues import ParseIssues
from toplist.config import Config
from toplist.enrichment.daily import Daily
from toplist.enrichment.details import Details
from toplist.errors import StorageUnavailable
from toplist.feeds.s3 import S3Options
from toplist.feeds.snapshot import check_before_crawl, deliver_snapshot
from toplist.gateway_spider import GatewaySpider
from toplist.http import ApiResponse, failure_reason
from toplist.items import ListKey, RankList
from toplist.list_pages import ListAccumulator, finished_list, is_last
from toplist.options import CrawlOptions
from toplist.planning import Plan
from toplist.ratelimit.limiter import LimiterClosed
from toplist.report.assemble import Highlights
from toplist.report.publish import Report, check_report, report_of_crawl
from toplist.storage.history import History
from toplist.storage.ledger import Ledger

MARKET_CLOCK = b"X-Sandbox-Clock"


logger = logging.getLogger(__name__)


class TopListSpider(GatewaySpider):
    """One snapshot of the ranking lists (榜单). Its arguments are `toplist.options.Arguments`."""

    name = "toplist"
    plan: Plan | None = None

    @classmethod
    def check(cls, config: Config, options: CrawlOptions, settings: BaseSettings) -> None:
        check_before_crawl(config.places, options.snapshot_date, S3Options.from_settings(settings))
        check_report(config.places, options.snapshot_date)
        AlertOptions.of(config)

    @cached_property
    def history(self) -> History:
        """The history, with the snapshot's ledger."""
        return History(self.storage.engine, Ledger(self.storage.engine, self.options.snapshot_date))

    @cached_property
    def deliver(self) -> Callable[[], list[str]]:
        """Writes the snapshot's feeds; blocking."""
        return partial(
            deliver_snapshot,
            self.config.places,
            self.history,
            self.options.snapshot_date,
            self.config.source,
            S3Options.from_settings(self.settings),
            allow_fewer=self.options.refresh,
        )

    @cached_property
    def write_report(self) -> Callable[[Highlights], Report | None]:
        """Writes the snapshot's page, where one is wanted; blocking, raises nothing."""
        return partial(
            report_of_crawl,
            self.storage.engine,
            self.config.places,
            self.config.source,
            self.options.snapshot_date,
            S3Options.from_settings(self.settings),
        )

    @cached_property
    def details(self) -> Details:
        """The details of single offers."""
        return Details(*self.enrichment_parts(), deliver=self.deliver)

    @cached_property
    def daily(self) -> Daily:
        """The daily figures of single offers."""
        return Daily(*self.enrichment_parts())

    async def start(self) -> AsyncIterator[Any]:
        """Plan the snapshot's lists and ask for each; DeltaFetch skips those that are complete."""
        with suppress(StorageUnavailable):  # the crawl was stopped, with the reason
            async for request in self._requests():
                yield request

    async def _requests(self) -> AsyncIterator[Request]:
        self.plan = await self.planner.make_plan()
        if self.plan is None or self.options.dry_run:
            return
        async for batch in self.planner.batches(self.plan):
            for key, complete_rows, last_rows in batch:
                yield self._page(key, 1, ListAccumulator(last_rows), complete_rows=complete_rows)
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
        await self.details.take(response.answer, self._collected_at(response))

    async def detail_failed(self, failure: Failure) -> None:
        """An offer without a detail; its entries stay as their lists had them."""
        await self.details.take_failure(failure)

    async def parse_daily(self, response: ApiResponse, figure: Figure) -> None:
        """Store an offer's daily figures."""
        figures: dict[date, int | float] = response.answer
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
        doubt = accumulator.doubt(self.options)
        if doubt and accumulator.before is None:
            logger.info("Asking %s once more: %s", response.meta["toplist_subject"], doubt)
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
