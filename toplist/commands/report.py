"""`scrapy report`: the page that people look at, of any snapshot, from the history."""

from __future__ import annotations

import argparse
import sys
from datetime import date

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from toplist.config import Places
from toplist.errors import InputError, ToplistError
from toplist.feeds.s3 import S3Options
from toplist.items import Source
from toplist.report.publish import publish_report, report_target
from toplist.report.reader import newest_snapshot
from toplist.storage.database import open_database


class Command(ScrapyCommand):
    """Writes the page of a snapshot: one HTML file that opens from disk and needs no network.

    Exit status 0: it was written. 3: it was not, or there is no snapshot. 2: bad input.
    """

    requires_project = True
    requires_crawler_process = False

    def short_desc(self) -> str:
        return "Write the page of a snapshot: what moved, every entry, and whether the day is complete"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument(
            "--snapshot-date", type=_date, metavar="DATE", help="the snapshot, such as 2026-11-24 (default: the newest)"
        )
        parser.add_argument(
            "--to",
            metavar="URI",
            help="where to, as in TOPLIST_REPORT_URI (default: that setting, else beside the feed)",
        )
        parser.add_argument("--gateway", choices=["sandbox"], help="sandbox: of the sandbox's history")

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        if args:
            raise UsageError(f"scrapy report takes options only, not {args[0]!r}")
        assert self.settings is not None
        if opts.to:
            self.settings.set("TOPLIST_REPORT_URI", opts.to, priority="cmdline")
        try:
            self._report(Source.SANDBOX if opts.gateway else Source.GATEWAY, opts.snapshot_date)
        except InputError as error:
            self._fail(2, str(error))
        except ToplistError as error:
            self._fail(3, f"The report was not written: {error}")

    def _report(self, source: Source, day: date | None) -> None:
        assert self.settings is not None
        places = Places.load(self.settings, sandbox=source is Source.SANDBOX)
        engine = open_database(places.database_url)
        try:
            chosen = day or newest_snapshot(engine, source)
            if chosen is None:
                self._fail(3, f"The history has no snapshot of {source} yet: crawl first.")
                return
            target = report_target(places, chosen)
            if target is None:
                raise InputError("TOPLIST_REPORT_URI is empty, which means no report: set it, or give --to.")
            s3 = S3Options.from_settings(self.settings)
            print(publish_report(engine, places, source, chosen, target, s3))
        finally:
            engine.dispose()

    def _fail(self, status: int, sentence: str) -> None:
        print(f"toplist: {sentence}", file=sys.stderr)
        self.exitcode = status


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date such as 2026-11-24") from None
