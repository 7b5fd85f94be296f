"""Scrapy's own feeds (`FEEDS`, `-o`, `-O`) of lists, an entry a line.

A spider's item is a whole list: `EntryExporterMixin` hands its entries to Scrapy's exporter one by one, and nothing for
a list without any. Plain entries work too, and any other item goes to Scrapy's exporter as it is. Scrapy's options mean
what they mean there; `FEED_EXPORT_BATCH_ITEM_COUNT` counts items, so it counts lists.

Two exporters do more: JSON Lines, because pydantic's serializer takes 3.5 µs for an entry and Scrapy's 224, and CSV,
because people open it in a spreadsheet. Parquet is one that Scrapy has not.

What could not be written is logged and counted in the stat `feedexport/failed_count/…`; the other feeds go on.
"""

from __future__ import annotations

import asyncio
import codecs
import csv
import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, Any, Self

from pydantic_core import PydanticSerializationError
from scrapy import Spider, signals
from scrapy.crawler import Crawler
from scrapy.exporters import (
    BaseItemExporter,
    CsvItemExporter,
    JsonItemExporter,
    JsonLinesItemExporter,
    MarshalItemExporter,
    PickleItemExporter,
    XmlItemExporter,
)
from scrapy.extensions.feedexport import FeedExporter, FeedSlot
from scrapy.statscollectors import StatsCollector

from toplist.addons import hide_password
from toplist.config import Config
from toplist.feeds.cells import BOM, cell, safe_text
from toplist.feeds.uris import parse_targets
from toplist.feeds.writers import encodable, in_utc
from toplist.items import ENTRY_FIELDS, Entry, RankList
from toplist.options import CrawlOptions

if TYPE_CHECKING:
    from toplist.feeds.parquet import ParquetWriter

logger = logging.getLogger(__name__)

