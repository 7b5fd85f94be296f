"""A snapshot's feed, to all its places in one pass: written beside its target and moved over it, or uploaded and
verified. A feed that holds more of the same snapshot is never replaced by less.

Blocks: call it in a thread.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from functools import cache
from glob import escape as glob_escape
from pathlib import Path
from typing import TypeVar

from toplist.errors import ToplistError
from toplist.feeds.held import ExistingFeed, read_held
from toplist.feeds.s3 import S3Error, S3Options, S3Store
from toplist.feeds.uris import FeedTarget
from toplist.feeds.writers import FileDigest, Written, batches, open_writer
from toplist.items import Entry, Source

__all__ = ["Delivered", "Failed", "S3Options", "deliver", "probe"]

T = TypeVar("T")

STALE = 24 * 3600  # seconds without a write, after which a half-written file is of a process that was killed


@dataclass(frozen=True, slots=True)
class Delivered:
    """A feed that is where it should be. `size` in bytes, `sha256` in hex."""

    uri: str
    rows: int
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Failed:
    """A feed that is not. `reason` is one sentence without secrets; `kept` is the local copy, if there is one."""

    uri: str
    reason: str
    kept: Path | None = None


class _Refused(ToplistError):
    """What is there is better than what would replace it."""


def deliver(
    targets: Sequence[FeedTarget],
    entries: Callable[[], Iterable[Entry]],
    *,
    snapshot_date: date,
    spool: Path,
    s3: S3Options | None = None,
    allow_fewer: bool = False,
) -> list[Delivered | Failed]:
    """Write the snapshot's entries to every target, in one pass over them; the outcomes in the targets' order.

    One target's failure leaves the others alone, and nothing is raised. A target that holds more entries of this
    snapshot is left as it is unless `allow_fewer`; so is one that holds 1688's entries where these are the sandbox's.
    What could not be uploaded stays in the folder `spool` until a delivery to the same target succeeds.
    """
    feeds = [_Feed(target, snapshot_date, spool) for target in targets]
    try:
        _write(feeds, entries)
        connect = cache(lambda: S3Store(s3))
        return [feed.finish(connect, allow_fewer) for feed in feeds]
    finally:
        for feed in feeds:
            feed.clear()


def probe(targets: Iterable[FeedTarget], *, s3: S3Options | None = None) -> list[Failed]:
    """Ask S3 for each target that is there, and change nothing: what would fail, said before a crawl. [] is good."""
    connect = cache(lambda: S3Store(s3))
    failed = []
    for target in targets:
        if target.path is None:
            try:
                connect().reach(target)
            except S3Error as error:
                failed.append(Failed(target.uri, f"{target.uri} can't be reached: {error}."))
    return failed


def _write(feeds: Sequence[_Feed], entries: Callable[[], Iterable[Entry]]) -> None:
    for feed in feeds:
        feed.open()
    try:
        for batch in batches(entries()):
            live = [feed for feed in feeds if feed.failed is None]
            for feed in live:
                feed.write(batch)
            if not live:
                return
    except Exception as error:
        # what a database says of itself may name its password: the kind of the error will do
        for feed in feeds:
            feed.fail(f"the entries could not be read ({type(error).__name__})")


class _Feed:
    """One target on its way: a half-written file, then the file or the object."""

    def __init__(self, target: FeedTarget, snapshot_date: date, spool: Path) -> None:
        self.target = target
        self.failed: Failed | None = None
        self._date = snapshot_date.isoformat()
        self._source: str | None = None
        self._kept: Path | None = None
        self._path = target.path or spool / _spool_name(target)
        self._part = self._path.with_name(f".{self._path.name[-180:]}.{secrets.token_hex(4)}.part")

    def open(self) -> None:
        self._try(self._open)

    def write(self, batch: Sequence[Entry]) -> None:
        self._try(lambda: self._write(batch))

    def finish(self, connect: Callable[[], S3Store], allow_fewer: bool) -> Delivered | Failed:
        delivered = self._try(lambda: self._finish(connect, allow_fewer))
        outcome = self.failed or delivered
        assert outcome is not None  # a step that was not taken has said why
        return outcome

    def fail(self, reason: str) -> None:
        """Say why it failed; the first reason stays."""
        kept = f"; it is kept in {self._kept}" if self._kept else ""
        self.failed = self.failed or Failed(
            self.target.uri, f"{self.target.uri} was not delivered: {reason}{kept}.", self._kept
        )

    def clear(self) -> None:
        """Leave nothing half-written behind."""
        if hasattr(self, "_tally"):
            self._tally.abandon()
            with suppress(OSError):
                self._file.close()
        with suppress(OSError):
            self._part.unlink(missing_ok=True)

    def _open(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        _drop_stale(self._path)
        self._file = self._part.open("xb")
        self._tally = FileDigest(self._file)
        self._writer = open_writer(self.target.format, self._tally)

    def _write(self, batch: Sequence[Entry]) -> None:
        self._source = self._source or str(batch[0].source)
        self._writer.write(batch)

    def _finish(self, connect: Callable[[], S3Store], allow_fewer: bool) -> Delivered:
        written = self._close()
        says = ExistingFeed(written.rows, self._date, self._source)
        if self.target.path is not None:
            self._move(says, allow_fewer)
        else:
            self._upload(connect, written, says, allow_fewer)
        return Delivered(self.target.uri, written.rows, written.size, written.sha256)

    def _close(self) -> Written:
        self._writer.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return self._tally.written(self._writer.rows)

    def _move(self, says: ExistingFeed, allow_fewer: bool) -> None:
        with suppress(FileNotFoundError):
            _refuse_less(read_held(self._path, self.target.format), says, allow_fewer)
            self._part.chmod(self._path.stat().st_mode & 0o777)
        _replace(self._part, self._path)

    def _upload(self, connect: Callable[[], S3Store], written: Written, says: ExistingFeed, allow_fewer: bool) -> None:
        _replace(self._part, self._path)
        self._kept = self._path
        store = connect()
        try:
            _refuse_less(store.held(self.target, self._part), says, allow_fewer)
        except _Refused:
            self._drop_kept()
            raise
        store.upload(self.target, self._path, written, says)
        self._drop_kept()

    def _drop_kept(self) -> None:
        self._path.unlink(missing_ok=True)
        self._kept = None

    def _try(self, step: Callable[[], T]) -> T | None:
        """Take the step, unless one before failed. Nothing is raised: a feed's failure is its own."""
        if self.failed is None:
            try:
                return step()
            except Exception as error:
                self.fail(_reason(error))
        return None


