"""Where files go: `TOPLIST_FEED_URI` and the settings of the files beside the feed, with the date filled in.

`parse_targets`, `parse_target` and `beside` are pure; `check_targets` tries what can be tried before the first request.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from importlib import import_module
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from toplist.errors import InputError
from toplist.feeds.formats import Format
from toplist.files import check_replaceable

ACCEPTED = (
    "it takes paths, file:// and s3://bucket/key, several separated by spaces, each ending in"
    f" {', '.join(f'.{format_}' for format_ in Format)}, with %(snapshot_date)s where the date goes"
)

_WORDS = re.compile(r'"([^"]*)"|\'([^\']*)\'|(\S+)')
_DATE = "%(snapshot_date)s"
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")  # two letters and more: C:\ is a path
_BUCKET = re.compile(r"[A-Za-z0-9._-]{1,255}")


@dataclass(frozen=True, slots=True)
class Target:
    """One place: a file (`path`), or an object of S3 (`bucket` and `key`). `uri` is for people."""

    uri: str
    path: Path | None = None
    bucket: str = ""
    key: str = ""

    @property
    def name(self) -> str:
        """The file's name without its directories."""
        return self.path.name if self.path is not None else self.key.rpartition("/")[2]

    @property
    def format(self) -> Format | None:
        """The feed's format; None for a file that is no feed."""
        return Format.of(self.name)


def parse_targets(uris: str | Sequence[str], snapshot_date: date, *, setting: str = "TOPLIST_FEED_URI") -> list[Target]:
    """What the setting names, with the date filled in. A path with spaces stands in quotes, or in a list of its own.

    Raises InputError: one sentence that names the setting and says what is accepted.
    """
    words = _split(uris) if isinstance(uris, str) else [str(uri) for uri in uris]
    if not words:
        raise InputError(f"{setting} is empty: {ACCEPTED}.")
    targets: list[Target] = []
    for word in words:
        target = _parse(word, snapshot_date, setting, lambda uri: Format.of(uri) is not None, ACCEPTED)
        if any((target.path, target.bucket, target.key) == (each.path, each.bucket, each.key) for each in targets):
            raise InputError(f"{setting} names {target.uri} twice: each feed needs a place of its own.")
        targets.append(target)
    return targets


def parse_target(uri: str, snapshot_date: date, *, setting: str, suffix: str) -> Target:
    """One file that is no feed, such as the page: its name ends in `suffix` (with its dot). Raises InputError."""
    accepted = f"it takes a path, file:// or s3://bucket/key that ends in {suffix}, with {_DATE} where the date goes"
    return _parse(uri, snapshot_date, setting, lambda uri: uri.lower().endswith(suffix), accepted)


def beside(target: Target, kind: str, suffix: str, snapshot_date: date) -> Target:
    """The place next to a feed: for the kind `-rejected` and the suffix `.jsonl`, `toplist-2026-11-24.csv` gives
    `toplist-rejected-2026-11-24.jsonl`.
    """
    stem = target.name[: -len(f".{target.format}")] if target.format else target.name.rpartition(".")[0]
    day = f"-{snapshot_date}"
    name = f"{stem.removesuffix(day)}{kind}{day if stem.endswith(day) else ''}{suffix}"
    if target.path is not None:
        path = target.path.with_name(name)
        return Target(str(path), path)
    key = target.key.removesuffix(target.name) + name
    return Target(f"s3://{target.bucket}/{key}", bucket=target.bucket, key=key)


def undated(targets: Sequence[Target], snapshot_date: date) -> list[str]:
    """The places without the date in their address: the next day's file replaces this one."""
    dates = (str(snapshot_date), f"{snapshot_date:%Y%m%d}")
    return [target.uri for target in targets if not any(each in target.uri for each in dates)]


def check_targets(targets: Sequence[Target], *, spool: Path | None = None, setting: str = "TOPLIST_FEED_URI") -> None:
    """Try, before the first request, what would fail after the last one. Leaves nothing behind.

    `spool` is the folder where a file for S3 is written before it is uploaded. Raises InputError.
    """
    for target in targets:
        if target.format is Format.PARQUET:
            _need("pyarrow", "a .parquet feed", target, setting)
        if target.path is not None:
            _check_path(target.path, target.uri, setting)
        else:
            _need("boto3", "a file on s3://", target, setting)
            if spool is not None:
                _check_path(spool / "any", target.uri, setting)


def _split(text: str) -> list[str]:
    return ["".join(groups) for groups in _WORDS.findall(text) if any(groups)]


def _parse(word: str, snapshot_date: date, setting: str, accepts: Callable[[str], bool], accepted: str) -> Target:
    uri, shown = word.replace(_DATE, snapshot_date.isoformat()), re.sub(r"//\S*@", "//***@", word)
    if "%(" in uri:
        raise InputError(f"{setting}: {shown!r} has a placeholder that is unknown: {accepted}.")
    if not accepts(uri) or "\0" in uri:
        raise InputError(f"{setting}: {shown!r} is not accepted: {accepted}.")
    if uri.lower().startswith("s3://"):
        return _s3_target(uri, shown, setting, accepted)
    if uri.lower().startswith("file:"):
        parts = urlsplit(uri)
        if parts.netloc not in ("", "localhost") or not parts.path.startswith("/") or parts.query or parts.fragment:
            raise InputError(f"{setting}: {shown!r} is no file:///absolute/path: {accepted}.")
        return _file_target(Path(url2pathname(parts.path)), uri, setting, accepted)
    if _SCHEME.match(uri):
        raise InputError(f"{setting}: {shown!r} is not accepted: {accepted}.")
    return _file_target(Path(uri), uri, setting, accepted)


def _file_target(path: Path, uri: str, setting: str, accepted: str) -> Target:
    try:
        # absolute now, so that a later change of the working directory does not move the feed; links are followed, so
        # that replacing the file does not replace a link to it
        return Target(uri, path.expanduser().resolve())
    except (OSError, RuntimeError, ValueError):  # a link to itself, a home that is nobody's, %00
        raise InputError(f"{setting}: {uri!r} cannot be resolved to a path: {accepted}.") from None


def _s3_target(uri: str, shown: str, setting: str, accepted: str) -> Target:
    bucket, _, key = uri[len("s3://") :].partition("/")
    if "@" in bucket or ":" in bucket:
        raise InputError(
            f"{setting}: {shown!r} must not hold keys: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY instead."
        )
    if not _BUCKET.fullmatch(bucket) or any(part in ("", ".", "..") for part in key.split("/")):
        raise InputError(f"{setting}: {shown!r} is no s3://bucket/key: {accepted}.")
    return Target(f"s3://{bucket}/{key}", bucket=bucket, key=key)


def _need(module: str, what: str, target: Target, setting: str) -> None:
    try:
        import_module(module)
    except ImportError:
        raise InputError(f"{setting}: {what} ({target.uri}) needs {module}: pip install {module}.") from None


def _check_path(path: Path, uri: str, setting: str) -> None:
    try:
        check_replaceable(path)
    except OSError as error:
        raise InputError(f"{setting}: {uri} can't be written: {error.filename}: {error.strerror}.") from None
