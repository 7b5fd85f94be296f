"""`scrapy export`: the feed of any past snapshot, again, from the history."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from datetime import date

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from toplist.config import Places
from toplist.errors import InputError
from toplist.feeds.delivery import Failed
from toplist.feeds.s3 import S3Options
from toplist.feeds.snapshot import check_feeds, write_snapshot
from toplist.items import Source
from toplist.storage.database import open_database
from toplist.storage.history import History
from toplist.storage.ledger import Ledger


class Command(ScrapyCommand):
    """Writes a snapshot's feed as its crawl did, or should have done. It asks no gateway and needs no credentials.

    Exit status 0: every feed was delivered. 3: one was not, or there is nothing to deliver. 2: bad input.
    """

    requires_project = True
    requires_crawler_process = False

    def short_desc(self) -> str:
        return "Write the feed of a past snapshot again, from the history"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument(
            "--snapshot-date", type=_date, required=True, metavar="DATE", help="the snapshot, such as 2026-11-24"
        )
        parser.add_argument("--feed", metavar="URI", help="where to, as in TOPLIST_FEED_URI (default: that setting)")
        parser.add_argument("--gateway", choices=["sandbox"], help="sandbox: of the sandbox's history")

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        if args:
            raise UsageError(f"scrapy export takes options only, not {args[0]!r}")
        assert self.settings is not None
        if opts.feed:
            self.settings.set("TOPLIST_FEED_URI", opts.feed, priority="cmdline")
        try:
            places = Places.load(self.settings, sandbox=bool(opts.gateway))
            if opts.feed:  # the other files stand beside the feed that was named, not at the crawls' own places
                places = replace(places, rejected_uri=None, dropped_out_uri=None)
            self._export(places, opts.snapshot_date, Source.SANDBOX if opts.gateway else Source.GATEWAY)
        except InputError as error:
            self._fail(2, str(error))

    def _export(self, places: Places, day: date, source: Source) -> None:
        assert self.settings is not None
        check_feeds(places, day)
        engine = open_database(places.database_url)
        try:
            history = History(engine, Ledger(engine, day))
            outcomes = write_snapshot(places, history, day, source, S3Options.from_settings(self.settings))
            if not outcomes:
                self._fail(3, _nothing(history, day, source))
        finally:
            engine.dispose()
        for outcome in outcomes:
            if isinstance(outcome, Failed):
                self._fail(3, outcome.reason)
            else:
                print(f"{outcome.uri}: {outcome.rows} entries, {outcome.size} bytes, sha256 {outcome.sha256}")

    def _fail(self, status: int, sentence: str) -> None:
        print(f"toplist: {sentence}", file=sys.stderr)
        self.exitcode = status


def _nothing(history: History, day: date, source: Source) -> str:
    span = history.span(source)
    has = f"it has {span[0]} to {span[1]}" if span else "it has none at all"
    return f"The history has no entry of {source} for {day}: {has}."


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date such as 2026-11-24") from None
