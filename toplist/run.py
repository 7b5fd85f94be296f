"""What the components of one crawl share: its configuration, its database, its gate and its tally."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import Engine

from toplist.api.credentials import Credentials
from toplist.api.tokens import Tokens
from toplist.categories.tree import Tree, builtin_roots
from toplist.circuit_breaker import CircuitBreaker
from toplist.config import Config
from toplist.items import ListKey, Source
from toplist.options import CrawlOptions
from toplist.storage.history import History
from toplist.storage.history_reader import HistoryReader
from toplist.storage.ledger import Ledger
from toplist.storage.trend_models import TrendModels
from toplist.summary import CrawlSummary

if TYPE_CHECKING:
    from typing import Self

    from scrapy.crawler import Crawler
    from scrapy.statscollectors import StatsCollector

    from toplist.errors import InputError
    from toplist.planning import Plan
    from toplist.ratelimit.limiter import RateLimiter
    from toplist.token_renewal import TokenKeeper

T = TypeVar("T")


class Clock:
    """The crawl's clock; `offset` is what the gateway's Date corrected it by, in seconds."""

    def __init__(self) -> None:
        self.offset = 0.0
        self.corrected_at: float | None = None

    def timestamp(self) -> int:
        """Milliseconds since 1970, by the gateway's clock."""
        return round((time.time() + self.offset) * 1000)

    def now(self) -> datetime:
        """Aware, UTC, by the gateway's clock."""
        return datetime.fromtimestamp(time.time() + self.offset, UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def correct(self, gateway_now: datetime) -> None:
        """Follow the gateway's clock from here on. Its Date has whole seconds; the middle of one is meant."""
        self.offset = gateway_now.timestamp() + 0.5 - time.time()
        self.corrected_at = self.monotonic()


class Run:
    """One crawl. Blocking work on the database goes through `in_thread`, in the order it is given."""

    def __init__(self, crawler: Crawler, config: Config, asked: CrawlOptions, engine: Engine):
        self.crawler = crawler
        self.config = config
        self.asked = asked
        self.engine = engine
        self.source = Source.SANDBOX if config.sandbox else Source.GATEWAY
        self.ledger = Ledger(engine, asked.snapshot_date)
        self.history = History(engine, self.ledger)
        self.past = HistoryReader(engine)
        self.trend_models = TrendModels(engine)
        self.clock = Clock()
        self.tally = CrawlSummary()
        self.patience = CircuitBreaker(self.clock.monotonic)
        self.gate: RateLimiter | None = None
        self.stopped: str | None = None
        self.is_restoring = False
        self.there: dict[str, tuple[ListKey, int]] = {}
        self.tree = Tree(builtin_roots())
        self.plan: Plan | None = None
        self.bad_input: InputError | None = None
        self.details_there: set[str] = set()
        self.tokens: TokenKeeper  # set by the spider: it asks through the crawl
        self._credentials = config.credentials
        self._gateway_url = config.gateway_url
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")

    @property
    def stats(self) -> StatsCollector:
        return self.crawler.stats

    @property
    def credentials(self) -> Credentials:
        if self._credentials is None:
            raise RuntimeError("the sandbox has not started")
        return self._credentials

    @property
    def gateway_url(self) -> str:
        if self._gateway_url is None:
            raise RuntimeError("the sandbox has not started")
        return self._gateway_url

    def use_gateway(self, url: str, credentials: Credentials) -> None:
        """Ask this gateway, with these credentials: the sandbox brings its own."""
        self._gateway_url = url
        self._credentials = credentials

    def use_tokens(self, tokens: Tokens) -> None:
        """Sign with these from here on; the old ones stay hidden."""
        assert tokens.access_token is not None
        self._credentials = self.credentials.renewed(tokens.access_token, tokens.refresh_token)

    def is_stopping(self) -> bool:
        """Whether the crawl was told to stop: nothing more is sent then."""
        if self.stopped:
            return True
        engine = self.crawler.engine
        slot = engine._slot
        return engine._stopping or slot is None or slot.closing is not None

    def stop(self, reason: str, why: str) -> None:
        """End the crawl in order, and remember why for the verdict. The first reason stands."""
        if self.stopped:
            return
        self.stopped = why
        self._closing = asyncio.ensure_future(self.crawler.engine.close_spider_async(reason=reason))

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Run blocking work in the store's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def close(self) -> None:
        self._thread.shutdown(wait=True)
        self.engine.dispose()


class OfRun:
    """A component of a toplist crawl; `run` is what the crawl's components share."""

    def __init__(self, crawler: Crawler):
        self._crawler = crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    @property
    def run(self) -> Run:
        run: Run = self._crawler.spider.run  # type: ignore[union-attr]
        return run
