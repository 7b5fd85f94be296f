"""`TOPLIST_FEED_URI`: where a snapshot's feed goes, and as what.

`parse_targets` is pure; `check_targets` tries what can be tried before the first request.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from importlib import import_module
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from toplist.errors import InputError
from toplist.feeds.formats import Format

ACCEPTED = (
    "it takes paths, file:// and s3://bucket/key, several separated by spaces, each ending in"
    f" {', '.join(f'.{format_}' for format_ in Format)}, with %(snapshot_date)s where the date goes"
)

_WORDS = re.compile(r'"([^"]*)"|\'([^\']*)\'|(\S+)')
_DATE = "%(snapshot_date)s"
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")  # two letters and more: C:\ is a path
_BUCKET = re.compile(r"[A-Za-z0-9._-]{1,255}")


@dataclass(frozen=True, slots=True)
class FeedTarget:
    """One place of the feed: a file (`path`), or an object of S3 (`bucket` and `key`). `uri` is for people."""

    uri: str
    format: Format
    path: Path | None = None
    bucket: str = ""
    key: str = ""


def parse_targets(
    uris: str | Sequence[str], snapshot_date: date, *, setting: str = "TOPLIST_FEED_URI"
) -> list[FeedTarget]:
    """What the setting names, with the date filled in. A path with spaces stands in quotes, or in a list of its own.

    Raises InputError: one sentence that names the setting and says what is accepted.
    """
    words = _split(uris) if isinstance(uris, str) else [str(uri) for uri in uris]
    if not words:
        raise InputError(f"{setting} is empty: {ACCEPTED}.")
    targets: list[FeedTarget] = []
    for word in words:
        target = _target(word, snapshot_date, setting)
        if any(_place(target) == _place(other) for other in targets):
            raise InputError(f"{setting} names {target.uri} twice: each feed needs a place of its own.")
        targets.append(target)
    return targets


def check_targets(
    targets: Sequence[FeedTarget], *, spool: Path | None = None, setting: str = "TOPLIST_FEED_URI"
) -> None:
    """Try, before the first request, what would fail after the last one. Leaves nothing behind.

    `spool` is the folder where what goes to S3 is written first. Raises InputError.
    """
    for target in targets:
        if target.format is Format.PARQUET:
            _need("pyarrow", "a .parquet feed", target, setting)
        if target.path is not None:
            _check_file(target.path, target.uri, setting)
        else:
            _need("boto3", "a feed on s3://", target, setting)
            if spool is not None:
                _check_folder(spool, target.uri, setting)


def _split(text: str) -> list[str]:
    return ["".join(groups) for groups in _WORDS.findall(text) if any(groups)]


def _target(word: str, snapshot_date: date, setting: str) -> FeedTarget:
    uri = word.replace(_DATE, snapshot_date.isoformat())
    shown = _masked(word)
    if "%(" in uri:
        raise InputError(f"{setting}: {shown!r} has a placeholder that is unknown: {ACCEPTED}.")
    format_ = Format.of(uri)
    if format_ is None or "\0" in uri:
        raise InputError(f"{setting}: {shown!r} is not accepted: {ACCEPTED}.")
    if uri.lower().startswith("s3://"):
        return _s3_target(uri, format_, shown, setting)
    if uri.lower().startswith("file:"):
        parts = urlsplit(uri)
        if parts.netloc not in ("", "localhost") or not parts.path.startswith("/") or parts.query or parts.fragment:
            raise InputError(f"{setting}: {shown!r} is no file:///absolute/path: {ACCEPTED}.")
        return _file_target(Path(url2pathname(parts.path)), uri, format_, setting)
    if _SCHEME.match(uri):
        raise InputError(f"{setting}: {shown!r} is not accepted: {ACCEPTED}.")
    return _file_target(Path(uri), uri, format_, setting)


def _file_target(path: Path, uri: str, format_: Format, setting: str) -> FeedTarget:
    try:
        # absolute now, so that a later change of the working directory does not move the feed; links are followed, so
        # that replacing the file does not replace a link to it
        return FeedTarget(uri, format_, path=path.expanduser().resolve())
    except (OSError, RuntimeError):  # a link to itself, a home that is nobody's
        raise InputError(f"{setting}: {uri!r} leads nowhere: {ACCEPTED}.") from None


def _s3_target(uri: str, format_: Format, shown: str, setting: str) -> FeedTarget:
    bucket, _, key = uri[len("s3://") :].partition("/")
    if "@" in bucket or ":" in bucket:
        raise InputError(f"{setting}: keys do not belong into {shown!r}: set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY.")
    if not _BUCKET.fullmatch(bucket) or any(part in ("", ".", "..") for part in key.split("/")):
        raise InputError(f"{setting}: {shown!r} is no s3://bucket/key: {ACCEPTED}.")
    return FeedTarget(f"s3://{bucket}/{key}", format_, bucket=bucket, key=key)


def _masked(uri: str) -> str:
    return re.sub(r"//\S*@", "//***@", uri)


def _place(target: FeedTarget) -> tuple[object, ...]:
    return (target.path, target.bucket, target.key)


def _need(module: str, what: str, target: FeedTarget, setting: str) -> None:
    try:
        import_module(module)
    except ImportError:
        raise InputError(f"{setting}: {what} ({target.uri}) needs {module}: pip install {module}.") from None


def _check_file(path: Path, uri: str, setting: str) -> None:
    try:
        if path.is_dir():
            raise InputError(f"{setting}: {uri} is a directory: name a file in it.")
        if path.exists() and not path.is_file():
            raise InputError(f"{setting}: {uri} is no regular file: a feed is written beside its target and moved.")
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:
        raise InputError(f"{setting}: {uri} can't be used as a file: {error.strerror}.") from None
    _check_folder(path.parent, uri, setting)


def _check_folder(folder: Path, uri: str, setting: str) -> None:
    nearest = next(
        ancestor for ancestor in (folder, *folder.parents) if ancestor.exists() or ancestor == ancestor.parent
    )
    if not nearest.is_dir():
        raise InputError(f"{setting}: {uri} can't be written: {nearest} is not a directory.")
    try:
        with tempfile.TemporaryFile(dir=nearest):  # permissions alone don't tell a read-only or a full disk
            pass
    except OSError as error:
        raise InputError(f"{setting}: {uri} can't be written: {nearest}: {error.strerror}.") from None
