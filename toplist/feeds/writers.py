"""Writers of JSON Lines, gzip of it and CSV: entries as bytes, a row an entry, in the order of `Entry`'s fields.

A writer takes entries by the batch, so memory stays flat however long the feed. The same entries give the same bytes.
"""

from __future__ import annotations

import csv
import gzip
import io
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, Protocol

from pydantic_core import PydanticSerializationError

from toplist.feeds.cells import BOM, cell
from toplist.items import ENTRY_FIELDS, Entry


class ByteSink(Protocol):
    """A file, as far as a writer needs one."""

    def write(self, data: bytes, /) -> int: ...

    def flush(self) -> object: ...


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
