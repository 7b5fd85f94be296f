"""Scrapy's CSV feed of entries: the file that `toplist.feeds.writers` makes, with Scrapy's options."""

from __future__ import annotations

import codecs
import csv
import io
import logging
from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from typing import Any

from scrapy.exporters import CsvItemExporter

from toplist.feeds.cells import BOM, cell, safe_text
from toplist.feeds.exporting import EntryExporter, is_appended
from toplist.items import ENTRY_FIELDS, Entry

logger = logging.getLogger(__name__)


class EntryCsvExporter(EntryExporter, CsvItemExporter):
    """A header and a row an entry, cells as `toplist.feeds.cells` spells them, a BOM where the encoding is UTF-8.

    Appended to a file (`-o`), rows follow the header that the file has, and no second one is written. What an encoding
    has no character for becomes `?`. `item_export_kwargs` takes `bom` (default True) beside what `csv.writer` takes.
    """

    def __init__(self, file: BytesIO, *, bom: bool = True, **kwargs: Any) -> None:
        super().__init__(file, **{"errors": "replace", **kwargs})
        self._bom = bom and codecs.lookup(self.encoding or "utf-8").name == "utf-8"
        if is_appended(file):
            self._headers_not_written = False
            self._follow(_header(file, self.encoding, self._kwargs))

    def export_entries(self, entries: Sequence[Entry]) -> None:
        if self._headers_not_written:
            self._headers_not_written = False
            self._write_headers_and_set_fields_to_export(entries[0])
        names = list(self.fields_to_export or ENTRY_FIELDS)
        rows = [[cell(getattr(entry, name) if name in ENTRY_FIELDS else None) for name in names] for entry in entries]
        text = io.StringIO(newline="")
        csv.writer(text, **self._kwargs).writerows(rows)
        self.stream.write(text.getvalue())

    def serialize_field(self, field: Mapping[str, Any], name: str, value: Any) -> Any:
        """A field of an item that is no entry, as safe as an entry's."""
        serialized = field["serializer"](value) if "serializer" in field else value
        try:
            return cell(serialized)
        except TypeError:
            return safe_text(str(serialized))

    def _write_headers_and_set_fields_to_export(self, item: Any) -> None:
        if self._bom and self.include_headers_line:
            self.stream.write(BOM)
        super()._write_headers_and_set_fields_to_export(item)

    def _follow(self, header: Iterable[str] | None) -> None:
        """Write under the columns that the file already has: a field more or less would shift every row after it."""
        if not header:
            return
        wanted = self.names() or {name: name for name in ENTRY_FIELDS}
        fields = {shown: name for name, shown in wanted.items()}
        self.fields_to_export = {fields.get(shown, shown): shown for shown in header}
        if missing := [shown for shown in fields if shown not in set(header)]:
            logger.warning("The CSV that is appended to has no column for %s: not written", ", ".join(missing))


def _header(file: Any, encoding: str | None, options: Mapping[str, Any]) -> list[str] | None:
    """The first row of the file that is appended to, where it can be read."""
    try:
        with open(file.name, encoding=encoding, newline="") as text:
            return [name.removeprefix(BOM) for name in next(csv.reader(text, **options), [])]
    except (AttributeError, TypeError, OSError, ValueError, csv.Error):
        return None
