"""What the crawl of a snapshot uses besides the gateway: the plan, the history, the feeds, the page and the extras."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial

from scrapy.settings import BaseSettings

from toplist.alerts.snapshot_alerts import AlertOptions
from toplist.config import Config
from toplist.enrichment.base import EnrichmentParts
from toplist.enrichment.daily import Daily
from toplist.enrichment.details import Details
from toplist.feeds.s3 import S3Options
from toplist.feeds.snapshot import check_before_crawl, deliver_snapshot
from toplist.gateway_spider import GatewaySpider
from toplist.options import CrawlOptions
from toplist.planning import Planner
from toplist.report.assemble import Highlights
from toplist.report.publish import Report, check_report, report_of_crawl
from toplist.storage.history import History
from toplist.storage.ledger import Ledger


class SnapshotSpider(GatewaySpider):
    """Makes what its callbacks and the snapshot's extension use, when it is first used."""

    @classmethod
    def check(cls, config: Config, options: CrawlOptions, settings: BaseSettings) -> None:
        s3 = S3Options.from_settings(settings)
        check_before_crawl(config.places, options.snapshot_date, s3)
        check_report(config.places, options.snapshot_date, s3)
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

    @cached_property
    def planner(self) -> Planner:
        """Plans the lists."""
        return Planner(
            self.config,
            self.options,
            self.categories,
            storage=self.storage,
            clock=self.session.clock,
            summary=self.summary,
            control=self.control,
            stats=self.crawler.stats,
        )

    def enrichment_parts(self) -> EnrichmentParts:
        """What each kind of extra is made from."""
        return EnrichmentParts(
            self.options,
            self.config.source,
            self.storage,
            self.session,
            self.request_factory,
            self.control,
            self.crawler.stats,
        )
