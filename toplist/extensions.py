"""The snapshot's beginning and end: the sandbox started, the feeds delivered, the verdict said."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from scrapy import Spider, signals
from scrapy.exceptions import CloseSpider, NotConfigured

from toplist.feeds.snapshot import deliver_snapshot
from toplist.feeds.watched import WatchedFeedExporter
from toplist.refit import refit_models
from toplist.run import OfRun
from toplist.sandbox.process import SandboxProcess
from toplist.sandboxed import start_sandbox
from toplist.storage.retention import prune
from toplist.summary import Verdict

if TYPE_CHECKING:
    from scrapy.crawler import Crawler


logger = logging.getLogger(__name__)

INTERRUPTED = "shutdown"  # Scrapy's close reason for a signal


class SnapshotExtension(OfRun):
    """Opens and closes one snapshot's crawl."""

    def __init__(self, crawler: Crawler):
        if not hasattr(crawler.spider, "run"):
            raise NotConfigured("not a toplist spider")
        super().__init__(crawler)
        self._sandbox: SandboxProcess | None = None
        self._delivery = ["the feed was not written"]
        crawler.signals.connect(self.spider_opened, signals.spider_opened)
        crawler.signals.connect(self.spider_idle, signals.spider_idle)
        crawler.signals.connect(self.spider_closed, signals.spider_closed)
        crawler.signals.connect(self.engine_stopped, signals.engine_stopped)

    async def spider_opened(self, spider: Spider) -> None:
        run = self.run
        if run.config.sandbox:
            self._sandbox = await start_sandbox(run)
        asked = run.asked
        logger.info("Snapshot of %s from %s, protocol %s", asked.snapshot_date, run.source, run.config.protocol)

    def spider_idle(self, spider: Spider) -> None:
        """Close with a reason that says how the lists ended."""
        if self._list_complaints() and not self._crawler.engine._start_error:
            raise CloseSpider("lists_incomplete" if sum(self.run.tally.rows.values()) else "no_rows")

    async def spider_closed(self, spider: Spider, reason: str) -> None:
        run = self.run
        if self._sandbox is not None:
            await run.in_thread(self._sandbox.stop)
        if run.asked.dry_run:
            self._delivery = []
        elif reason == INTERRUPTED:
            self._delivery = ["the feed was not written, the crawl was stopped"]
        else:
            await self._crawler.spider.details.fill()  # type: ignore[union-attr]
            self._delivery = await run.in_thread(lambda: deliver_snapshot(run, self._crawler.settings))
        exporter = self._crawler.get_extension(WatchedFeedExporter)
        if exporter is not None:
            await exporter.closed.wait()
        elif self._crawler.settings.getdict("FEEDS"):
            self._delivery.append("the feeds of FEEDS were not written, their exporter did not start")
        if reason != INTERRUPTED and not run.asked.dry_run:
            day, protocol, covers = run.asked.snapshot_date, run.config.protocol, run.config.count_covers
            run.tally.notes += await run.in_thread(
                lambda: refit_models(run.trend_models, run.source, protocol, day, covers)
            )
        if run.config.retention_days is not None and reason != INTERRUPTED:
            oldest = run.asked.snapshot_date - timedelta(days=run.config.retention_days - 1)
            forgotten = await run.in_thread(lambda: prune(run.engine, oldest))
            if forgotten:
                logger.info("Forgot %d lists of days before %s (TOPLIST_RETENTION_DAYS)", forgotten, oldest)
        self._crawler.stats.set_value("toplist/verdict", str(self.verdict(reason)))

    def verdict(self, reason: str) -> Verdict:
        """What speaks against this crawl: its lists, its end, its errors, its feeds."""
        run, stats = self.run, self._crawler.stats.get_stats()
        said = [run.stopped] if run.stopped else []
        if reason == INTERRUPTED or (reason == "cancelled" and not run.stopped):
            said.append("it was stopped")
        said += self._list_complaints()
        for name, what in _ERRORS.items():
            if count := sum(value for key, value in stats.items() if key.startswith(name)):
                said.append(what.format(count))
        return Verdict((*said, *self._delivery))

    def _list_complaints(self) -> list[str]:
        asked = self.run.asked
        if asked.dry_run:
            return self.run.tally.gaps()
        return self.run.tally.complaints(asked.rank_types if asked.rank_types_named else ())

    def engine_stopped(self) -> None:
        self.run.close()


_ERRORS = {
    "spider_exceptions/count": "{} errors in the spider",
    "item_error_count": "{} lists could not be processed",
    "feedexport/failed_count/": "{} failures in the feeds of FEEDS",
}
