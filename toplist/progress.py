"""How a crawl goes while it runs: one live line on a terminal, a log line a minute elsewhere."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.text import Text
from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured

from toplist.planning import duration
from toplist.ratelimit.limiter import RateLimiter
from toplist.spiders.toplist import TopListSpider
from toplist.summary import CrawlSummary

logger = logging.getLogger(__name__)

LIVE_INTERVAL = 0.5  # seconds between two drawings of the live line
LOG_INTERVAL = 60.0
_RATE_WINDOW = 10.0  # seconds over which the rate is measured


@dataclass(frozen=True, slots=True)
class Progress:
    """What the line says. Rates are requests per second, `budget` 0 where it is lifted; times are seconds."""

    done: int
    planned: int
    rows: int
    rate: float
    budget: float
    left: float | None
    pause_left: float = 0.0

    def __str__(self) -> str:
        budget = f" of {self.budget:g}" if self.budget else ""
        said = [f"{self.done} of {self.planned} lists", f"{self.rate:.1f}{budget} requests/s", f"{self.rows} rows"]
        if self.pause_left > 0:
            said.append(f"paused, the next request in {duration(self.pause_left)}")
        elif self.left is not None and self.done < self.planned:
            said.append(f"about {duration(self.left)} left")
        return ", ".join(said)


class Rate:
    """Answers per second over the last ten seconds. Pure; the clock is passed in."""

    def __init__(self, clock: Callable[[], float]):
        self._clock = clock
        self._seen: deque[tuple[float, int]] = deque([(clock(), 0)])

    def read(self, count: int) -> float:
        """`count` is the number of answers since the start."""
        now = self._clock()
        self._seen.append((now, count))
        while len(self._seen) > 2 and now - self._seen[1][0] >= _RATE_WINDOW:
            self._seen.popleft()
        since, before = self._seen[0]
        return (count - before) / (now - since) if now > since else 0.0


def time_left(summary: CrawlSummary, elapsed: float) -> float | None:
    """Seconds for the pending lists, at the pace of those that have ended; None before the first."""
    ended = sum(sum(counter.values()) for counter in summary.ended.values())
    return elapsed / ended * summary.pending if ended else None


class ProgressExtension:
    """Shows the progress of a crawl of the lists from its start to its end."""

    def __init__(
        self,
        summary: CrawlSummary,
        limiter: RateLimiter,
        *,
        budget: float,
        count_answers: Callable[[], int],
        live: bool,
        plan: Callable[[], object] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._summary = summary
        self._limiter = limiter
        self._budget = budget
        self._count_answers = count_answers
        self._live = live
        self._plan = plan
        self._clock = clock
        self._rate = Rate(clock)
        self._began_at = clock()
        self._task: asyncio.Task[None] | None = None
        self._console = Console(stderr=True)
        self._is_plan_printed = False

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        spider = crawler.spider
        if not isinstance(spider, TopListSpider):
            raise NotConfigured("for the spider toplist only")
        stats = crawler.stats
        self = cls(
            spider.summary,
            spider.limiter,
            budget=spider.config.limits.qps,
            count_answers=lambda: int(stats.get_value("downloader/response_count", 0)),
            live=sys.stderr.isatty() and bool(crawler.settings.get("LOG_FILE")),
            plan=lambda: spider.plan and spider.plan.cost,
        )
        crawler.signals.connect(self.spider_opened, signals.spider_opened)
        crawler.signals.connect(self.spider_closed, signals.spider_closed)
        return self

    def spider_opened(self) -> None:
        self._task = asyncio.ensure_future(self._draw() if self._live else self._log())

    def spider_closed(self) -> None:
        if self._task is not None:
            self._task.cancel()
        if self._live:
            self._print_plan()

    def progress(self) -> Progress:
        """As it is now."""
        summary = self._summary
        planned = summary.planned.total()
        return Progress(
            done=planned - summary.pending,
            planned=planned,
            rows=summary.total_rows,
            rate=self._rate.read(self._count_answers()),
            budget=self._budget,
            left=time_left(summary, self._clock() - self._began_at),
            pause_left=self._limiter.pause_left(),
        )

    async def _draw(self) -> None:
        with Live(console=self._console, auto_refresh=False, transient=True) as live:
            while True:
                self._print_plan()
                live.update(Text(str(self.progress()), no_wrap=True, overflow="ellipsis"), refresh=True)
                await asyncio.sleep(LIVE_INTERVAL)

    def _print_plan(self) -> None:
        """Once, when there is a plan. A crawl can be over before the live line is drawn again."""
        if not self._is_plan_printed and (plan := self._plan()):
            self._console.print(f"Plan: {plan}", highlight=False)
            self._is_plan_printed = True

    async def _log(self) -> None:
        while True:
            await asyncio.sleep(LOG_INTERVAL)
            logger.info("Progress: %s", self.progress())
