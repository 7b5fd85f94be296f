"""The end of a snapshot's crawl: the feeds delivered, old snapshots deleted, the verdict said."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any, Self

from scrapy import Spider, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import CloseSpider, NotConfigured
from scrapy.http import Response

from toplist.alerts.monitors import CrawlFigures
from toplist.alerts.snapshot_alerts import AlertOptions, SnapshotAlerts
from toplist.config import Config
from toplist.control import CrawlControl
from toplist.dates import business_date, utc_now
from toplist.enrichment.details import Details
from toplist.errors import StorageUnavailable
from toplist.exporters import CountingFeedExporter
from toplist.feeds.s3 import S3Options
from toplist.items import Status
from toplist.language import Sentence
from toplist.options import CrawlOptions
from toplist.ranktypes import Protocol
from toplist.report.assemble import Highlights
from toplist.report.publish import Report
from toplist.spiders.toplist import TopListSpider
from toplist.storage.retention import prune
from toplist.storage.storage import Storage
from toplist.storage.trend_models import TrendModels, refit_models
from toplist.summary import CrawlSummary, Verdict

logger = logging.getLogger(__name__)

SHUTDOWN = "shutdown"  # Scrapy's close reason for a signal
CLOSESPIDER = "closespider_"  # its close reasons for the settings CLOSESPIDER_… begin so


class SnapshotExtension:
    """Says how a crawl of the lists went. `deliver` writes the feeds, `write_report` the page; both block.

    `deliver` returns what failed. The page's failure is logged only: the page can be made again from the history.
    `report` is the page that was written.
    """

    def __init__(
        self,
        config: Config,
        options: CrawlOptions,
        *,
        storage: Storage,
        summary: CrawlSummary,
        control: CrawlControl,
        details: Details,
        deliver: Callable[[], list[str]],
        alerts: SnapshotAlerts,
        write_report: Callable[[Highlights], Report | None],
        crawler: Crawler,
    ):
        self._config = config
        self._options = options
        self._storage = storage
        self._summary = summary
        self._control = control
        self._details = details
        self._deliver = deliver
        self._alerts = alerts
        self._write_report = write_report
        self._crawler = crawler
        self._start_failed = False
        self._feed_failures = ["the feed was not written"]
        self.report: Report | None = None

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        spider = crawler.spider
        if not isinstance(spider, TopListSpider):
            raise NotConfigured("for the spider toplist only")
        self = cls(
            spider.config,
            spider.options,
            storage=spider.storage,
            summary=spider.summary,
            control=spider.control,
            details=spider.details,
            deliver=spider.deliver,
            alerts=_alerts(spider),
            write_report=spider.write_report,
            crawler=crawler,
        )
        crawler.signals.connect(self.spider_opened, signals.spider_opened)
        crawler.signals.connect(self.spider_error, signals.spider_error)
        crawler.signals.connect(self.spider_idle, signals.spider_idle)
        crawler.signals.connect(self.spider_closed, signals.spider_closed)
        return self

    def spider_opened(self, spider: Spider) -> None:
        day, config = self._options.snapshot_date, self._config
        logger.info("Snapshot of %s (Asia/Shanghai) from %s, protocol %s", day, config.source, config.protocol)

    def spider_error(self, response: Response | None) -> None:
        """Without a response it is `start` that failed: Scrapy's close reason says so."""
        self._start_failed = self._start_failed or response is None

    def spider_idle(self, spider: Spider) -> None:
        """Close with a reason that says how the lists ended."""
        if self._list_problems() and not self._start_failed:
            raise CloseSpider("lists_incomplete" if self._summary.total_rows else "no_rows")

    async def spider_closed(self, spider: Spider, reason: str) -> None:
        if self._options.dry_run:
            self._feed_failures = []
        elif reason == SHUTDOWN:
            self._feed_failures = ["the feed was not written, the crawl was stopped"]
        else:
            try:
                await self._finish_snapshot()
            except StorageUnavailable:
                self._feed_failures = ["the feed was not written, the database is away"]
        exporter = self._crawler.get_extension(CountingFeedExporter)
        if exporter is not None:
            await exporter.closed.wait()
        elif self._crawler.settings.getdict("FEEDS"):
            self._feed_failures.append("the feeds of FEEDS were not written, their exporter did not start")
        verdict = self.verdict(reason)
        self._crawler.stats.set_value("toplist/verdict", str(verdict))
        if not self._options.dry_run:
            await self._tell(verdict)

    async def _finish_snapshot(self) -> None:
        """Raises StorageUnavailable."""
        if self._config.protocol is Protocol.OPENPLATFORM:
            await self._details.fill()
        self._feed_failures = await self._storage.run(self._deliver)
        await self._refit()
        await self._run_alerts()
        self.report = await self._storage.run(lambda: self._write_report(self._highlights()))
        await self._prune()

    async def _run_alerts(self) -> None:
        """Alerts are made of what is stored. A failure of theirs is said, and changes nothing else."""
        stats = self._crawler.stats
        crawl = CrawlFigures(
            requests=stats.get_value("downloader/response_count", 0),
            throttled=stats.get_value("toplist/ratelimit/throttled", 0),
            pauses=stats.get_value("toplist/ratelimit/pauses", 0),
            delivery_failures=len(self._feed_failures),
        )
        try:
            with suppress(StorageUnavailable):  # which the storage says
                await self._storage.run(lambda: self._alerts.run(crawl))
        except Exception:
            logger.exception("The alerts could not be made")
        for result in self._alerts.failed_monitors:
            stats.inc_value(f"toplist/monitors/{result.name}")
        self._summary.warnings += self._alerts.warnings()

    async def _refit(self) -> None:
        """Fit the breakout models again. A failure is said, and changes nothing else."""
        config, day = self._config, self._options.snapshot_date
        models = TrendModels(self._storage.engine)
        refit = partial(refit_models, models, config.source, config.protocol, day, config.count_covers)
        try:
            with suppress(StorageUnavailable):  # which the storage says
                self._summary.warnings += await self._storage.run(refit)
        except Exception:
            logger.exception("The breakout models could not be fitted")

    def _highlights(self) -> Highlights:
        hits = [(hit.entry.offer_id, hit.watch, [str(each) for each in hit.triggers]) for hit in self._alerts.hits]
        return Highlights([str(each) for each in self._alerts.failed_monitors], hits)

    async def _tell(self, verdict: Verdict) -> None:
        summary = self._summary
        statuses = {status.value: summary.status(status) for status in Status if summary.status(status)}
        tell = partial(
            self._alerts.tell,
            problems=verdict.problems,
            statuses=statuses,
            rows=summary.total_rows,
            page=self.report.uri if self.report else None,
        )
        try:
            await self._storage.run(tell)
        except Exception as error:
            logger.warning("The message was not sent: %s", type(error).__name__)

    def verdict(self, reason: str) -> Verdict:
        """What speaks against this crawl: its lists, its end, its errors, its feeds."""
        control, stats = self._control, self._crawler.stats.get_stats()
        said = [control.stopped] if control.stopped else []
        if reason == SHUTDOWN or (reason == "cancelled" and not control.stopped):
            said.append(Sentence.of("it was stopped", "抓取被中止"))
        lists = self._list_problems()
        if lists and reason.startswith(CLOSESPIDER):
            said.append(Sentence.of("{setting} ended the crawl", "抓取因 {setting} 结束", setting=reason.upper()))
        said += lists + _errors(stats) + self._alerts.problems()
        return Verdict((*said, *self._feed_failures), tuple(self._summary.all_warnings()))

    def _list_problems(self) -> list[str]:
        options = self._options
        if options.dry_run:
            return self._summary.gaps()
        return self._summary.problems(options.rank_types if options.rank_types_named else ())

    async def _prune(self) -> None:
        """Delete what is older than today asks for, whichever day was crawled, and of this crawl's source alone."""
        days, source, engine = self._config.retention_days, self._config.source, self._storage.engine
        if days is None or self._control.stopped:
            return
        oldest = business_date(utc_now()) - timedelta(days=days - 1)
        deleted = await self._storage.run(lambda: prune(engine, source, oldest))
        if deleted:
            logger.info("Deleted %d lists of days before %s (TOPLIST_RETENTION_DAYS)", deleted, oldest)


def _alerts(spider: TopListSpider) -> SnapshotAlerts:
    """Monitors, watches and the message."""
    return SnapshotAlerts(
        AlertOptions.of(spider.config),
        spider.storage.engine,
        spider.history,
        places=spider.config.places,
        snapshot_date=spider.options.snapshot_date,
        source=spider.config.source,
        protocol=spider.config.protocol,
        s3=S3Options.from_settings(spider.settings),
    )


def _errors(stats: Mapping[str, Any]) -> list[str]:
    """What Scrapy counted as errors."""
    counts = {
        what: sum(value for name, value in stats.items() if name.startswith(prefix)) for prefix, what in _ERRORS.items()
    }
    return [what.format(count) for what, count in counts.items() if count]


_ERRORS = {
    "spider_exceptions/count": "{} errors in the spider",
    "item_error_count": "{} lists could not be processed",
    "feedexport/failed_count/": "{} failures in the feeds of FEEDS",
}
