"""Entries as bytes: JSON Lines, gzip of it, CSV and Parquet, a row an entry, in the order of `Entry`'s fields.

A writer takes entries by the batch, so memory stays flat however long the feed. The same entries give the same bytes.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from operator import attrgetter
from pathlib import Path
from typing import Any, Protocol

from pydantic_core import PydanticSerializationError

from toplist.feeds.cells import BOM, cell
from toplist.feeds.formats import Format
from toplist.items import ENTRY_FIELDS, Entry

BATCH = 1000  # entries held at a time


class ByteSink(Protocol):
    """What is needed of a file."""

    def write(self, data: bytes, /) -> int: ...

    def flush(self) -> object: ...


@dataclass(frozen=True, slots=True)
class Written:
    """What a finished file is: rows, bytes, and both sums in hex."""

    rows: int
    size: int
    sha256: str
    md5: str


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


class FileDigest:
    """A file that counts and sums what is written through it."""

    def __init__(self, file: ByteSink) -> None:
        self._file: ByteSink | None = file
        self.size = 0
        self._sha256 = hashlib.sha256()
        self._md5 = hashlib.md5(usedforsecurity=False)

    def write(self, data: bytes, /) -> int:
        if self._file is None:
            return len(data)
        self._file.write(data)
        self.size += len(data)
        self._sha256.update(data)
        self._md5.update(data)
        return len(data)

    def flush(self) -> None:
        """Nothing is held back here; gzip asks for it."""

    def abandon(self) -> None:
        """Take what still comes and drop it: gzip and Parquet end their format even when they are thrown away."""
        self._file = None

    def written(self, rows: int) -> Written:
        """The sums so far."""
        return Written(rows, self.size, self._sha256.hexdigest(), self._md5.hexdigest())


def open_writer(format_: Format, file: ByteSink) -> EntryWriter:
    """A writer of the format. Raises ImportError for Parquet without pyarrow."""
    if format_ is Format.PARQUET:
        from toplist.feeds.parquet import ParquetWriter  # pyarrow takes 0.2 s and is needed by nothing else

        return ParquetWriter(file)
    return {Format.JSONL: JsonLinesWriter, Format.JSONL_GZ: GzipWriter, Format.CSV: CsvWriter}[format_](file)


def write(entries: Iterable[Entry], format_: Format, path: Path) -> Written:
    """Write the entries to `path`, as they come. Raises OSError, and whatever the entries raise."""
    with path.open("wb") as file:
        tally = FileDigest(file)
        try:
            writer = open_writer(format_, tally)
            for batch in batches(entries):
                writer.write(batch)
            writer.close()
        finally:
            tally.abandon()
    return tally.written(writer.rows)


def batches(entries: Iterable[Entry], size: int = BATCH) -> Iterator[list[Entry]]:
    """The entries, `size` at a time."""
    iterator = iter(entries)
    while batch := list(islice(iterator, size)):
        yield batch


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
    return Entry.model_construct(**_mended(entry.__dict__))


def _mended(value: Any) -> Any:
    if isinstance(value, str) and not value.isascii():
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, dict):
        return {key: _mended(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_mended(item) for item in value]
    return value


def _instants() -> tuple[str, ...]:
    fields = Entry.model_json_schema(mode="serialization")["properties"]
    return tuple(name for name, schema in fields.items() if "date-time" in str(schema))


INSTANTS = _instants()
