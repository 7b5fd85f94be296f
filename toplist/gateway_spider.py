"""The base of every spider that calls the gateway: it makes the objects that its components are built from.

A component reads them in its `from_crawler`, through `gateway_spider_of`, and nowhere else.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import cached_property
from typing import Any, Self, cast

import scrapy
from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured
from scrapy.settings import BaseSettings

from toplist import settings
from toplist.alerts.messages import address_secrets
from toplist.api.credentials import Credentials
from toplist.categories.fetcher import CategoryFetcher, CategoryPlanner
from toplist.categories.tree import Tree
from toplist.circuit_breaker import CircuitBreaker
from toplist.config import Config
from toplist.control import CrawlControl
from toplist.dates import utc_now
from toplist.feeds.s3 import s3_secrets
from toplist.http import ApiResponse
from toplist.items import ListKey
from toplist.options import Arguments, CrawlOptions, resolve_options
from toplist.ranktypes import Protocol
from toplist.ratelimit.limiter import RateLimiter
from toplist.ratelimit.shared_state import DatabaseRow, SharedState
from toplist.redaction import RedactingFilter, Redactor
from toplist.requests import RequestFactory
from toplist.sandbox.process import SandboxProcess
from toplist.session import Clock, GatewaySession
from toplist.storage.categories import Categories
from toplist.storage.database import open_database
from toplist.storage.storage import Storage
from toplist.summary import CrawlSummary
from toplist.token_renewal import TokenManager

POLL_INTERVAL = 0.1  # seconds between two looks whether the lists have ended


class GatewaySpider(scrapy.Spider):
    """Checks its arguments and settings before anything is opened or sent, and closes what it opened."""

    config: Config
    options: CrawlOptions
    session: GatewaySession
    storage: Storage
    summary: CrawlSummary
    control: CrawlControl
    breaker: CircuitBreaker
    limiter: RateLimiter
    request_factory: RequestFactory
    waiting_lists: dict[ListKey, Request]  # that another crawl is fetching
    postponed: list[Request]  # lists that were paused for twice: asked after all others
    custom_settings = settings.gateway_spiders
    job: str | None = None  # Scrapyd's id of the job
    breaker_class: type[CircuitBreaker] = CircuitBreaker
    _sandbox: SandboxProcess | None = None

    @classmethod
    def update_settings(cls, settings: BaseSettings) -> None:
        super().update_settings(settings)
        settings.set("AUTOTHROTTLE_START_DELAY", settings.get("DOWNLOAD_DELAY"), priority="spider")

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        """Raises InputError for an argument or a setting that is wrong."""
        arguments = Arguments.parse(kwargs)
        given = crawler.settings
        config = Config.load(given, sandbox=arguments.gateway == "sandbox")
        options = resolve_options(
            arguments,
            config,
            utc_now(),
            delta_reset=given.getbool("DELTAFETCH_RESET"),
            delta_enabled=given.getbool("DELTAFETCH_ENABLED"),
        )
        cls.check(config, options, given)
        # Scrapy makes attributes of arguments; ours are in `options`, under the names of some attributes here.
        others = {name: value for name, value in kwargs.items() if name.startswith("_")}
        spider = super().from_crawler(crawler, *args, **others)
        spider.job = kwargs.get("_job")
        spider.make_parts(config, options, crawler)
        return spider

    @classmethod
    def check(cls, config: Config, options: CrawlOptions, settings: BaseSettings) -> None:
        """Further checks before the database is opened. Raises InputError."""

    def make_parts(self, config: Config, options: CrawlOptions, crawler: Crawler) -> None:
        """Make what the components are built from; the database is opened here. Raises InputError."""
        self.config = config
        self.options = options
        self.session = GatewaySession(config.gateway_url, config.credentials, Clock(), config.tokens)
        hide_others = Redactor([*s3_secrets(crawler.settings), *address_secrets(config.notify_urls)])
        self._log_filter = RedactingFilter(lambda text: hide_others(self.session.redact(text)))
        self._log_filter.install()
        self.storage = Storage(open_database(config.places.database_url))
        self.summary = CrawlSummary()
        self.control = CrawlControl(crawler)
        self.waiting_lists, self.postponed = {}, []
        self.storage.on_unavailable = lambda error: self.control.stop("database", str(error))
        self.breaker = self.breaker_class(self.session.clock.monotonic)
        self.request_factory = RequestFactory(self.session, options)
        self.limiter = RateLimiter(config.limits.qps, self.control.is_stopping)
        crawler.signals.connect(self._spider_opened, signals.spider_opened)
        crawler.signals.connect(self._spider_closed, signals.spider_closed)
        crawler.signals.connect(self._engine_stopped, signals.engine_stopped)

    # What counts in Scrapy's stats is made when it is first used: the stats come after the spider.

    @cached_property
    def tokens(self) -> TokenManager:
        """Renews the access token."""
        return TokenManager(
            self.session, self.config.token_file, self.request_factory, self.download, self.crawler.stats
        )

    @cached_property
    def categories(self) -> CategoryPlanner:
        """Finds the categories of a level."""
        stats = self.crawler.stats
        return CategoryPlanner(
            self.config.source, self.storage, self._category_fetcher, self.summary, self.control, stats
        )

    async def download(self, request: Request) -> ApiResponse:
        """Send a request of `request_factory` past the scheduler."""
        return cast(ApiResponse, await self.crawler.engine.download_async(request))

    async def lists_have_ended(self) -> None:
        """Wait until nothing is asked, nothing is stored and no list is waited for any more."""
        engine = self.crawler.engine
        while not self.control.is_stopping():
            scheduler, storing = engine.scheduler, engine.scraper.slot
            is_asking = (scheduler is not None and scheduler.has_pending_requests()) or engine.downloader.active
            if not is_asking and not self.waiting_lists and (storing is None or storing.is_idle()):
                if not self.postponed:
                    return
                self.ask_postponed()
            await asyncio.sleep(POLL_INTERVAL)

    def ask_postponed(self) -> None:
        """Ask for the lists that were put off to the end."""
        for request in self.postponed:
            self.crawler.engine.crawl(request)
        self.postponed.clear()

    async def has_room(self) -> None:
        """Wait until the downloader takes more requests. So memory stays flat, however many there are to ask."""
        while self.crawler.engine.needs_backout():
            await self.crawler.signals.wait_for(signals.scheduler_empty)

    async def paced(self, requests: AsyncIterator[Request]) -> AsyncIterator[Request]:
        """The requests, no more at a time than the downloader takes."""
        async for request in requests:
            yield request
            await self.has_room()

    def _category_fetcher(self, tree: Tree) -> CategoryFetcher:
        return CategoryFetcher(
            tree,
            self.session.clock.now() - timedelta(days=self.config.category_cache_days),
            categories=Categories(self.storage.engine, self.config.source),
            storage=self.storage,
            session=self.session,
            requests=self.request_factory,
            download=self.download,
            control=self.control,
            breaker=self.breaker,
            stats=self.crawler.stats,
        )

    async def _spider_opened(self) -> None:
        self._log_filter.install()  # Scrapy has made its handler anew, by the spider's settings
        if self.config.sandbox:
            self._sandbox = await self._start_sandbox()
        key, qps = self.session.credentials.fingerprint(), self.config.limits.qps
        await self.limiter.open(lambda: SharedState(DatabaseRow(self.storage.engine, key), qps))

    async def _start_sandbox(self) -> SandboxProcess:
        """Start a sandbox that holds the crawl to its own limits, and connect to it."""
        limits = self.config.limits
        options = {
            "date": self.options.snapshot_date,
            "qps": limits.qps,
            "category-interval": limits.category_interval,
            "pause": limits.pause,
        }
        arguments = [f"--{name}={value}" for name, value in options.items()]
        sandbox = await self.storage.run(lambda: SandboxProcess(*arguments))
        token = sandbox.access_token if self.config.protocol is Protocol.OPENPLATFORM else None
        self.session.connect(sandbox.url, Credentials(sandbox.app_key, sandbox.app_secret, token))
        return sandbox

    async def _spider_closed(self) -> None:
        await self.limiter.close()
        if self._sandbox is not None:
            await self.storage.run(self._sandbox.stop)

    def _engine_stopped(self) -> None:
        self._log_filter.is_over = True
        self.storage.close()


def gateway_spider_of(crawler: Crawler) -> GatewaySpider:
    """The crawler's spider. Raises NotConfigured for a spider of another kind, which our components leave alone."""
    if not isinstance(crawler.spider, GatewaySpider):
        raise NotConfigured("for spiders that call the gateway only")
    return crawler.spider
