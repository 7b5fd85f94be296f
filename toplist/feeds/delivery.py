"""Files to their places: written beside the target and moved over it, or uploaded and verified.

`deliver` writes a snapshot's feed, to all its places in one pass; `deliver_file` any other file. An existing feed that
has more rows of the same snapshot is never replaced by fewer.

Blocks: call it in a thread.
"""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import BinaryIO

from toplist.errors import ToplistError
from toplist.feeds.formats import ExistingFeed, batches, open_writer, read_existing
from toplist.feeds.s3 import S3Error, S3Options, S3Store, S3Unreachable, file_sha256
from toplist.feeds.uris import Target
from toplist.feeds.writers import EntryWriter
from toplist.files import Replacement, replacing
from toplist.items import Entry, Source

__all__ = ["Delivered", "Failed", "S3Options", "check_access", "deliver", "deliver_file"]


@dataclass(frozen=True, slots=True)
class Delivered:
    """A file that is where it should be. `rows` of a feed, `size` in bytes, `sha256` in hex."""

    uri: str
    rows: int
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Failed:
    """A file that is not. `reason` is one sentence without secrets; `kept` is the local copy, if there is one;
    `is_transient` says that S3 did not answer, which it may do at another time.
    """

    uri: str
    reason: str
    kept: Path | None = None
    is_transient: bool = False


class ShrinkingFeedError(ToplistError):
    """The existing feed has more rows than the new one, or rows of 1688 and the new one those of the sandbox.

    The message is one clause.
    """