def _refuse_less(held: ExistingFeed | None, says: ExistingFeed, allow_fewer: bool) -> None:
    if held is None or held.rows == 0:
        return
    if (held.source, says.source) == (Source.GATEWAY, Source.SANDBOX):
        raise _Refused("it holds entries of 1688, and these are the sandbox's, which needs a feed of its own")
    if allow_fewer or says.rows >= held.rows:
        return
    same = held.snapshot_date == says.snapshot_date and held.source == (says.source or held.source)
    if same or says.rows == 0:
        raise _Refused(f"it holds {held.rows} entries, and would now hold {says.rows}: what is there was left")


def _replace(part: Path, path: Path) -> None:
    """Move over, so that it holds after a power cut too."""
    os.replace(part, path)
    if os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _spool_name(target: FeedTarget) -> str:
    return f"{hashlib.sha256(target.uri.encode()).hexdigest()[:12]}-{target.key.rpartition('/')[2][-100:]}"


def _drop_stale(path: Path) -> None:
    for part in path.parent.glob(f".{glob_escape(path.name[-180:])}.*.part"):
        with suppress(OSError):
            if time.time() - part.stat().st_mtime > STALE:
                part.unlink()


def _reason(error: Exception) -> str:
    if isinstance(error, S3Error | _Refused):
        return str(error)
    if isinstance(error, ImportError):
        return f"{error.name} is missing: pip install {error.name}"
    if isinstance(error, OSError):
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        return "the disk is full" if full else f"{error.strerror or type(error).__name__}"
    return f"of an error that was not foreseen ({type(error).__name__})"
