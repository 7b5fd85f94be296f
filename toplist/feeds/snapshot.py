"""A snapshot's feeds, from the database: what `TOPLIST_FEED_URI` names, and the files beside it."""

from __future__ import annotations

import logging
from datetime import date
from typing import TYPE_CHECKING

from toplist.feeds.delivery import Delivered, Failed, deliver
from toplist.feeds.s3 import S3Options
from toplist.feeds.sidefiles import check_side_files, write_side_files
from toplist.feeds.uris import check_targets, parse_targets

if TYPE_CHECKING:
    from toplist.config import Places, Settings
    from toplist.items import Source
    from toplist.storage.history import History

logger = logging.getLogger(__name__)


def check_feeds(places: Places, snapshot_date: date) -> None:
    """Try every place that will be written to, before the first request. Raises InputError."""
    check_targets(parse_targets(places.feed_uri, snapshot_date), spool=places.spool)
    check_side_files(places, snapshot_date)


def write_snapshot(
    places: Places,
    history: History,
    snapshot_date: date,
    source: Source,
    settings: Settings,
    *,
    allow_fewer: bool = False,
) -> list[Delivered | Failed]:
    """Write every feed of a snapshot from the history, whole, and the file of its rows that were rejected. Blocking.

    A crawl at its end and `scrapy export` at any time do the same. Nothing is written of a snapshot without an entry,
    and the list is empty.
    """
    outcomes: list[Delivered | Failed] = []
    try:
        write_side_files(places, history, snapshot_date, source)
    except OSError as error:
        name = str(error.filename or "a file beside the feed")
        outcomes.append(Failed(name, f"{name} was not written: {error.strerror or type(error).__name__}."))
    if not history.rows(snapshot_date, source):
        return outcomes
    return outcomes + deliver(
        parse_targets(places.feed_uri, snapshot_date),
        lambda: history.entries(snapshot_date, source),
        snapshot_date=snapshot_date,
        spool=places.spool,
        s3=S3Options.from_settings(settings),
        allow_fewer=allow_fewer,
    )


def deliver_snapshot(
    places: Places,
    history: History,
    snapshot_date: date,
    source: Source,
    settings: Settings,
    *,
    allow_fewer: bool = False,
) -> list[str]:
    """`write_snapshot` for a crawl: logs each outcome and returns a sentence for each that failed. Blocking."""
    outcomes = write_snapshot(places, history, snapshot_date, source, settings, allow_fewer=allow_fewer)
    said = []
    for outcome in outcomes:
        if isinstance(outcome, Failed):
            logger.error("The feed was not delivered: %s", outcome.reason)
            said.append(f"feed not delivered: {outcome.reason}")
        else:
            logger.info("Feed delivered: %s, %d entries", outcome.uri, outcome.rows)
    return said if outcomes else ["the feed was not written, the snapshot has no entry"]
