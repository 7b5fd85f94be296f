"""One call for a command and for a crawl at its end: make the report of a snapshot where the settings say."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import Engine

from toplist.feeds.s3 import S3Options
from toplist.report.build import Built, build_report
from toplist.report.writing import page_writer, parse_target


@dataclass(frozen=True, slots=True)
class Report:
    """A report that is where it should be. `uri` is the page or the index; `breakouts` counts the candidates."""

    uri: str
    pages: int
    entries: int
    breakouts: int

    def __str__(self) -> str:
        below = f" and {self.pages} pages beside it" if self.pages else ""
        return f"{self.uri}{below}: {self.entries} entries, {self.breakouts} breakout candidates"


def publish_report(engine: Engine, source: str, snapshot_date: date, uri: str, s3: S3Options | None) -> Report:
    """Make the report and write it. Blocking. Raises InputError, OSError, S3Error or SQLAlchemyError."""
    target = parse_target(uri, snapshot_date)
    built: Built = build_report(engine, source, snapshot_date, target.uri, page_writer(snapshot_date, s3))
    return Report(built.uri, built.pages, built.entries, built.breakouts)
