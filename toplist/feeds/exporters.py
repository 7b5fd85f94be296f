"""Scrapy's feeds (`FEEDS`, `-o`, `-O`) of lists, an entry a line: our exporters under the usual formats.

A spider's item is a whole list: each exporter here writes its entries one by one, and nothing for a list without any.
Plain entries work too, and any other item goes the stock exporter's way. `FEED_EXPORT_FIELDS`, `FEED_EXPORT_INDENT` and
`FEED_EXPORT_ENCODING` mean what they mean there. `FEED_EXPORT_BATCH_ITEM_COUNT` counts items, so it counts lists.

What could not be written is logged and counts in the stat `feedexport/failed_count/<exporter>`; the other feeds go on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from enum import Enum
from io import BytesIO
from typing import TYPE_CHECKING, Any

from itemadapter import ItemAdapter
from pydantic import TypeAdapter
from scrapy.exporters import (
    JsonItemExporter,
    JsonLinesItemExporter,
    MarshalItemExporter,
    PickleItemExporter,
    XmlItemExporter,
)

from toplist.feeds.csvexporter import EntryCsvExporter
from toplist.feeds.exporting import EntryExporter, is_appended
from toplist.items import ENTRY_FIELDS, Entry

if TYPE_CHECKING:
    from toplist.feeds.parquet import ParquetWriter

__all__ = [
    "EntryCsvExporter",
    "EntryJsonExporter",
    "EntryJsonLinesExporter",
    "EntryMarshalExporter",
    "EntryParquetExporter",
    "EntryPickleExporter",
    "EntryXmlExporter",
]

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class EntryJsonLinesExporter(EntryExporter, JsonLinesItemExporter):
    """A JSON object a line."""

    def export_entries(self, entries: Sequence[Entry]) -> None:
        self.file.write(b"".join([line + b"\n" for line in entries_json(self, entries)]))


class EntryJsonExporter(EntryExporter, JsonItemExporter):
    """One JSON array."""

    def export_entries(self, entries: Sequence[Entry]) -> None:
        for text in entries_json(self, entries):
            self._add_comma_after_first()
            self.file.write(text)


def entries_json(exporter: EntryJsonLinesExporter | EntryJsonExporter, entries: Sequence[Entry]) -> list[bytes]:
    """Each entry in JSON. By pydantic's own serializer, which is some ten times as fast as the stock way, unless fields
    are renamed or reordered, or the encoder is set up in ways that only Python's knows.
    """
    options, names = exporter._kwargs, exporter.names()
    as_they_are = names is None or list(names.items()) == [(name, name) for name in ENTRY_FIELDS if name in names]
    if as_they_are and options.keys() <= {"ensure_ascii", "indent"}:
        include, indent = None if names is None else set(names), options.get("indent")
        ascii_only = bool(options["ensure_ascii"])
        texts = [entry.model_dump_json(include=include, indent=indent, ensure_ascii=ascii_only) for entry in entries]
    else:
        shown = names if names is not None else {name: name for name in ENTRY_FIELDS}
        rows = [entry.model_dump(mode="json", include=set(shown)) for entry in entries]
        texts = [exporter.encoder.encode({shown[name]: row[name] for name in shown}) for row in rows]
    return [_json_bytes(text, exporter.encoding or "utf-8") for text in texts]


def _json_bytes(text: str, encoding: str) -> bytes:
    try:
        return text.encode(encoding)
    except UnicodeEncodeError:  # gbk has no emoji; JSON can spell any character in ASCII
        return json.dumps(json.loads(text)).encode(encoding)


class EntryXmlExporter(EntryExporter, XmlItemExporter):
    """An element an entry; null is an empty element, and characters that XML forbids become U+FFFD."""

    def row(self, entry: Entry) -> dict[str, Any]:
        return {name: _xml(value) for name, value in entry.model_dump(mode="json").items()}


class EntryPickleExporter(EntryExporter, PickleItemExporter):
    """A pickled dict an entry, of plain Python types: dates are dates."""

    def row(self, entry: Entry) -> dict[str, Any]:
        return {name: value.value if isinstance(value, Enum) else value for name, value in entry.model_dump().items()}


class EntryMarshalExporter(EntryExporter, MarshalItemExporter):
    """A marshalled dict an entry; dates are text."""


class EntryParquetExporter(EntryExporter):
    """Parquet, typed from the item's schema. Other items than entries need at least one field of an entry's.

    Parquet can't be appended to: use `-O`, or `"overwrite": True` in `FEEDS`. The file is readable once it is closed.
    """

    def __init__(self, file: BytesIO, **kwargs: Any) -> None:
        super().__init__(dont_fail=True, **kwargs)
        self.file = file
        self._writer: ParquetWriter | None = None

    def begin(self) -> None:
        from toplist.feeds.parquet import ParquetWriter

        if is_appended(self.file):
            raise ValueError('Parquet can\'t be appended to: use -O, or "overwrite": True in FEEDS')
        self._writer = ParquetWriter(self.file, self.names())

    def end(self) -> None:
        if self._writer is not None:
            self._writer.close()

    def export_entries(self, entries: Sequence[Entry]) -> None:
        if self._writer is not None:  # else it failed to begin, which was said
            self._writer.write(entries)

    def export_other(self, item: Any) -> None:
        values = {name: value for name, value in ItemAdapter(item).asdict().items() if name in _ADAPTERS}
        if not values:
            raise ValueError(f"{type(item).__name__} has no field of an entry, and so no column in Parquet")
        checked = {name: _ADAPTERS[name].validate_python(value) for name, value in values.items()}
        self.export_entries([Entry.model_construct(**{**dict.fromkeys(ENTRY_FIELDS), **checked})])


_ADAPTERS: Mapping[str, TypeAdapter[Any]] = {
    name: TypeAdapter(field.annotation or Any) for name, field in Entry.model_fields.items()
}


def _xml(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _xml(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_xml(item) for item in value]
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else _NOT_XML.sub("\ufffd", str(value))
