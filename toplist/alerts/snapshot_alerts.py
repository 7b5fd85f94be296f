"""What people are told when a snapshot's crawl ends: monitors in the verdict, watch hits in a feed, one message."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import BinaryIO, Self

from sqlalchemy import Engine

from toplist.alerts.day_figures import read_day_figures
from toplist.alerts.messages import SnapshotNews, check_addresses, send_message, write_message
from toplist.alerts.monitors import MONITORS, CrawlFigures, MonitorResult, run_monitors
from toplist.alerts.watching import Watch, WatchHit, find_hits, read_watches
from toplist.config import Config, Places
from toplist.errors import InputError
from toplist.feeds.delivery import Failed, deliver_file
from toplist.feeds.s3 import S3Options
from toplist.feeds.uris import beside, parse_targets
from toplist.items import Source
from toplist.language import Language
from toplist.ranktypes import Protocol
from toplist.storage.history import History

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AlertOptions:
    """What is set: watches, addresses, and the monitors whose failure fails the crawl."""

    watches: Sequence[Watch] = ()
    notify_urls: Sequence[str] = ()
    failing_monitors: Collection[str] = ()
    language: Language = Language.ENGLISH

    @classmethod
    def of(cls, config: Config) -> Self:
        """Read what the settings name. Raises InputError."""
        names = [monitor.name for monitor in MONITORS]
        for name in config.monitors_fail:
            if name not in names:
                raise InputError(f"TOPLIST_MONITORS_FAIL={name} is not accepted: it takes some of {', '.join(names)}.")
        check_addresses(config.notify_urls)
        watches = read_watches(config.watch) if config.watch else ()
        return cls(watches, config.notify_urls, config.monitors_fail, config.language)


class SnapshotAlerts:
    """One snapshot's alerts. Blocking. No failure here fails the crawl, except that of a monitor that is set so."""

    def __init__(
        self,
        options: AlertOptions,
        engine: Engine,
        history: History,
        *,
        places: Places,
        snapshot_date: date,
        source: Source,
        protocol: Protocol,
        s3: S3Options,
    ):
        self._options = options
        self._engine = engine
        self._history = history
        self._places = places
        self._date = snapshot_date
        self._source = source
        self._protocol = protocol
        self._s3 = s3
        self.hits: list[WatchHit] = []
        self.failed_monitors: list[MonitorResult] = []

    def run(self, crawl: CrawlFigures) -> None:
        """Run the monitors, find the watch hits, and write them to the watch feed."""
        today, earlier = read_day_figures(self._engine, self._source, self._protocol, self._date)
        self.failed_monitors = [each for each in run_monitors(today, earlier, crawl) if not each.passed]
        for result in self.failed_monitors:
            logger.warning("Monitor %s failed: %s", result.name, result.text)
        if self._options.watches:
            self.hits = list(find_hits(self._options.watches, self._history.entries(self._date, self._source)))
            self._write_feed()

    def problems(self) -> list[str]:
        """Failed monitors that fail the crawl."""
        return [str(each) for each in self.failed_monitors if each.name in self._options.failing_monitors]

    def warnings(self) -> list[str]:
        """Failed monitors that the verdict only mentions."""
        return [str(each) for each in self.failed_monitors if each.name not in self._options.failing_monitors]

    def tell(self, *, problems: Sequence[str], statuses: Mapping[str, int], rows: int, page: str | None) -> None:
        """Send the message, if there is an address to send it to."""
        if self._options.notify_urls:
            news = SnapshotNews(
                self._date,
                self._source,
                not problems,
                problems,
                statuses,
                rows,
                self.hits,
                self.failed_monitors,
                page,
            )
            send_message(self._options.notify_urls, *write_message(news, self._options.language))

    def _write_feed(self) -> None:
        feed = parse_targets(self._places.feed_uri, self._date)[0]
        target = beside(feed, "-watch", ".jsonl", self._date)
        delivered = deliver_file(target, self._write_hits, spool=self._places.spool, s3=self._s3)
        if isinstance(delivered, Failed):
            logger.warning("The watch feed was not delivered: %s", delivered.reason)
        else:
            logger.info("Watch feed delivered: %s, %d hits", delivered.uri, len(self.hits))

    def _write_hits(self, file: BinaryIO) -> None:
        for hit in self.hits:
            file.write(hit.model_dump_json().encode() + b"\n")
