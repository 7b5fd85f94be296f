"""The spider: every planned list of a snapshot, page by page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import scrapy
from scrapy import Request, signals
from scrapy.exceptions import IgnoreRequest
from scrapy.settings import BaseSettings
from twisted.python.failure import Failure

from toplist.api.daily import Figure
from toplist.api.details import Detail
from toplist.api.parse_issues import ParseIssues
from toplist.api.responses import ListPage
from toplist.config import Config
from toplist.dates import utc_now
from toplist.enrichment.base import lists_have_ended, paced
from toplist.enrichment.daily import Daily
from toplist.enrichment.details import Details
from toplist.errors import ApiError
from toplist.feeds.s3 import S3Options
from toplist.feeds.snapshot import check_before_crawl
from toplist.items import ListKey, RankList
from toplist.list_pages import ListAccumulator, is_last, outcome
from toplist.options import Arguments, resolve_options
from toplist.planning import batches, make_plan
from toplist.ratelimit.limiter import RateLimiter
from toplist.requests import list_request
from toplist.run import Run
from toplist.storage.database import open_database
from toplist.token_renewal import TokenKeeper

if TYPE_CHECKING:
    from typing import Self

    from scrapy.crawler import Crawler
    from scrapy.http import Response

MARKET_CLOCK = b"X-Sandbox-Clock"


class TopListSpider(scrapy.Spider):
    """One snapshot of the ranking lists (榜单). Its arguments are `toplist.options.Arguments`."""

    name = "toplist"
    writes_feeds = True
    run: Run
    session: Run
    control: Run
    config: Config
    limiter: RateLimiter
    details: Details
    daily: Daily

    @classmethod
    def update_settings(cls, settings: BaseSettings) -> None:
        super().update_settings(settings)
        settings.set("AUTOTHROTTLE_START_DELAY", settings.get("DOWNLOAD_DELAY"), priority="spider")

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        """Check everything that was given. Raises InputError before anything is opened or sent."""
        arguments = Arguments.parse(kwargs)
        settings = crawler.settings
        config = Config.load(settings, sandbox=arguments.gateway == "sandbox")
        reset = settings.getbool("DELTAFETCH_RESET")
        asked = resolve_options(arguments, config, utc_now(), delta_reset=reset)
        if cls.writes_feeds:
            check_before_crawl(config.places, asked.snapshot_date, S3Options.from_settings(crawler.settings))
        spider = super().from_crawler(crawler, *args, **kwargs)
        spider.run = Run(crawler, config, asked, open_database(config.places.database_url))
        spider.session = spider.control = spider.run
        spider.config = config
        spider.limiter = spider.run.limiter
        spider.run.tokens = TokenKeeper(spider.run)
        spider.details = Details(spider.run)
        spider.daily = Daily(spider.run)
        return spider

    async def start(self) -> AsyncIterator[Any]:
        """Plan the snapshot's lists and ask for each; DeltaFetch holds back those that are complete."""
        await self._finish_restored()
        plan = await make_plan(self.run)
        if plan is None or self.run.asked.dry_run:
            return
        async for batch in batches(self.run, plan):
            for key in batch:
                yield self._page(key, 1, ListAccumulator())
            # A batch is asked before the next is planned: memory stays flat, however many lists there are.
            while self.crawler.engine.needs_backout():
                await self.crawler.signals.wait_for(signals.scheduler_empty)
        async for request in self._extras():
            yield request

    async def _extras(self) -> AsyncIterator[Request]:
        """What fills the time that the lists leave."""
        asked = self.run.asked
        for wanted, extras, callback, errback in (
            (asked.details, self.details, self.parse_detail, self.detail_failed),
            (asked.daily, self.daily, self.parse_daily, self.daily_failed),
        ):
            if not wanted:
                continue
            await lists_have_ended(self.run)
            if not extras.is_over:
                async for request in paced(self.run, extras.requests(callback, errback)):
                    yield request

    async def parse_detail(self, response: Response, answer: Detail, notes: ParseIssues) -> None:
        """Store an offer's detail. It is no item: the entries show it."""
        self._note(notes)
        await self.details.take(answer, self._collected_at(response))

    async def detail_failed(self, failure: Failure) -> None:
        """An offer without a detail; its entries stay as their lists had them."""
        await self.details.take_failure(failure)

    async def parse_daily(
        self, response: Response, figure: str, answer: dict[date, int | float], notes: ParseIssues
    ) -> None:
        """Store an offer's daily figures."""
        self._note(notes)
        await self.daily.take(response.meta["toplist_offer"], Figure[figure], answer)

    def daily_failed(self, failure: Failure) -> None:
        """Figures that did not come."""
        self.daily.fail(failure)

    def parse_page(
        self,
        response: Response,
        key: ListKey,
        page: int,
        gathered: ListAccumulator,
        answer: ListPage,
        notes: ParseIssues,
    ) -> Iterator[Request | RankList]:
        """Take a page in; ask for the next, or end the list."""
        self._note(notes)
        gathered.add(key, page, self.run.asked.page_size, answer, self._collected_at(response))
        if is_last(self.run.asked, page, gathered, answer):
            self._note(gathered.rows.issues)
            yield outcome(self.run, key, gathered)
        else:
            yield self._page(key, page + 1, gathered)

    def list_failed(self, failure: Failure) -> Iterator[RankList]:
        """End a list as failed, with the code and the message. A list that was never sent stays pending."""
        error = failure.value
        request: Request = failure.request  # type: ignore[attr-defined]
        if isinstance(error, IgnoreRequest):
            return
        if isinstance(error, ApiError):
            code, message = error.code, error.message
        else:
            code, message = _network_code(error), self.run.credentials.redact(str(error))[:300]
        if not isinstance(error, ApiError) or error.is_unreadable:
            why = self.run.patience.unreadable()
            if why:
                self.run.stop("unreadable", why)
        yield outcome(self.run, request.meta["toplist_key"], ListAccumulator(), code=code, message=message)

    def _page(self, key: ListKey, page: int, gathered: ListAccumulator) -> Request:
        return list_request(self.run, key, page, self.parse_page, self.list_failed, gathered=gathered)

    def _collected_at(self, response: Response) -> datetime:
        market_clock = response.headers.get(MARKET_CLOCK) if self.run.config.sandbox else None
        return datetime.fromisoformat(market_clock.decode()) if market_clock else self.run.clock.now()

    def _note(self, notes: ParseIssues) -> None:
        for (field, reason), times in notes.items():
            self.run.stats.inc_value(f"toplist/parse_issues/{field}/{reason}", times)

    async def _finish_restored(self) -> None:
        """Requests that a job directory brought back go first; what they complete is there when the plan is made."""
        engine = self.crawler.engine
        self.run.is_restoring = True
        while (slot := engine._slot) and (slot.scheduler.has_pending_requests() or slot.inprogress):
            await asyncio.sleep(0.1)
        self.run.is_restoring = False


def _network_code(error: BaseException | None) -> str:
    """`DownloadTimeoutError` → `timeout` and the like: a word of ours for what the network did."""
    name = type(error).__name__.removesuffix("Error").removeprefix("Download").removeprefix("Response")
    return "".join(f" {char.lower()}" if char.isupper() else char for char in name).strip() or "no answer"
