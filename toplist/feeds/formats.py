"""The feed's formats: entries as JSON Lines, gzip of it, CSV and Parquet, and what a file of them holds.

A row an entry, in the order of `Entry`'s fields. A writer takes entries by the batch, so memory stays flat however long
the feed. The same entries give the same bytes.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice
from operator import attrgetter
from pathlib import Path
from typing import Any, Protocol

from pydantic_core import PydanticSerializationError

from toplist.feeds.cells import BOM, cell
from toplist.items import ENTRY_FIELDS, Entry

BATCH = 1000  # entries held at a time


class Format(StrEnum):
    """The value is the suffix, without its first dot."""

    JSONL = "jsonl"
    JSONL_GZ = "jsonl.gz"
    CSV = "csv"
    PARQUET = "parquet"

    @classmethod
    def of(cls, name: str) -> Format | None:
        """The format of a path or a key, by its suffix; None where the suffix names none."""
        file_name = name.replace("\\", "/").rpartition("/")[2].lower()
        return next((format_ for format_ in cls if file_name.removesuffix(f".{format_}") not in ("", file_name)), None)


class ByteSink(Protocol):
    """A file, as far as a writer needs one."""

    def write(self, data: bytes, /) -> int: ...

    def flush(self) -> object: ...


@dataclass(frozen=True, slots=True)
class ExistingFeed:
    """A feed's row count, and the snapshot and the source of its first row (None: no row, or it does not say)."""

    rows: int
    snapshot_date: str | None = None
    source: str | None = None


class EntryWriter(ABC):
    """Writes entries to a file that stays the caller's: `close` ends the format and leaves the file open."""

    def __init__(self, file: ByteSink) -> None:
        self.file = file
        self.rows = 0

    def write(self, entries: Sequence[Entry]) -> None:
        """Append a batch, whole or not at all."""
        entries = [in_utc(entry) for entry in entries]
        try:
            self.append(entries)
        except (PydanticSerializationError, UnicodeEncodeError):
            self.append([encodable(entry) for entry in entries])
        self.rows += len(entries)

    @abstractmethod
    def append(self, entries: Sequence[Entry]) -> None:
        """Encode every entry, then write."""

    def close(self) -> None:  # noqa: B027 - most formats have no end
        """End the format."""

    def abandon(self) -> None:  # noqa: B027 - most formats hold nothing back
        """Write nothing more, when the writer is collected either: the file will be removed."""


class JsonLinesWriter(EntryWriter):
    """UTF-8, an object a line, every field on every line."""

    def append(self, entries: Sequence[Entry]) -> None:
        if entries:
            self.file.write(("\n".join([entry.model_dump_json() for entry in entries]) + "\n").encode())


class GzipWriter(JsonLinesWriter):
    """JSON Lines in gzip, without time and name in its header, so that the same entries are the same file."""

    def __init__(self, file: ByteSink) -> None:
        self._gzip = gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0)
        super().__init__(self._gzip)

    def close(self) -> None:
        self._gzip.close()


class CsvWriter(EntryWriter):
    """UTF-8 with BOM, a header, CRLF; every cell as `toplist.feeds.cells` spells it."""

    _values = staticmethod(attrgetter(*ENTRY_FIELDS))

    def __init__(self, file: ByteSink) -> None:
        super().__init__(file)
        self._put([ENTRY_FIELDS], BOM)

    def append(self, entries: Sequence[Entry]) -> None:
        self._put([[cell(value) for value in self._values(entry)] for entry in entries])

    def _put(self, rows: Iterable[Iterable[Any]], before: str = "") -> None:
        buffer = io.StringIO(newline="")
        buffer.write(before)
        csv.writer(buffer).writerows(rows)
        self.file.write(buffer.getvalue().encode())


def open_writer(format_: Format, file: ByteSink) -> EntryWriter:
    """A writer of the format. Raises ImportError for Parquet without pyarrow."""
    if format_ is Format.PARQUET:
        from toplist.feeds.parquet import ParquetWriter  # pyarrow takes 0.2 s and is needed by nothing else

        return ParquetWriter(file)
    return {Format.JSONL: JsonLinesWriter, Format.JSONL_GZ: GzipWriter, Format.CSV: CsvWriter}[format_](file)


def batches(entries: Iterable[Entry], size: int = BATCH) -> Iterator[list[Entry]]:
    """The entries, `size` at a time."""
    iterator = iter(entries)
    while batch := list(islice(iterator, size)):
        yield batch


def read_existing(path: Path, format_: Format) -> ExistingFeed | None:
    """What the file holds, or None where it is no feed that can be read whole: it may be replaced by anything.

    Reads it once, at the disk's speed (Parquet: its index only). Raises FileNotFoundError, and OSError where the disk
    fails.
    """
    try:
        if format_ is Format.PARQUET:
            from toplist.feeds.parquet import parquet_head

            return _existing(*parquet_head(path, ("snapshot_date", "source")))
        if format_ is Format.CSV:
            return _read_csv(path)
        with path.open("rb") if format_ is Format.JSONL else gzip.open(path, "rb") as lines:
            return _read_lines(lines)
    except (ValueError, EOFError, zlib.error, gzip.BadGzipFile, csv.Error):
        return None


def _read_lines(lines: Iterable[bytes]) -> ExistingFeed | None:
    rows, first, last = 0, b"", b"\n"
    for line in lines:
        first = first or line
        last = line
        rows += 1
    if not last.endswith(b"\n"):
        return None
    row = json.loads(first) if first else {}
    return _existing(rows, row) if isinstance(row, dict) else None


def _read_csv(path: Path) -> ExistingFeed | None:
    with path.open(encoding="utf-8", newline="") as text:
        rows = csv.reader(text)
        header = [name.removeprefix(BOM) for name in next(rows, [])]
        first = next(rows, None)
        if first is None:
            return ExistingFeed(0)
        return _existing(1 + sum(1 for _ in rows), dict(zip(header, first, strict=False)))


def _existing(rows: int, first: Mapping[str, Any]) -> ExistingFeed:
    found = {name: str(first[name]) for name in ("snapshot_date", "source") if first.get(name) is not None}
    return ExistingFeed(rows, **found)


def in_utc(entry: Entry) -> Entry:
    """The entry with its instants in UTC, whatever zone its database gave them back in."""
    moved = {
        name: value.astimezone(UTC)
        for name in INSTANTS
        if isinstance(value := getattr(entry, name), datetime) and value.utcoffset()
    }
    return entry.model_copy(update=moved) if moved else entry


def encodable(entry: Entry) -> Entry:
    """The entry with half characters (a title cut inside an emoji) as U+FFFD: UTF-8 has no spelling for them."""
    return Entry.model_construct(**_without_half_characters(entry.__dict__))


def _without_half_characters(value: Any) -> Any:
    if isinstance(value, str) and not value.isascii():
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, dict):
        return {key: _without_half_characters(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_half_characters(item) for item in value]
    return value


def _instants() -> tuple[str, ...]:
    fields = Entry.model_json_schema(mode="serialization")["properties"]
    return tuple(name for name, schema in fields.items() if "date-time" in str(schema))


INSTANTS = _instants()
