"""A snapshot's feeds, from the database: what `TOPLIST_FEED_URI` names, and the file of rows that were set aside."""

from __future__ import annotations

import json
import logging
from datetime import date
from typing import TYPE_CHECKING

from toplist.feeds.delivery import Delivered, Failed, deliver
from toplist.feeds.s3 import S3Options
from toplist.feeds.uris import check_targets, parse_targets

if TYPE_CHECKING:
    from toplist.config import Config, Places, Settings
    from toplist.crawl.run import Run
    from toplist.items import Source
    from toplist.store.history import History

logger = logging.getLogger(__name__)


def check_feeds(places: Places | Config, snapshot_date: date) -> None:
    """Try every place that will be written to, before the first request. Raises InputError."""
    check_targets(parse_targets(places.feed_uri, snapshot_date), spool=places.spool)
    if places.set_aside_uri is not None:
        name = "TOPLIST_SET_ASIDE_URI"
        check_targets(parse_targets([places.set_aside_uri], snapshot_date, setting=name), setting=name)


def write_snapshot(
    places: Places | Config,
    history: History,
    snapshot_date: date,
    source: Source,
    settings: Settings,
    *,
    allow_fewer: bool = False,
) -> list[Delivered | Failed]:
    """Write every feed of a snapshot from the history, whole, and the file of its rows that were set aside. Blocking.

    A crawl at its end and `scrapy export` at any time do the same. Nothing is written of a snapshot without an entry,
    and the list is empty.
    """
    outcomes: list[Delivered | Failed] = []
    try:
        _write_set_aside(places, history, snapshot_date, source)
    except OSError as error:
        uri = str(places.set_aside_uri)
        outcomes.append(Failed(uri, f"{uri} was not written: {error.strerror or type(error).__name__}."))
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


def deliver_snapshot(run: Run, settings: Settings) -> list[str]:
    """Write every feed of the run's snapshot, whole. Blocking. Returns a sentence for each that failed."""
    outcomes = write_snapshot(
        run.config, run.history, run.asked.snapshot_date, run.source, settings, allow_fewer=run.asked.refresh
    )
    said = []
    for outcome in outcomes:
        if isinstance(outcome, Failed):
            logger.error("The feed was not delivered: %s", outcome.reason)
            said.append(f"feed not delivered: {outcome.reason}")
        else:
            logger.info("Feed delivered: %s, %d entries", outcome.uri, outcome.rows)
    return said if outcomes else ["the feed was not written, the snapshot has no entry"]


def _write_set_aside(places: Places | Config, history: History, day: date, source: Source) -> None:
    """The rows that could not be read, in a file of their own; none, no file."""
    rows = history.set_aside(day, source)
    if not rows:
        return
    if places.set_aside_uri is None:
        logger.warning("%d rows were set aside; they are in the table set_aside", len(rows))
        return
    path = parse_targets([places.set_aside_uri], day, setting="TOPLIST_SET_ASIDE_URI")[0].path
    assert path is not None
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8") as file:
        for key, each in rows:
            line = {"snapshot_date": str(day), **key._asdict(), **each.model_dump()}
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
    part.replace(path)
    logger.warning("%d rows were set aside, with the reason each: %s", len(rows), path)
