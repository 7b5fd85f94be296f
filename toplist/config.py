"""What is set: every `TOPLIST_` setting and the few of Scrapy's that hold the limits, checked before the first request.

`Config.load` raises `toplist.errors.InputError` with one sentence that names the setting and says what is accepted.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from tempfile import gettempdir
from typing import Any
from typing import Protocol as Interface
from urllib.parse import urlsplit

from scrapy.utils.conf import closest_scrapy_cfg
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from toplist.api.credentials import Credentials
from toplist.api.tokens import Tokens
from toplist.errors import InputError
from toplist.ranktypes import Protocol
from toplist.tokenfile import TokenFile
from toplist.trends.coverage import AUTO, Coverage
from toplist.trends.observation import HISTORY_DAYS

SECRETS = ("TOPLIST_APP_KEY", "TOPLIST_APP_SECRET", "TOPLIST_ACCESS_TOKEN", "TOPLIST_REFRESH_TOKEN")


class Settings(Interface):
    """What is needed of Scrapy's settings: `get`."""

    def get(self, name: Any, default: Any = None) -> Any: ...


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits that hold for every request. 0 lifts one, for a loopback gateway only."""

    qps: float
    category_interval: float
    pause: float


@dataclass(frozen=True, slots=True)
class Places:
    """Where the history is and where feeds go: all that is needed of the settings to write a feed again."""

    database_url: str
    feed_uri: str | list[str]
    rejected_uri: str | None
    dropped_out_uri: str | None
    spool: Path

    def side_uris(self) -> dict[str, str | None]:
        """Settings of the files beside the feed, and where each goes."""
        return {"TOPLIST_REJECTED_URI": self.rejected_uri, "TOPLIST_DROPPED_OUT_URI": self.dropped_out_uri}

    @classmethod
    def load(cls, settings: Settings, *, sandbox: bool) -> Places:
        """Read and check. Raises InputError."""
        return cls(
            database_url=_database_url(settings, sandbox),
            feed_uri=_feed_uri(settings, sandbox),
            rejected_uri=_text(settings, "TOPLIST_REJECTED_URI") or _default_path(sandbox, "-rejected"),
            dropped_out_uri=_text(settings, "TOPLIST_DROPPED_OUT_URI") or _default_path(sandbox, "-dropped-out"),
            spool=(project_dir() or Path(gettempdir())) / ".scrapy" / "spool",
        )


@dataclass(frozen=True, slots=True)
class Config:
    """All that is set. `credentials` and `gateway_url` are None for the sandbox, which brings its own."""

    sandbox: bool
    credentials: Credentials | None
    tokens: Tokens
    token_file: TokenFile | None
    protocol: Protocol
    gateway_url: str | None
    limits: Limits
    timeout: float
    retry_times: int
    places: Places
    categories: str | None
    rank_types: str | None
    category_cache_days: float
    count_covers: str
    retention_days: int | None

    @classmethod
    def load(cls, settings: Settings, *, sandbox: bool, environ: Mapping[str, str] = os.environ) -> Config:
        """Read and check everything. Raises InputError."""
        protocol = _protocol(settings)
        *_, access, refresh = _secrets(settings, environ)
        given = Tokens() if sandbox else Tokens(access, refresh)
        token_file = None if sandbox else _token_file(settings, given)
        tokens = (token_file and token_file.read()) or given
        credentials = None if sandbox else _credentials(settings, environ, protocol, tokens)
        gateway_url = None if sandbox else _gateway_url(_text(settings, "TOPLIST_GATEWAY_URL") or "")
        lifted = gateway_url is None or is_loopback(urlsplit(gateway_url).hostname)
        return cls(
            sandbox=sandbox,
            credentials=credentials,
            tokens=tokens,
            token_file=token_file,
            protocol=protocol or (credentials.protocol if credentials else Protocol.BASE64),
            gateway_url=gateway_url,
            limits=Limits(
                qps=_limit(settings, "TOPLIST_QPS", lifted, "requests per second"),
                category_interval=_limit(settings, "DOWNLOAD_DELAY", lifted, "seconds"),
                pause=_number(settings, "TOPLIST_PAUSE_403", "seconds of 0 and more", lambda n: n >= 0),
            ),
            timeout=_number(settings, "DOWNLOAD_TIMEOUT", "seconds above 0", lambda n: n > 0),
            retry_times=int(_number(settings, "RETRY_TIMES", "a whole number of 0 and more", _is_count)),
            places=Places.load(settings, sandbox=sandbox),
            categories=_text(settings, "TOPLIST_CATEGORIES"),
            rank_types=_text(settings, "TOPLIST_RANK_TYPES"),
            count_covers=count_covers(settings, sandbox),
            retention_days=_retention_days(settings),
            category_cache_days=category_cache_days(settings),
        )


def _retention_days(settings: Settings) -> int | None:
    if _text(settings, "TOPLIST_RETENTION_DAYS") is None:
        return None
    accepted = f"whole days of {HISTORY_DAYS + 1} and more (the trends look back {HISTORY_DAYS})"
    return int(_number(settings, "TOPLIST_RETENTION_DAYS", accepted, lambda n: _is_count(n) and n > HISTORY_DAYS))


def count_covers(settings: Settings, sandbox: bool) -> str:
    """What a `base64` sale count covers: the specification does not say; of the sandbox it is known."""
    text = _text(settings, "TOPLIST_SALE_COUNT_COVERS") or ("total" if sandbox else AUTO)
    try:
        return text if text == AUTO else str(Coverage.parse(text))
    except InputError:
        raise InputError(
            f"TOPLIST_SALE_COUNT_COVERS={text!r} is not accepted: it takes auto (found out from the history), unknown,"
            " total (a running total) or window:30 (units of the last 30 days)."
        ) from None


def category_cache_days(settings: Settings) -> float:
    """How many days a category tree is good for. Raises InputError."""
    return _number(settings, "TOPLIST_CATEGORY_CACHE_DAYS", "days of 0 and more", lambda n: n >= 0, 7)


def project_dir() -> Path | None:
    """The folder of scrapy.cfg, or None outside a project (an egg on Scrapyd)."""
    found = closest_scrapy_cfg()
    return Path(found).resolve().parent if found else None


def is_loopback(host: str | None) -> bool:
    """Whether a URL's host is this very computer."""
    if host == "localhost":
        return True
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return False


