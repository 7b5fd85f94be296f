"""`scrapy demo`: a few weeks of sandbox days at full speed, then the figures."""

from __future__ import annotations

import argparse
import asyncio
import logging
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from scrapy.commands import ScrapyCommand
from scrapy.crawler import Crawler
from scrapy.exceptions import UsageError

from toplist.backtesting import prove
from toplist.commands.backtest import summary_text
from toplist.compat import keep_running
from toplist.config import project_dir
from toplist.dates import business_date, utc_now
from toplist.extensions import SnapshotExtension
from toplist.gateway_spider import GatewaySpider
from toplist.report.publish import Report
from toplist.storage.database import open_database

logger = logging.getLogger("toplist")
CATEGORIES = "10166,311"
_NEXT = """
Where to look next:
  {feeds}: a feed for each day, the newest picks have the highest breakout_score
  TOPLIST_DATABASE_URL=sqlite:///{database} scrapy backtest --gateway=sandbox: the whole table
  docs/metrics.md says what each figure means, and what it does not"""
FULL_SPEED = {
    "LOG_LEVEL": "WARNING",
    "TOPLIST_QPS": 0,
    "DOWNLOAD_DELAY": 0,
    "AUTOTHROTTLE_ENABLED": False,
}


class Command(ScrapyCommand):
    """Crawls the sandbox day by day into a database of its own, with the limits lifted, runs the backtest on it,
    and writes the page of the last day.

    Exit status 0: every day ended complete. 3: one did not.
    """

    requires_project = True
    _report: Report | None = None

    def short_desc(self) -> str:
        return "A few weeks of sandbox days at full speed, then how the picks came true"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--days", type=int, default=28, help="days up to today (%(default)s)")

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        assert self.settings is not None
        self.settings.setdict(FULL_SPEED, priority="cmdline")  # and what the command line says, over it
        super().process_options(args, opts)

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        if args:
            raise UsageError(f"scrapy demo takes options only, not {args[0]!r}")
        if opts.days < 1:
            raise UsageError(f"--days takes a whole number from 1 on, not {opts.days}")
        assert self.crawler_process is not None
        began = time.monotonic()
        folder = (project_dir() or Path()) / ".scrapy"
        database = folder / "demo.db"
        for old in (*folder.glob("demo.db*"), *folder.glob("demo/*.jsonl"), *folder.glob("demo/*.html")):
            old.unlink()
        today = business_date(utc_now())
        dates = [today - timedelta(days=back) for back in reversed(range(opts.days))]
        task = asyncio.get_event_loop().create_task(self._days(dates, f"sqlite:///{database}", folder))
        process: Any = self.crawler_process
        keep_running(process, task)  # the process ends when the last day has
        process.start()
        print(f"{len(dates)} days in {time.monotonic() - began:.0f} s, in {database}")
        engine = open_database(f"sqlite:///{database}")
        for proof in prove(engine, days=opts.days, k=20, horizons=(7, 30), count_covers="total"):
            print(summary_text(proof))
        engine.dispose()
        print(_NEXT.format(database=database, feeds=folder / "demo"))
        if self._report is not None:
            print("\n" + "\n".join(self._report.lines()))

    async def _days(self, dates: list[date], database: str, folder: Path) -> None:
        for day in dates:
            crawler = self._day_crawler(database, folder, with_page=day == dates[-1])
            await crawler.crawl_async(gateway="sandbox", snapshot_date=str(day), categories=CATEGORIES)
            snapshot = crawler.get_extension(SnapshotExtension)
            assert snapshot is not None
            assert isinstance(crawler.spider, GatewaySpider)
            verdict = snapshot.verdict(crawler.stats.get_value("finish_reason"))
            print(f"{day}: {crawler.spider.summary.total_rows} entries, {verdict}", flush=True)
            self.exitcode = max(self.exitcode, verdict.exit_status)
            self._report = snapshot.report

    def _day_crawler(self, database: str, folder: Path, *, with_page: bool) -> Crawler:
        assert self.crawler_process is not None
        assert self.settings is not None
        settings = self.settings.copy()
        settings.set("TOPLIST_DATABASE_URL", database, priority="cmdline")
        settings.set("TOPLIST_FEED_URI", str(folder / "demo" / "%(snapshot_date)s.jsonl"), priority="cmdline")
        if not with_page:
            settings.set("TOPLIST_REPORT_URI", "", priority="cmdline")
        spider = self.crawler_process.spider_loader.load("toplist")
        return Crawler(spider, settings)
