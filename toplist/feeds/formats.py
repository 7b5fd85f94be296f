"""The feed's formats by their suffix: which writer they have, and what a file of them holds."""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Any

from toplist.feeds.cells import BOM
from toplist.feeds.writers import ByteSink, CsvWriter, EntryWriter, GzipWriter, JsonLinesWriter
from toplist.items import Entry

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


@dataclass(frozen=True, slots=True)
class ExistingFeed:
    """A feed's row count, and the snapshot and the source of its first row (None: no row, or it does not say)."""

    rows: int
    snapshot_date: str | None = None
    source: str | None = None


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
