"""The product's settings: one model reads Scrapy's settings and the environment.

A bad value raises `toplist.errors.InputError`: one sentence that names the setting and says what is accepted.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Annotated, Any, Self
from typing import Protocol as Interface
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    NonNegativeInt,
    PositiveFloat,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict
from scrapy.settings import SETTINGS_PRIORITIES
from scrapy.settings import BaseSettings as ScrapySettings
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from toplist.errors import InputError
from toplist.language import Language
from toplist.ranktypes import Protocol
from toplist.trends.coverage import Coverage
from toplist.trends.observation import HISTORY_DAYS

PREFIX = "TOPLIST_"
#: Scrapy's own settings keep their names there. In the environment they have the prefix.
SCRAPY_SETTINGS = ("DOWNLOAD_DELAY", "DOWNLOAD_TIMEOUT", "RETRY_TIMES")
RENAMED = {
    "TOPLIST_TREE_DAYS": "TOPLIST_CATEGORY_CACHE_DAYS",
    "TOPLIST_KEEP_DAYS": "TOPLIST_RETENTION_DAYS",
    "TOPLIST_SET_ASIDE_URI": "TOPLIST_REJECTED_URI",
}


class Settings(Interface):
    """What is needed of Scrapy's settings: `get`."""

    def get(self, name: Any, default: Any = None) -> Any: ...


def is_loopback(host: str | None) -> bool:
    """Whether a URL's host is this very computer."""
    if host == "localhost":
        return True
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return False


def _whole(value: Any) -> Any:
    """Scrapy reads a number such as `RETRY_TIMES` with `int`, which does not take "2.0"."""
    if isinstance(value, str) and not value.isdecimal():
        raise ValueError
    return value


def _gateway_url(url: str) -> str:
    parts = urlsplit(url)
    valid = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname))
    if not (valid and parts.hostname and parts.port != 0 and "@" not in parts.netloc):
        raise ValueError
    if parts.query or parts.fragment:
        raise ValueError
    return url.rstrip("/")


