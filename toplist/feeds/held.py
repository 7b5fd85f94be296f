"""What a feed that is already there holds, so that it is never replaced by less."""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toplist.feeds.cells import BOM
from toplist.feeds.formats import Format


@dataclass(frozen=True, slots=True)
class ExistingFeed:
    """A feed's row count, and the snapshot and the source of its first row (None: no row, or it does not say)."""

    rows: int
    snapshot_date: str | None = None
    source: str | None = None


def read_held(path: Path, format_: Format) -> ExistingFeed | None:
    """What the file holds, or None where it is no feed that can be read whole: nothing that is worth keeping.

    Reads it once, at the disk's speed (Parquet: its index only). Raises FileNotFoundError, and OSError where the disk
    fails.
    """
    try:
        if format_ is Format.PARQUET:
            return _parquet(path)
        if format_ is Format.CSV:
            return _csv(path)
        with path.open("rb") if format_ is Format.JSONL else gzip.open(path, "rb") as lines:
            return _lines(lines)
    except (ValueError, EOFError, zlib.error, gzip.BadGzipFile, csv.Error):
        return None


def _lines(lines: Iterable[bytes]) -> ExistingFeed | None:
    rows, first, last = 0, b"", b"\n"
    for line in lines:
        first = first or line
        last = line
        rows += 1
    if not last.endswith(b"\n"):
        return None
    row = json.loads(first) if first else {}
    return _held(rows, row) if isinstance(row, dict) else None


def _csv(path: Path) -> ExistingFeed | None:
    with path.open(encoding="utf-8", newline="") as text:
        rows = csv.reader(text)
        header = [name.removeprefix(BOM) for name in next(rows, [])]
        first = next(rows, None)
        if first is None:
            return ExistingFeed(0)
        return _held(1 + sum(1 for _ in rows), dict(zip(header, first, strict=False)))


def _parquet(path: Path) -> ExistingFeed:
    from toplist.feeds.parquet import parquet_head

    return _held(*parquet_head(path, ("snapshot_date", "source")))


def _held(rows: int, first: Mapping[str, Any]) -> ExistingFeed:
    says = {name: str(first[name]) for name in ("snapshot_date", "source") if first.get(name) is not None}
    return ExistingFeed(rows, **says)
