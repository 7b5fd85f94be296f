"""What a crawl works with: made of the settings, checked before the first request.

`Config.load` raises `toplist.errors.InputError` with one sentence that names the setting and says what is accepted.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import gettempdir
from urllib.parse import urlsplit

from pydantic import SecretStr
from scrapy.utils.conf import closest_scrapy_cfg

from toplist.api.credentials import Credentials
from toplist.api.tokens import Tokens
from toplist.errors import InputError
from toplist.items import Source
from toplist.language import Language, locale_language
from toplist.product_settings import ProductSettings, environment_notes, is_loopback, setting_name
from toplist.product_settings import Settings as Settings
from toplist.ranktypes import Protocol
from toplist.tokenfile import TokenFile

logger = logging.getLogger(__name__)


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
    rejected_uri: str | None  # None: beside the feed
    dropped_out_uri: str | None
    report_uri: str | None  # None: beside the feed; empty: none
    spool: Path

    @classmethod
    def load(cls, settings: Settings, *, sandbox: bool) -> Places:
        """Read and check. Raises InputError."""
        return cls.of(ProductSettings.read(settings), sandbox=sandbox)

    @classmethod
    def of(cls, given: ProductSettings, *, sandbox: bool) -> Places:
        """Fill in the defaults, which lie in the project's folder. Raises InputError outside a project."""
        return cls(
            database_url=given.database_url or _default_database(sandbox),
            feed_uri=given.feed_uri or _default_feed(sandbox),
            rejected_uri=given.rejected_uri,
            dropped_out_uri=given.dropped_out_uri,
            report_uri=given.report_uri,
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
    watch: Path | None = None
    notify_urls: tuple[str, ...] = field(default=(), repr=False)
    monitors_fail: tuple[str, ...] = ()
    language: Language = Language.ENGLISH

    @property
    def source(self) -> Source:
        """Where the rows of a crawl come from."""
        return Source.SANDBOX if self.sandbox else Source.GATEWAY

    @classmethod
    def load(cls, settings: Settings, *, sandbox: bool) -> Config:
        """Read and check everything. Raises InputError."""
        given = ProductSettings.read(settings)
        for note in environment_notes():
            logger.warning("Check the environment: %s", note)
        environment = Tokens() if sandbox else Tokens(_secret(given.access_token), _secret(given.refresh_token))
        token_file = None if sandbox else _token_file(given.token_file, environment)
        tokens = (token_file and token_file.read()) or environment
        credentials = None if sandbox else _credentials(given, tokens)
        gateway_url = None if sandbox else given.gateway_url
        return cls(
            sandbox=sandbox,
            credentials=credentials,
            tokens=tokens,
            token_file=token_file,
            protocol=given.protocol or (credentials.protocol if credentials else Protocol.BASE64),
            gateway_url=gateway_url,
            limits=_limits(given, lifted=gateway_url is None or is_loopback(urlsplit(gateway_url).hostname)),
            timeout=given.download_timeout,
            retry_times=given.retry_times,
            places=Places.of(given, sandbox=sandbox),
            categories=given.categories,
            rank_types=given.rank_types,
            count_covers=sale_count_covers(given, sandbox=sandbox),
            retention_days=given.retention_days,
            watch=Path(given.watch).expanduser() if given.watch else None,
            notify_urls=tuple((_secret(given.notify_urls) or "").split()),
            monitors_fail=tuple((given.monitors_fail or "").split()),
            category_cache_days=given.category_cache_days,
            language=given.language or locale_language(),
        )


def sale_count_covers(given: ProductSettings, *, sandbox: bool) -> str:
    """What a `base64` sale count covers. Of the sandbox it is known: a running total."""
    return "total" if sandbox and given.sale_count_covers == "auto" else given.sale_count_covers


def project_dir() -> Path | None:
    """The folder of scrapy.cfg, or None outside a project (an egg on Scrapyd)."""
    found = closest_scrapy_cfg()
    return Path(found).resolve().parent if found else None


def _limits(given: ProductSettings, *, lifted: bool) -> Limits:
    """Raises InputError for a limit of 0, unless limits may be lifted."""
    for name, unit in (("qps", "requests per second"), ("download_delay", "seconds")):
        if getattr(given, name) == 0 and not lifted:
            raise InputError(
                f"{setting_name(name)}=0 lifts a limit, which is accepted for a gateway on this computer only: give"
                f" {unit}."
            )
    return Limits(qps=given.qps, category_interval=given.download_delay, pause=given.pause_403)


def _secret(value: SecretStr | None) -> str | None:
    return value.get_secret_value() if value else None


def _token_file(path: str | None, given: Tokens) -> TokenFile | None:
    """The file may hold newer tokens than the environment, which does not learn of a refresh."""
    if path is None:
        return None
    file = TokenFile.of((project_dir() or Path()) / Path(path).expanduser(), given)
    file.check()
    return file


def _credentials(given: ProductSettings, tokens: Tokens) -> Credentials:
    key, secret = _secret(given.app_key), _secret(given.app_secret)
    if not key and not secret:
        raise InputError(
            "No credentials: set TOPLIST_APP_KEY and TOPLIST_APP_SECRET in the environment to ask 1688.com,"
            " or run with -a gateway=sandbox, which needs none."
        )
    if not key or not secret:
        missing = "TOPLIST_APP_SECRET" if key else "TOPLIST_APP_KEY"
        raise InputError(f"{missing} is not set: a crawl of 1688.com needs both the app key and the app secret.")
    if given.protocol is Protocol.OPENPLATFORM and not (tokens.access_token or tokens.refresh_token):
        raise InputError(
            "TOPLIST_ACCESS_TOKEN is not set: the openplatform protocol needs it or TOPLIST_REFRESH_TOKEN; set one,"
            " or set TOPLIST_PROTOCOL=base64."
        )
    return Credentials(key, secret, tokens.access_token, tokens.refresh_token)


def _default_path(sandbox: bool) -> str | None:
    """A file of the project's `exports/`; a sandbox crawl has files of its own."""
    root = project_dir()
    name = "sandbox" if sandbox else "toplist"
    return str(root / "exports" / f"{name}-%(snapshot_date)s.jsonl") if root else None


def _default_database(sandbox: bool) -> str:
    root = project_dir()
    if root is None:
        raise InputError(
            "TOPLIST_DATABASE_URL is not set: outside a project directory it must be, for example"
            " postgresql+psycopg://user@host/toplist."
        )
    return f"sqlite:///{root / '.scrapy' / ('sandbox.db' if sandbox else 'toplist.db')}"


def _default_feed(sandbox: bool) -> list[str]:
    default = _default_path(sandbox)
    if default is None:
        raise InputError(
            "TOPLIST_FEED_URI is not set: outside a project directory it must be, for example"
            " s3://bucket/toplist/%(snapshot_date)s.jsonl."
        )
    return [default]  # one place, also where the project's path has a space in it