def _database_url(url: str) -> str:
    """Which databases are supported is decided where one is opened."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ValueError from None
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    return parsed.render_as_string(hide_password=False)


def _coverage(text: str) -> str:
    if text == "auto":
        return text
    try:
        return str(Coverage.parse(text))
    except InputError:
        raise ValueError from None


_Number = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_DAYS = f"whole days of {HISTORY_DAYS + 1} and more (the trends look back {HISTORY_DAYS})"


class ProductSettings(BaseSettings):
    """Every setting of the product: the field `qps` is the setting `TOPLIST_QPS`.

    A value of Scrapy's settings (`-s`, Scrapyd's `setting=`, a spider's `custom_settings`) goes before one of the
    environment, and that goes before the default. An empty value means the default. A field's `description` is what
    the refusal of a bad value says is accepted.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", hide_input_in_errors=True)

    app_key: SecretStr | None = Field(None, description="the app's key")
    app_secret: SecretStr | None = Field(None, description="the app's secret")
    access_token: SecretStr | None = Field(None, description="the merchant's access token")
    refresh_token: SecretStr | None = Field(None, description="the merchant's refresh token")
    token_file: str | None = Field(None, description="a path; the file keeps what a refresh brings, mode 0600")
    protocol: Protocol | None = Field(None, description=" or ".join(Protocol))
    gateway_url: Annotated[str, AfterValidator(_gateway_url)] = Field(
        "https://gw.open.1688.com/openapi",
        description="an https:// URL, or http:// for this computer (localhost, 127.0.0.1)",
    )
    categories: str | None = Field(None, description="category ids, comma separated, or all")
    rank_types: str | None = Field(None, description="rank types, comma separated")
    qps: _Number = Field(2, description="requests per second above 0, or 0 for a gateway on this computer")
    pause_403: _Number = Field(300, description="seconds of 0 and more")
    database_url: Annotated[str, AfterValidator(_database_url)] | None = Field(
        None, description="sqlite:///path/to/file.db or postgresql+psycopg://user:password@host/name"
    )
    feed_uri: str | None = Field(None, description="paths and s3://bucket/key, separated by spaces")
    rejected_uri: str | None = Field(None, description="a path")
    dropped_out_uri: str | None = Field(None, description="a path")
    report_uri: str | None = Field(None, description="a path, or nothing for no page")
    watch: str | None = Field(None, description="the path of a TOML file")
    notify_urls: SecretStr | None = Field(None, description="addresses of apprise, separated by spaces")
    monitors_fail: str | None = Field(None, description="names of monitors, separated by spaces")
    language: Language | None = Field(None, description=" or ".join(Language))
    sale_count_covers: Annotated[str, AfterValidator(_coverage)] = Field(
        "auto",
        description="auto, unknown, total (a running total) or window:30 (units of the last 30 days)",
    )
    category_cache_days: _Number = Field(7, description="days of 0 and more")
    retention_days: Annotated[int, BeforeValidator(_whole), Field(gt=HISTORY_DAYS)] | None = Field(
        None, description=_DAYS
    )
    download_delay: _Number = Field(1.5, description="seconds above 0, or 0 for a gateway on this computer")
    download_timeout: Annotated[PositiveFloat, Field(allow_inf_nan=False)] = Field(15, description="seconds above 0")
    retry_times: Annotated[NonNegativeInt, BeforeValidator(_whole)] = Field(
        2, description="a whole number of 0 and more"
    )

    @model_validator(mode="before")
    @classmethod
    def _without_empty(cls, values: dict[str, Any]) -> dict[str, Any]:
        """An empty value means the default, but for the page: there it means that none is written."""
        kept = {name: _text(value) for name, value in values.items() if value is not None}
        return {name: value for name, value in kept.items() if value != "" or name == "report_uri"}

    @classmethod
    def read(cls, settings: Settings) -> Self:
        """From Scrapy's settings and the environment. Raises InputError."""
        _refuse_renamed(settings)
        given = {field: _given(settings, setting_name(field)) for field in cls.model_fields}
        try:
            return cls(**{name: value for name, value in given.items() if value is not None})
        except ValidationError as error:
            first = error.errors()[0]
            raise InputError(_sentence(str(first["loc"][0]), first["input"])) from None


def _given(settings: Settings, name: str) -> Any:
    """What was set; not what Scrapy has by default for a setting of its own."""
    is_default = isinstance(settings, ScrapySettings) and settings.getpriority(name) == SETTINGS_PRIORITIES["default"]
    return None if is_default else settings.get(name)


def setting_name(field: str) -> str:
    """The name of a field's setting, as Scrapy's settings have it."""
    return field.upper() if field.upper() in SCRAPY_SETTINGS else PREFIX + field.upper()


def _text(value: Any) -> str:
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value).strip()


def _sentence(field: str, value: Any) -> str:
    name, accepted = setting_name(field), ProductSettings.model_fields[field].description
    if os.environ.get(PREFIX + field.upper()) == value:
        name = PREFIX + field.upper()  # of Scrapy's own settings, too, the name that the user wrote
    if field == "database_url":  # it may hold a password
        return f"{name} is not a database URL: it takes {accepted}."
    shown = re.sub(r"//[^/]*@", "//***@", repr(value))
    return f"{name}={shown} is not accepted: it takes {accepted}."


def _refuse_renamed(settings: Settings) -> None:
    """Raises InputError for a setting of an earlier release."""
    for old, new in RENAMED.items():
        if settings.get(old) is not None or old in os.environ:
            raise InputError(f"{old} is not accepted: the setting is now called {new}.")


def environment_notes(environ: Mapping[str, str] = os.environ) -> list[str]:
    """A sentence for each variable that looks like a setting and is none."""
    known = {PREFIX + field.upper() for field in ProductSettings.model_fields}
    notes = [f"{name} in the environment is not read: {PREFIX}{name} is" for name in SCRAPY_SETTINGS if name in environ]
    unknown = (name for name in sorted(environ) if name.startswith(PREFIX) and name not in known)
    return notes + [f"{name} in the environment is not a setting of toplist" for name in unknown]
