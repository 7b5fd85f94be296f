"""A snapshot's files, from the database: the feeds of `TOPLIST_FEED_URI`, and the rejected and dropped-out files.

The rejected file holds the rows that could not be read, the dropped-out file the offers that left their lists, as JSON
Lines. By default they stand beside the first feed. Without such rows no file is written, and an existing one becomes
empty. The tables `rejected` and `dropped_out` hold the same for good.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import partial
from typing import Any, BinaryIO

from pydantic import BaseModel

from toplist.config import Places
from toplist.errors import InputError
from toplist.feeds.delivery import Delivered, Failed, S3Options, check_access, deliver, deliver_file, exists
from toplist.feeds.s3 import S3Error
from toplist.feeds.uris import Target, beside, check_targets, parse_target, parse_targets, undated
from toplist.items import ListKey, Source
from toplist.storage.history import History

logger = logging.getLogger(__name__)

REJECTED, DROPPED_OUT = "TOPLIST_REJECTED_URI", "TOPLIST_DROPPED_OUT_URI"

Rows = Sequence[tuple[ListKey, BaseModel]]


def check_feeds(places: Places, snapshot_date: date) -> None:
    """Try every place on this computer that will be written to. Raises InputError."""
    check_targets(parse_targets(places.feed_uri, snapshot_date), spool=places.spool)
    for setting, target in _row_targets(places, snapshot_date).items():
        check_targets([target], spool=places.spool, setting=setting)


def check_before_crawl(places: Places, snapshot_date: date, s3: S3Options) -> None:
    """`check_feeds`, and what a crawl should know before its first request: S3 refuses, the next day replaces the feed.

    An S3 that does not answer is logged only: it may at the crawl's end, and until then the files are kept. Raises
    InputError.
    """
    check_feeds(places, snapshot_date)
    for uri in undated(parse_targets(places.feed_uri, snapshot_date), snapshot_date):
        logger.warning("The next day's feed will replace %s: its address has no date", uri)
    check_s3(all_targets(places, snapshot_date), s3)


def check_s3(targets: Iterable[Target], s3: S3Options) -> None:
    """Raises InputError where S3 refuses one of them; an S3 that does not answer is logged."""
    for problem in check_access(targets, s3=s3):
        if not problem.is_transient:
            raise InputError(problem.reason)
        logger.warning("S3 could not be checked: %s", problem.reason)


def all_targets(places: Places, snapshot_date: date) -> list[Target]:
    """The places of the feeds, the rejected and the dropped-out file. Raises InputError."""
    return [*parse_targets(places.feed_uri, snapshot_date), *_row_targets(places, snapshot_date).values()]


def write_snapshot(
    places: Places,
    history: History,
    snapshot_date: date,
    source: Source,
    s3: S3Options,
    *,
    allow_fewer: bool = False,
) -> list[Delivered | Failed]:
    """Write every feed of a snapshot from the history, whole, and its rejected and dropped-out files. Blocking.

    A crawl at its end and `scrapy export` at any time do the same. Of a snapshot without an entry no feed is written,
    and only failures of the other files are in the list.
    """
    feeds: list[Delivered | Failed] = []
    if history.rows(snapshot_date, source):
        feeds = deliver(
            parse_targets(places.feed_uri, snapshot_date),
            lambda: history.entries(snapshot_date, source),
            snapshot_date=snapshot_date,
            spool=places.spool,
            s3=s3,
            allow_fewer=allow_fewer,
        )
    reasons = [feed.reason for feed in feeds if isinstance(feed, Failed)]
    others = _write_rows(places, history, snapshot_date, source, s3)
    # An S3 that refuses is said once: a file that has no rows to lose adds nothing to the feed's own failure.
    return [*feeds, *(failed for failed, clause in others if not any(clause and clause in each for each in reasons))]


def deliver_snapshot(
    places: Places,
    history: History,
    snapshot_date: date,
    source: Source,
    s3: S3Options,
    *,
    allow_fewer: bool = False,
) -> list[str]:
    """`write_snapshot` for a crawl: logs each outcome and returns a sentence for each that failed. Blocking."""
    outcomes = write_snapshot(places, history, snapshot_date, source, s3, allow_fewer=allow_fewer)
    failures = []
    for outcome in outcomes:
        if isinstance(outcome, Failed):
            logger.error("The feed was not delivered: %s", outcome.reason)
            failures.append(f"feed not delivered: {outcome.reason}")
        else:
            logger.info("Feed delivered: %s, %d entries", outcome.uri, outcome.rows)
    return failures if outcomes else ["the feed was not written, the snapshot has no entry"]


def _row_targets(places: Places, snapshot_date: date) -> Mapping[str, Target]:
    """Where the rejected and the dropped-out file go, by their setting. Raises InputError."""
    feed = parse_targets(places.feed_uri, snapshot_date)[0]
    given = {REJECTED: (places.rejected_uri, "-rejected"), DROPPED_OUT: (places.dropped_out_uri, "-dropped-out")}
    return {
        setting: parse_target(uri, snapshot_date, setting=setting, suffix=".jsonl")
        if uri is not None
        else beside(feed, kind, ".jsonl", snapshot_date)
        for setting, (uri, kind) in given.items()
    }


def _write_rows(
    places: Places, history: History, snapshot_date: date, source: Source, s3: S3Options
) -> list[tuple[Failed, str]]:
    """What failed; for a file without rows, with the clause that says why."""
    targets = _row_targets(places, snapshot_date)
    failures = []
    for setting, rows in (
        (REJECTED, history.rejected(snapshot_date, source)),
        (DROPPED_OUT, history.dropped_out(snapshot_date, source)),
    ):
        target = targets[setting]
        try:
            if not rows and not exists(target, s3):
                continue
        except S3Error as error:
            failures.append((Failed(target.uri, f"{target.uri} was not delivered: {error}."), str(error)))
            continue
        outcome = deliver_file(target, partial(_write_lines, snapshot_date, rows), spool=places.spool, s3=s3)
        if isinstance(outcome, Failed):
            failures.append((outcome, ""))
        elif rows and setting == REJECTED:
            logger.warning("%d rows were rejected, with the reason each: %s", len(rows), target.uri)
        elif rows:
            logger.info("%d offers dropped out of their lists: %s", len(rows), target.uri)
    return failures


def _write_lines(snapshot_date: date, rows: Rows, file: BinaryIO) -> None:
    for key, row in rows:
        line: dict[str, Any] = {"snapshot_date": str(snapshot_date), **key._asdict(), **row.model_dump(mode="json")}
        file.write(f"{json.dumps(line, ensure_ascii=False)}\n".encode("utf-8", "replace"))
