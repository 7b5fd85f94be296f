"""Where the pages go: `TOPLIST_REPORT_URI`, a path or s3://bucket/key; by default beside the first feed.

A command and a crawl at its end call the same function.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any, BinaryIO

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from toplist.config import Places
from toplist.errors import ToplistError
from toplist.feeds.delivery import Failed, deliver_file
from toplist.feeds.s3 import S3Options
from toplist.feeds.snapshot import check_s3
from toplist.feeds.uris import Target, beside, check_targets, parse_target, parse_targets
from toplist.report.assemble import Highlights
from toplist.report.build import Built, build_report

logger = logging.getLogger(__name__)

SETTING = "TOPLIST_REPORT_URI"


class ReportError(ToplistError):
    """The report was not written. The message is one sentence without secrets."""


@dataclass(frozen=True, slots=True)
class Report:
    """A report that is where it should be. `uri` is the page or the index."""

    uri: str
    built: Built

    def __str__(self) -> str:
        below = f" and {self.built.pages} pages beside it" if self.built.pages else ""
        return f"{self.uri}{below}: {self.built.facts.entries} entries, {self.built.moved['breakouts']} candidates"

    def lines(self) -> list[str]:
        """What it shows, in a few sentences."""
        facts, moved = self.built.facts, self.built.moved
        complete = sum(each.status == "complete" for each in facts.lists)
        return [
            f"Page: {self.uri}",
            f"{facts.snapshot_date}: {facts.entries} entries; {complete} of {len(facts.lists)} lists are complete.",
            f"{moved['risers']} offers rose, {moved['fallers']} fell, {moved['new_entries']} are new,"
            f" {facts.dropped_out_total} dropped out, {moved['price_cuts']} cost less.",
            f"{moved['breakouts']} offers are breakout candidates (爆款预判).",
            _worth(self.built.record),
        ]


def _worth(record: Mapping[str, Any]) -> str:
    if not record["enough"]:
        return f"What such picks are worth is not known yet: {record['origins']} days with an outcome."
    scores = {each["name"]: each for each in record["scores"]}
    picks, chance = scores["breakout"], scores["chance"]
    return (
        f"Of {picks['picks']} earlier picks {picks['hits']:.0f} were among the fastest growing tenth"
        f" {record['horizon']} days later; by chance it would have been {chance['hits']:.0f}."
    )


def report_target(places: Places, snapshot_date: date) -> Target | None:
    """Where the settings want the page; None where they want none. Raises InputError."""
    if places.report_uri == "":
        return None
    if places.report_uri is not None:
        return parse_target(places.report_uri, snapshot_date, setting=SETTING, suffix=".html")
    return beside(parse_targets(places.feed_uri, snapshot_date)[0], "", ".html", snapshot_date)


def check_report(places: Places, snapshot_date: date, s3: S3Options) -> None:
    """Try the page's place before the first request, on S3 too. Raises InputError."""
    target = report_target(places, snapshot_date)
    if target is not None:
        check_targets([target], spool=places.spool, setting=SETTING)
        check_s3([target], s3)


def publish_report(
    engine: Engine,
    places: Places,
    source: str,
    snapshot_date: date,
    target: Target,
    s3: S3Options,
    highlights: Highlights = Highlights(),  # noqa: B008  frozen
) -> Report:
    """Make the report of a snapshot and write it; a reader never sees half of a page. Blocking. Raises ReportError."""

    def write(name: str, text: str) -> None:
        outcome = deliver_file(_named(target, name), partial(_put, text), spool=places.spool, s3=s3)
        if isinstance(outcome, Failed):
            raise ReportError(outcome.reason)

    try:
        built = build_report(engine, source, snapshot_date, target.name, write, highlights=highlights)
    except SQLAlchemyError as error:
        # what a database says of itself may name its password: the kind of the error will do
        raise ReportError(f"The history could not be read ({type(error).__name__}).") from None
    return Report(target.uri, built)


def report_of_crawl(
    engine: Engine, places: Places, source: str, snapshot_date: date, s3: S3Options, highlights: Highlights
) -> Report | None:
    """`publish_report` for a crawl at its end. A failure is logged and nothing more: the page can be made again."""
    try:
        target = report_target(places, snapshot_date)
        if target is None:
            return None
        report = publish_report(engine, places, source, snapshot_date, target, s3, highlights)
    except Exception as error:
        # whatever goes wrong with the page, the lists are stored and the feeds delivered
        said = str(error) if isinstance(error, ToplistError) else f"{type(error).__name__}."
        logger.error("The report was not written: %s scrapy report makes it again.", said)
        return None
    logger.info("Report written: %s", report)
    return report


def _named(target: Target, name: str) -> Target:
    """The place of a page in the index's folder."""
    if target.path is not None:
        path = target.path.with_name(name)
        return Target(str(path), path)
    key = target.key.removesuffix(target.name) + name
    return Target(f"s3://{target.bucket}/{key}", bucket=target.bucket, key=key)


def _put(text: str, file: BinaryIO) -> None:
    file.write(text.encode("utf-8", "replace"))
