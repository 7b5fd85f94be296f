"""Where the pages go: `TOPLIST_REPORT_URI`, a path (written beside, then moved over) or s3://bucket/key."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from toplist.errors import InputError
from toplist.feeds.s3 import S3Options, S3Store
from toplist.files import replacing

SETTING = "TOPLIST_REPORT_URI"
ACCEPTED = "it takes a path, file:// or s3://bucket/key that ends in .html, with %(snapshot_date)s where the date goes"
CONTENT_TYPE = "text/html; charset=utf-8"
_DATE = "%(snapshot_date)s"
_FEED_SUFFIX = re.compile(r"(\.(jsonl\.gz|jsonl|csv|parquet))?$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PageTarget:
    """One file (`path`), or an object of S3 (`bucket` and `key`). `uri` is for people."""

    uri: str
    path: Path | None = None
    bucket: str = ""
    key: str = ""


def beside_feed(feed_uri: str) -> str:
    """The page's address where none is set: the feed's, ending in .html."""
    return _FEED_SUFFIX.sub(".html", feed_uri, count=1)


def parse_target(uri: str, snapshot_date: date) -> PageTarget:
    """What the setting names, with the date filled in. Raises InputError: one sentence that names the setting."""
    filled = uri.replace(_DATE, snapshot_date.isoformat())
    shown = re.sub(r"//\S*@", "//***@", uri)
    if "%(" in filled or "\0" in filled or not filled.lower().endswith((".html", ".htm")):
        raise InputError(f"{SETTING}={shown!r} is not accepted: {ACCEPTED}.")
    if filled.lower().startswith("s3://"):
        bucket, _, key = filled[len("s3://") :].partition("/")
        if not re.fullmatch(r"[A-Za-z0-9._-]{1,255}", bucket) or any(
            part in ("", ".", "..") for part in key.split("/")
        ):
            raise InputError(f"{SETTING}={shown!r} is no s3://bucket/key: {ACCEPTED}.")
        return PageTarget(filled, bucket=bucket, key=key)
    if filled.lower().startswith("file:"):
        parts = urlsplit(filled)
        if parts.netloc not in ("", "localhost") or not parts.path.startswith("/"):
            raise InputError(f"{SETTING}={shown!r} is no file:///absolute/path: {ACCEPTED}.")
        filled = unquote(parts.path)
    elif re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", filled):
        raise InputError(f"{SETTING}={shown!r} is not accepted: {ACCEPTED}.")
    path = Path(filled).expanduser().resolve()
    return PageTarget(str(path), path=path)


def page_writer(snapshot_date: date, s3: S3Options | None) -> Callable[[str, str], None]:
    """What writes a page to its address. Blocking. Raises OSError or S3Error.

    A reader of the old page never sees half of the new one.
    """
    store = cache(lambda: S3Store(s3))

    def write(uri: str, text: str) -> None:
        target = parse_target(uri, snapshot_date)
        if target.path is not None:
            with replacing(target.path) as part:
                part.write_text(text, encoding="utf-8", errors="replace")
        else:
            _upload(store(), target, text)

    return write


def _upload(store: S3Store, target: PageTarget, text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "page.html"
        path.write_text(text, encoding="utf-8", errors="replace")
        store.upload(target, path, CONTENT_TYPE)
