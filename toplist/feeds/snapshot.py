"""A snapshot's feeds, from the database: what `TOPLIST_FEED_URI` names, and the file of rows that were set aside."""

from __future__ import annotations

import json
import logging
from datetime import date
from typing import TYPE_CHECKING

from toplist.feeds.delivery import Failed, deliver
from toplist.feeds.s3 import S3Options
from toplist.feeds.uris import check_targets, parse_targets

if TYPE_CHECKING:
    from toplist.config import Config, Settings
    from toplist.crawl.run import Run

logger = logging.getLogger(__name__)


def check_feeds(config: Config, snapshot_date: date) -> None:
    """Try every place that the crawl will write to, before its first request. Raises InputError."""
    check_targets(parse_targets(config.feed_uri, snapshot_date), spool=config.spool)
    if config.set_aside_uri is not None:
        name = "TOPLIST_SET_ASIDE_URI"
        check_targets(parse_targets([config.set_aside_uri], snapshot_date, setting=name), setting=name)


def deliver_snapshot(run: Run, settings: Settings) -> list[str]:
    """Write every feed of the run's snapshot, whole. Blocking. Returns a sentence for each that failed."""
    day, source = run.asked.snapshot_date, run.source
    _write_set_aside(run)
    if not run.history.rows(day, source):
        return ["the feed was not written, the snapshot has no entry"]
    said = []
    for outcome in deliver(
        parse_targets(run.config.feed_uri, day),
        lambda: run.history.entries(day, source),
        snapshot_date=day,
        spool=run.config.spool,
        s3=S3Options.from_settings(settings),
        allow_fewer=run.asked.refresh,
    ):
        if isinstance(outcome, Failed):
            logger.error("The feed was not delivered: %s", outcome.reason)
            said.append(f"feed not delivered: {outcome.reason}")
        else:
            logger.info("Feed delivered: %s, %d entries", outcome.uri, outcome.rows)
    return said


def _write_set_aside(run: Run) -> None:
    """The rows that could not be read, in a file of their own; none, no file."""
    day = run.asked.snapshot_date
    rows = run.history.set_aside(day, run.source)
    if not rows:
        return
    if run.config.set_aside_uri is None:
        logger.warning("%d rows were set aside; they are in the table set_aside", len(rows))
        return
    path = parse_targets([run.config.set_aside_uri], day, setting="TOPLIST_SET_ASIDE_URI")[0].path
    assert path is not None
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8") as file:
        for key, each in rows:
            line = {"snapshot_date": str(day), **key._asdict(), **each.model_dump()}
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
    part.replace(path)
    logger.warning("%d rows were set aside, with the reason each: %s", len(rows), path)