def _text(settings: Settings, name: str) -> str | None:
    value = settings.get(name)
    text = ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value or "").strip()
    return text or None


def _number(
    settings: Settings, name: str, accepted: str, accepts: Callable[[float], bool], default: float | None = None
) -> float:
    raw = settings.get(name, default)
    try:
        number = float(raw)
    except (TypeError, ValueError):
        number = float("nan")
    if not (number < float("inf") and accepts(number)):
        raise InputError(f"{name}={raw!r} is not accepted: it takes {accepted}.")
    return number


def _is_count(number: float) -> bool:
    return number >= 0 and number == int(number)


def _limit(settings: Settings, name: str, lifted: bool, unit: str) -> float:
    number = _number(settings, name, f"{unit} above 0, or 0 for a gateway on this computer", lambda n: n >= 0)
    if number == 0 and not lifted:
        raise InputError(f"{name}=0 lifts a limit, which is accepted for a gateway on this computer only: give {unit}.")
    return number


def _protocol(settings: Settings) -> Protocol | None:
    named = _text(settings, "TOPLIST_PROTOCOL")
    if named is None:
        return None
    try:
        return Protocol(named)
    except ValueError:
        raise InputError(f"TOPLIST_PROTOCOL={named!r} is unknown: it takes {' or '.join(Protocol)}.") from None


def _secrets(settings: Settings, environ: Mapping[str, str]) -> list[str | None]:
    return [str(settings.get(name) or environ.get(name) or "").strip() or None for name in SECRETS]


def _token_file(settings: Settings, given: Tokens) -> TokenFile | None:
    """The file may hold newer tokens than the environment, which does not learn of a refresh."""
    path = _text(settings, "TOPLIST_TOKEN_FILE")
    if path is None:
        return None
    file = TokenFile.of((project_dir() or Path()) / Path(path).expanduser(), given)
    file.check()
    return file


def _credentials(
    settings: Settings, environ: Mapping[str, str], protocol: Protocol | None, tokens: Tokens
) -> Credentials:
    key, secret, *_ = _secrets(settings, environ)
    if not key and not secret:
        raise InputError(
            "No credentials: set TOPLIST_APP_KEY and TOPLIST_APP_SECRET in the environment to ask 1688.com,"
            " or run with -a gateway=sandbox, which needs none."
        )
    if not key or not secret:
        missing = "TOPLIST_APP_SECRET" if key else "TOPLIST_APP_KEY"
        raise InputError(f"{missing} is not set: a crawl of 1688.com needs both the app key and the app secret.")
    if protocol is Protocol.OPENPLATFORM and not (tokens.access_token or tokens.refresh_token):
        raise InputError(
            "TOPLIST_ACCESS_TOKEN is not set: the openplatform protocol needs it or TOPLIST_REFRESH_TOKEN; set one,"
            " or set TOPLIST_PROTOCOL=base64."
        )
    return Credentials(key, secret, tokens.access_token, tokens.refresh_token)


def _gateway_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        valid = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname))
        valid = valid and bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        valid = False
    if not valid or parts.query or parts.fragment:
        shown = re.sub(r"//[^/]*@", "//***@", url)
        raise InputError(
            f"TOPLIST_GATEWAY_URL={shown!r} is not accepted: it takes an https:// URL, or http:// for this computer"
            " (localhost, 127.0.0.1)."
        )
    return url.rstrip("/")


def _default_path(sandbox: bool, kind: str = "") -> str | None:
    """A file of the project's `exports/`; a sandbox crawl has files of its own."""
    root = project_dir()
    name = ("sandbox" if sandbox else "toplist") + kind
    return str(root / "exports" / f"{name}-%(snapshot_date)s.jsonl") if root else None


def _database_url(settings: Settings, sandbox: bool) -> str:
    url = _text(settings, "TOPLIST_DATABASE_URL")
    if url is None:
        root = project_dir()
        if root is None:
            raise InputError(
                "TOPLIST_DATABASE_URL is not set: outside a project directory it must be, for example"
                " postgresql+psycopg://user@host/toplist."
            )
        return f"sqlite:///{root / '.scrapy' / ('sandbox.db' if sandbox else 'toplist.db')}"
    try:
        parsed = make_url(url)
        parsed.get_dialect()
    except (ArgumentError, ImportError, ValueError):
        raise InputError(
            "TOPLIST_DATABASE_URL is not a database URL: it takes sqlite:///path/to/file.db or"
            " postgresql+psycopg://user:password@host/name."
        ) from None
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    return parsed.render_as_string(hide_password=False)


def _feed_uri(settings: Settings, sandbox: bool) -> str | list[str]:
    given = _text(settings, "TOPLIST_FEED_URI")
    if given is not None:
        return given
    default = _default_path(sandbox)
    if default is None:
        raise InputError(
            "TOPLIST_FEED_URI is not set: outside a project directory it must be, for example"
            " s3://bucket/toplist/%(snapshot_date)s.jsonl."
        )
    return [default]  # one place, also where the project's path has a space in it
