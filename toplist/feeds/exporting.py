"""What the exporters of `toplist.feeds.exporters` share."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Self

from pydantic_core import PydanticSerializationError
from scrapy.crawler import Crawler
from scrapy.exporters import BaseItemExporter
from scrapy.statscollectors import StatsCollector

from toplist.feeds.writers import encodable, in_utc
from toplist.items import ENTRY_FIELDS, Entry, RankList

logger = logging.getLogger(__name__)


class EntryExporter(BaseItemExporter):
    """What the exporters share: a list becomes its entries, and a failure is counted.

    Built by Scrapy, an exporter raises nothing: Scrapy would skip every feed after it, for that item, and call this one
    a success. It logs, and counts in the stat `feedexport/failed_count/<exporter>`.
    """

    _stats: StatsCollector | None = None

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        """As Scrapy builds it."""
        exporter = cls(*args, **kwargs)
        exporter._stats = crawler.stats
        return exporter

    def start_exporting(self) -> None:
        with self._counted():
            self.begin()

    def finish_exporting(self) -> None:
        with self._counted():
            self.end()

    def export_item(self, item: Any) -> None:
        """Write a list's entries, or the item itself."""
        with self._counted():
            if not isinstance(item, RankList | Entry):
                self.export_other(item)
            elif entries := [in_utc(each) for each in (item.entries if isinstance(item, RankList) else [item])]:
                try:
                    self.export_entries(entries)
                except (PydanticSerializationError, UnicodeEncodeError):
                    self.export_entries([encodable(entry) for entry in entries])

    def begin(self) -> None:
        """Write what comes before the entries."""
        super().start_exporting()

    def end(self) -> None:
        """Write what comes after them."""
        super().finish_exporting()

    def export_entries(self, entries: Sequence[Entry]) -> None:
        """Write the entries, all of them or none."""
        for row in [self.row(entry) for entry in entries]:
            self.export_other(row)

    def export_other(self, item: Any) -> None:
        """Write what is no list and no entry: the stock exporter's way."""
        super().export_item(item)  # type: ignore[safe-super]  # the stock exporter follows in the order of bases

    def row(self, entry: Entry) -> dict[str, Any]:
        """The entry as the stock exporter takes it."""
        return entry.model_dump(mode="json")

    def names(self) -> dict[str, str] | None:
        """The entry's fields to export and the names to export them under; None is all of them under their own."""
        fields = self.fields_to_export
        if fields is None:
            return None
        pairs = fields.items() if isinstance(fields, Mapping) else ((name, name) for name in fields)
        return {name: shown for name, shown in pairs if name in ENTRY_FIELDS}

    @contextmanager
    def _counted(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            if self._stats is None:
                raise
            logger.error("%s could not write: %s", type(self).__name__, error, exc_info=True)
            self._stats.inc_value(f"feedexport/failed_count/{type(self).__name__}")


def is_appended(file: Any) -> bool:
    """Whether the file already holds something; what can't tell (a pipe) does not."""
    try:
        return bool(file.tell() > 0)
    except (AttributeError, OSError, ValueError):
        return False