def deliver(
    targets: Sequence[Target],
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
    files = [_FeedFile(target, snapshot_date, spool) for target in targets]
    try:
        _write(files, entries)
        connect = cache(lambda: S3Store(s3))
        return [file.finish(connect, allow_fewer) for file in files]
    finally:
        for file in files:
            file.discard()


def deliver_file(
    target: Target, write: Callable[[BinaryIO], object], *, spool: Path, s3: S3Options | None = None
) -> Delivered | Failed:
    """Let `write` fill a file, and put it in the target's place, or upload it there and verify it. Nothing is raised.

    What could not be uploaded stays in the folder `spool`, as with `deliver`.
    """
    path, kept = _local_path(target, spool), None
    try:
        with replacing(path) as part, part.open("wb") as file:
            write(file)
            file.flush()  # a full disk raises here, before the file is moved
        delivered = Delivered(target.uri, 0, path.stat().st_size, file_sha256(path))
        if target.path is None:
            kept = path
            S3Store(s3).upload(target, path, content_type(target))
            path.unlink()
    except Exception as error:
        return _failed(target, error, kept)
    return delivered


def check_access(targets: Iterable[Target], *, s3: S3Options | None = None) -> list[Failed]:
    """Ask S3 for each target that is there, and change nothing: what would fail, said before a crawl. [] is good."""
    connect = cache(lambda: S3Store(s3))
    failed = []
    for target in targets:
        if target.path is None:
            try:
                connect().exists(target)
            except S3Error as error:
                reason = f"{target.uri} can't be used: {error}."
                failed.append(Failed(target.uri, reason, is_transient=isinstance(error, S3Unreachable)))
    return failed


def exists(target: Target, s3: S3Options | None = None) -> bool:
    """Whether something is at the target. Raises S3Error."""
    return target.path.exists() if target.path is not None else S3Store(s3).exists(target)


def ensure_not_shrinking(existing: ExistingFeed | None, new: ExistingFeed, allow_fewer: bool) -> None:
    """Raises ShrinkingFeedError where the new feed must not replace the existing one."""
    if existing is None or existing.rows == 0:
        return
    if (existing.source, new.source) == (Source.GATEWAY, Source.SANDBOX):
        raise ShrinkingFeedError("it holds entries of 1688, and these are the sandbox's, which needs a feed of its own")
    if allow_fewer or new.rows >= existing.rows:
        return
    same = existing.snapshot_date == new.snapshot_date and existing.source == (new.source or existing.source)
    if same or new.rows == 0:
        raise ShrinkingFeedError(f"the existing feed has more rows ({existing.rows}) than the new one ({new.rows})")


def content_type(target: Target) -> str:
    """The media type that goes with it on S3."""
    found = (kind for suffix, kind in _CONTENT_TYPES.items() if target.name.lower().endswith(suffix))
    return next(found, "application/octet-stream")


_CONTENT_TYPES: Mapping[str, str] = {
    ".jsonl": "application/x-ndjson",
    ".gz": "application/gzip",
    ".csv": "text/csv; charset=utf-8",
    ".parquet": "application/vnd.apache.parquet",
    ".html": "text/html; charset=utf-8",
}


def _write(files: Sequence[_FeedFile], entries: Callable[[], Iterable[Entry]]) -> None:
    for file in files:
        file.open()
    try:
        for batch in batches(entries()):
            unfailed = [file for file in files if file.failed is None]
            for file in unfailed:
                file.write(batch)
            if not unfailed:
                return
    except Exception as error:
        # A database's error may name its password: the kind of the error will do.
        for file in files:
            file.failed = file.failed or _failed(
                file.target, ToplistError(f"the entries could not be read ({type(error).__name__})")
            )


class _FeedFile:
    """One target's feed: a temporary file, then the file or the object. What it raises becomes `failed`."""

    def __init__(self, target: Target, snapshot_date: date, spool: Path) -> None:
        assert target.format is not None  # parse_targets gives feeds only
        self.target = target
        self._format = target.format
        self.failed: Failed | None = None
        self._path = _local_path(target, spool)
        self._date = snapshot_date.isoformat()
        self._source: str | None = None
        self._replacement: Replacement | None = None
        self._file: BinaryIO | None = None
        self._writer: EntryWriter | None = None

    def open(self) -> None:
        try:
            self._replacement = Replacement(self._path)
            self._file = self._replacement.part.open("wb")
            self._writer = open_writer(self._format, self._file)
        except Exception as error:
            self.failed = _failed(self.target, error)

    def write(self, batch: Sequence[Entry]) -> None:
        assert self._writer is not None
        try:
            self._source = self._source or str(batch[0].source)
            self._writer.write(batch)
        except Exception as error:
            self.failed = _failed(self.target, error)

    def finish(self, connect: Callable[[], S3Store], allow_fewer: bool) -> Delivered | Failed:
        if self.failed is not None:
            return self.failed
        assert self._writer is not None
        assert self._file is not None
        try:
            self._writer.close()
            self._file.close()
            new = ExistingFeed(self._writer.rows, self._date, self._source)
            return self._upload(connect, new, allow_fewer) if self.target.path is None else self._move(new, allow_fewer)
        except Exception as error:
            return _failed(self.target, error)

    def discard(self) -> None:
        """Leave nothing half-written behind."""
        if self._writer is not None:
            self._writer.abandon()
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
        if self._replacement is not None:
            self._replacement.discard()

    def _move(self, new: ExistingFeed, allow_fewer: bool) -> Delivered:
        assert self._replacement is not None
        with suppress(FileNotFoundError):
            ensure_not_shrinking(read_existing(self._path, self._format), new, allow_fewer)
        self._replacement.commit()
        return self._delivered(new)

    def _upload(self, connect: Callable[[], S3Store], new: ExistingFeed, allow_fewer: bool) -> Delivered | Failed:
        assert self._replacement is not None
        self._replacement.commit()
        try:
            store = connect()
            ensure_not_shrinking(self._existing_object(store), new, allow_fewer)
            store.upload(self.target, self._path, content_type(self.target), new)
        except ShrinkingFeedError:
            self._path.unlink()
            raise
        except Exception as error:
            return _failed(self.target, error, kept=self._path)
        delivered = self._delivered(new)
        self._path.unlink()
        return delivered

    def _existing_object(self, store: S3Store) -> ExistingFeed | None:
        scratch = Replacement(self._path)
        try:
            return store.existing_feed(self.target, scratch.part)
        finally:
            scratch.discard()

    def _delivered(self, new: ExistingFeed) -> Delivered:
        return Delivered(self.target.uri, new.rows, self._path.stat().st_size, file_sha256(self._path))


def _local_path(target: Target, spool: Path) -> Path:
    if target.path is not None:
        return target.path
    return spool / f"{hashlib.sha256(target.uri.encode()).hexdigest()[:12]}-{target.name[-60:]}"


def _failed(target: Target, error: Exception, kept: Path | None = None) -> Failed:
    where = f"; it is kept in {kept}" if kept else ""
    reason = f"{target.uri} was not delivered: {_reason(error)}{where}."
    return Failed(target.uri, reason, kept, isinstance(error, S3Unreachable))


def _reason(error: Exception) -> str:
    if isinstance(error, ToplistError):
        return str(error)
    if isinstance(error, ImportError):
        return f"{error.name} is missing: pip install {error.name}"
    if isinstance(error, OSError):
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        return "the disk is full" if full else f"{error.strerror or type(error).__name__}"
    return f"an unexpected error ({type(error).__name__})"