_BASE_OPTIONS = {"encoding", "fields_to_export", "export_empty_fields", "indent"}  # of every exporter of Scrapy
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class EntryExporterMixin(BaseItemExporter):
    """Before a stock exporter in the bases: a list becomes its entries, and a failure is counted.

    Built by Scrapy, an exporter raises nothing: Scrapy would skip every feed after it for that item, and count this one
    as a success.
    """

    def __init__(self, *args: Any, stats: StatsCollector | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stats = stats

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        return cls(*args, stats=crawler.stats, **kwargs)

    def start_exporting(self) -> None:
        with self.counted():
            super().start_exporting()

    def finish_exporting(self) -> None:
        with self.counted():
            super().finish_exporting()

    def export_item(self, item: Any) -> None:
        """Write a list's entries, or the item itself."""
        entries = item.entries if isinstance(item, RankList) else [item] if isinstance(item, Entry) else None
        with self.counted():
            if entries is None:
                self.export_row(item)
        for entry in entries or ():
            with self.counted():
                try:
                    self.export_entry(in_utc(entry))
                except (PydanticSerializationError, UnicodeEncodeError):
                    self.export_entry(encodable(in_utc(entry)))

    def export_entry(self, entry: Entry) -> None:
        self.export_row(self.row(entry))

    def export_row(self, row: Any) -> None:
        """Write an item as Scrapy's exporter does."""
        super().export_item(row)  # type: ignore[safe-super]  # the stock exporter follows in the order of bases

    def row(self, entry: Entry) -> dict[str, Any]:
        """The entry as Scrapy's exporter takes it."""
        return entry.model_dump(mode="json")

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Log and count what is raised in the block; without stats (not built by Scrapy) it is raised on."""
        try:
            yield
        except Exception as error:
            if self.stats is None:
                raise
            logger.error("%s could not write: %s", type(self).__name__, error, exc_info=True)
            self.stats.inc_value(f"feedexport/failed_count/{type(self).__name__}")


class EntryJsonExporter(EntryExporterMixin, JsonItemExporter):
    """One JSON array. In an encoding other than UTF, such as gbk, every character that is not ASCII is escaped."""

    def __init__(self, file: BytesIO, **kwargs: Any) -> None:
        super().__init__(file, **_lossless(kwargs))


class EntryJsonLinesExporter(EntryExporterMixin, JsonLinesItemExporter):
    """A JSON object a line, by pydantic's own serializer where fields, encoding and encoder are the project's."""

    def __init__(self, file: BytesIO, **kwargs: Any) -> None:
        self._is_plain = (
            kwargs.keys() <= {*_BASE_OPTIONS, "stats"}
            and kwargs.get("fields_to_export") is None
            and codecs.lookup(kwargs.get("encoding") or "ascii").name == "utf-8"
        )
        super().__init__(file, **_lossless(kwargs))

    def export_entry(self, entry: Entry) -> None:
        if self._is_plain:
            self.file.write(entry.model_dump_json().encode() + b"\n")
        else:
            super().export_entry(entry)


class EntryXmlExporter(EntryExporterMixin, XmlItemExporter):
    """An element an entry; null is an empty element, and characters that XML forbids become U+FFFD."""

    def row(self, entry: Entry) -> dict[str, Any]:
        return {name: _xml(value) for name, value in super().row(entry).items()}


class EntryPickleExporter(EntryExporterMixin, PickleItemExporter):
    """A pickled dict an entry; dates are text."""


class EntryMarshalExporter(EntryExporterMixin, MarshalItemExporter):
    """A marshalled dict an entry; dates are text."""


class EntryCsvExporter(EntryExporterMixin, CsvItemExporter):
    """A header and a row an entry, cells as `toplist.feeds.cells` spells them, a BOM where the encoding is UTF-8.

    Appended to a file (`-o`), rows follow the header that the file has, and no second one is written. What an encoding
    has no character for becomes `?`. `item_export_kwargs` takes `bom` (default True) beside what `csv.writer` takes.
    """

    def __init__(self, file: BytesIO, *, bom: bool = True, **kwargs: Any) -> None:
        appended = is_appended(file)
        if appended:
            kwargs["include_headers_line"] = False
        super().__init__(file, **{"errors": "replace", **kwargs})
        self._needs_bom = bom and self.include_headers_line and codecs.lookup(self.encoding or "utf-8").name == "utf-8"
        if appended:
            own = {*_BASE_OPTIONS, "stats", "errors", "include_headers_line", "join_multivalued"}
            options = {name: value for name, value in kwargs.items() if name not in own}
            self._use_columns(_header(file, self.encoding, options))

    def export_row(self, row: Any) -> None:
        if self._needs_bom:
            self._needs_bom = False
            self.stream.write(BOM)
        super().export_row(row)

    def serialize_field(self, field: Mapping[str, Any], name: str, value: Any) -> Any:
        serialized = field["serializer"](value) if "serializer" in field else value
        try:
            return cell(serialized)
        except TypeError:
            return safe_text(str(serialized))

    def _use_columns(self, header: Iterable[str] | None) -> None:
        """Write under the columns that the file already has: a field more or less would shift every row after it."""
        if not header:
            return
        fields = {shown: name for name, shown in _names(self.fields_to_export).items()}
        self.fields_to_export = {fields.get(shown, shown): shown for shown in header}
        if missing := [shown for shown in fields if shown not in set(header)]:
            logger.warning("The CSV that is appended to has no column for %s: not written", ", ".join(missing))


class EntryParquetExporter(EntryExporterMixin):
    """Parquet, typed from the item's schema, of lists and entries alone.

    Parquet can't be appended to: use `-O`, or `"overwrite": True` in `FEEDS`. The file is readable once it is closed.
    """

    def __init__(self, file: BytesIO, **kwargs: Any) -> None:
        super().__init__(dont_fail=True, **kwargs)
        self.file = file
        self._writer: ParquetWriter | None = None

    def start_exporting(self) -> None:
        with self.counted():
            from toplist.feeds.parquet import ParquetWriter  # pyarrow takes 0.2 s and is needed by nothing else

            if is_appended(self.file):
                raise ValueError('Parquet can\'t be appended to: use -O, or "overwrite": True in FEEDS')
            self._writer = ParquetWriter(self.file, _names(self.fields_to_export))

    def finish_exporting(self) -> None:
        with self.counted():
            if self._writer is not None:
                self._writer.close()

    def export_entry(self, entry: Entry) -> None:
        if self._writer is not None:  # else it could not start, which was logged
            self._writer.write([entry])

    def export_row(self, row: Any) -> None:
        raise TypeError(f"Parquet takes lists and entries, not a {type(row).__name__}")


class CountingFeedExporter(FeedExporter):
    """Scrapy's feed exporter, which counts every failure under `feedexport/failed_count/…`; `closed` is set when the
    last feed is.

    Scrapy's own counts a feed as failed only when its storage refuses the finished file: a feed that can't be opened,
    or an item that can't be written, is an error in a signal handler, and the crawl ends well.
    """

    def __init__(self, crawler: Crawler):
        super().__init__(crawler)
        self.closed = asyncio.Event()
        logging.getLogger("scrapy.extensions.feedexport").addFilter(hide_password_in_traceback)
        self._unfinished: dict[int, FeedSlot] = {}
        crawler.signals.connect(self._slot_closed, signals.feed_slot_closed)

    def open_spider(self, spider: Spider) -> None:
        with self._counted("open"):
            super().open_spider(spider)

    def item_scraped(self, item: Any, spider: Spider) -> None:
        self._unfinished |= {id(slot): slot for slot in self.slots}
        with self._counted("item"):
            super().item_scraped(item, spider)

    async def close_spider(self, spider: Spider) -> None:
        self._unfinished |= {id(slot): slot for slot in self.slots}
        try:
            with self._counted("close"):
                await super().close_spider(spider)
        finally:
            for slot in self._unfinished.values():
                if slot.itemcount or (slot.store_empty and slot.batch_id == 1):
                    self._count("close")
            self._explain_empty(spider)
            self.closed.set()

    def _explain_empty(self, spider: Spider) -> None:
        config, options = getattr(spider, "config", None), getattr(spider, "options", None)
        if not isinstance(config, Config) or not isinstance(options, CrawlOptions):
            return  # another project's spider
        whole = " ".join(each.uri for each in parse_targets(config.places.feed_uri, options.snapshot_date))
        for slot in self.slots:
            if slot.batch_id == 1 and not slot.itemcount:
                logger.warning(
                    "No entries in %s: nothing new was fetched; the whole snapshot is in %s", slot.uri, whole
                )

    def _slot_closed(self, slot: FeedSlot) -> None:
        """Stored, or refused by its storage, which Scrapy counts."""
        self._unfinished.pop(id(slot), None)

    @contextmanager
    def _counted(self, step: str) -> Iterator[None]:
        try:
            yield
        except Exception:
            self._count(step)
            raise

    def _count(self, step: str) -> None:
        self.crawler.stats.inc_value(f"feedexport/failed_count/{step}")


def hide_password_in_traceback(record: logging.LogRecord) -> bool:
    """A log filter: boto3's errors name the endpoint, and its address may hold a password."""
    if record.exc_info:
        record.exc_text = hide_password(logging.Formatter().formatException(record.exc_info))
    return True


def is_appended(file: Any) -> bool:
    """Whether the file already holds something; what can't tell (a pipe) does not."""
    try:
        return bool(file.tell() > 0)
    except (AttributeError, OSError, ValueError):
        return False


def _names(fields: Mapping[str, str] | Iterable[str] | None) -> dict[str, str]:
    """The entry's fields to export, and the names to export them under."""
    if fields is None:
        return {name: name for name in ENTRY_FIELDS}
    pairs = fields.items() if isinstance(fields, Mapping) else ((name, name) for name in fields)
    return {name: shown for name, shown in pairs if name in ENTRY_FIELDS}


def _lossless(options: dict[str, Any]) -> dict[str, Any]:
    if not codecs.lookup(options.get("encoding") or "ascii").name.startswith("utf-"):
        return {"ensure_ascii": True, **options}
    return options


def _header(file: Any, encoding: str | None, options: Mapping[str, Any]) -> list[str] | None:
    """The first row of the file that is appended to, where it can be read."""
    try:
        with open(file.name, encoding=encoding, newline="") as text:
            return [name.removeprefix(BOM) for name in next(csv.reader(text, **options), [])]
    except (AttributeError, TypeError, OSError, ValueError, csv.Error):
        return None


def _xml(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _xml(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_xml(item) for item in value]
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else _NOT_XML.sub("\ufffd", str(value))
