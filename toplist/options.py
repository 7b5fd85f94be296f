"""Spider arguments: typed, and checked before the first request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from textwrap import fill
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from toplist.api.calls import OPENPLATFORM_LIMIT
from toplist.config import Config
from toplist.dates import business_date
from toplist.errors import InputError
from toplist.ranktypes import RANK_TYPES, Protocol, rank_types_of

ALL = "all"
_INDENT = " " * 17


def _listed(value: Any) -> list[str]:
    """Names or ids, comma separated, each once and in their order."""
    return list(dict.fromkeys(part.strip() for part in str(value).split(",") if part.strip()))


class Arguments(BaseModel):
    """What `scrapy crawl toplist -a …` takes.

    A field's `title` says what it is for, its `description` what the refusal of a bad value says is accepted.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    categories: tuple[str, ...] | None = Field(
        None, description="category ids, comma separated, or all", title="whose lists (default: TOPLIST_CATEGORIES)"
    )
    level: Literal[1, 2, 3] | None = Field(
        None,
        description="1, 2 or 3",
        title="of the categories at this level (default: the given ones themselves)",
    )
    rank_types: tuple[str, ...] | None = Field(
        None,
        description=f"some of {', '.join(RANK_TYPES)}, comma separated",
        title="which rankings (default: TOPLIST_RANK_TYPES, else all of the protocol)",
    )
    pages: int | None = Field(
        None, ge=1, description="a whole number of 1 and more", title="the most pages of a list (default: all)"
    )
    page_size: int = Field(20, ge=1, le=50, description="a whole number from 1 to 50", title="rows of a page")
    snapshot_date: date | None = Field(
        None, description="a date such as 2026-11-24", title="the day in Asia/Shanghai (default: today)"
    )
    gateway: Literal["sandbox"] | None = Field(
        None, description="sandbox; without it, TOPLIST_GATEWAY_URL is asked", title="the gateway to ask"
    )
    refresh: bool = Field(False, description="0 or 1", title="1: ask for everything again")
    dry_run: bool = Field(False, description="0 or 1", title="1: print the plan and what it costs, send nothing")
    details: bool = Field(
        False, description="0 or 1", title="1: fetch the details of offers, once a week each (openplatform)"
    )
    daily: tuple[str, ...] | None = Field(
        None,
        description="offer ids, comma separated, or breakout",
        title="fetch true daily figures of these offers (openplatform)",
    )

    @field_validator("categories", mode="before")
    @classmethod
    def _categories(cls, value: Any) -> tuple[str, ...] | None:
        ids = _listed(value) if value is not None else []
        if value is not None and not (ids == [ALL] or (ids and all(re.fullmatch(r"[0-9]{1,19}", one) for one in ids))):
            raise ValueError
        return tuple(ids) or None

    @field_validator("rank_types", mode="before")
    @classmethod
    def _rank_types(cls, value: Any) -> tuple[str, ...] | None:
        names = _listed(value) if value is not None else []
        if value is not None and not (names and all(name in RANK_TYPES for name in names)):
            raise ValueError
        return tuple(names) or None

    @field_validator("daily", mode="before")
    @classmethod
    def _daily(cls, value: Any) -> tuple[str, ...] | None:
        ids = _listed(value) if value is not None else []
        known = ids == ["breakout"] or (ids and all(re.fullmatch(r"[0-9]{1,19}", one) for one in ids))
        if value is not None and not known:
            raise ValueError
        return tuple(ids) or None

    @field_validator("snapshot_date", mode="before")
    @classmethod
    def _snapshot_date(cls, value: Any) -> date | None:
        # Not pydantic's own reading: it would take a bare number for seconds since 1970.
        return date.fromisoformat(value) if isinstance(value, str) else value

    @field_validator("level", mode="before")
    @classmethod
    def _level(cls, value: Any) -> Any:
        return int(value) if isinstance(value, str) and value.isdecimal() else value

    @field_validator("refresh", "dry_run", "details", mode="before")
    @classmethod
    def _flag(cls, value: Any) -> bool:
        if str(value) not in {"0", "1", "True", "False"}:
            raise ValueError
        return str(value) in {"1", "True"}

    @classmethod
    def parse(cls, given: Mapping[str, Any], *, called: Mapping[str, str] | None = None) -> Arguments:
        """From the texts of `-a`; names that begin with `_` are Scrapyd's and pass. Raises InputError.

        `called` gives the names of the settings that the values came from, for the message.
        """
        own = {name: value for name, value in given.items() if not name.startswith("_")}
        try:
            return cls.model_validate(own)
        except ValidationError as error:
            raise InputError(_sentence(error, cls, called or {})) from None

    @classmethod
    def help(cls) -> str:
        """For `scrapy crawl -h`: a line for what an argument does, and one for what it takes."""
        lines = []
        for name, field in cls.model_fields.items():
            shown = int(field.default) if isinstance(field.default, bool) else field.default
            default = f" (default: {shown})" if shown is not None else ""
            lines += [
                f"  {name:<15}{field.title}{default}",
                fill(f"it takes {field.description}", 100, initial_indent=_INDENT, subsequent_indent=_INDENT),
            ]
        return "\n".join(lines)


def _sentence(error: ValidationError, model: type[BaseModel], called: Mapping[str, str]) -> str:
    first = error.errors()[0]
    name = str(first["loc"][0])
    if first["type"] == "extra_forbidden":
        return f"The argument {name} is unknown: the spider takes {', '.join(model.model_fields)}."
    said = f"{called.get(name, name)}={first['input']!s}"
    return f"{said} is not accepted: it takes {model.model_fields[name].description}."


class CrawlOptions(BaseModel):
    """What a crawl was asked for, defaults settled: checked against the protocol, the source and the date.

    `refetch`: lists that are complete are asked again, too (`refresh`, or DeltaFetch switched off).
    """

    model_config = ConfigDict(frozen=True)

    categories: tuple[str, ...] | None
    level: int | None
    rank_types: tuple[str, ...]
    rank_types_named: bool
    pages: int | None
    page_size: int
    snapshot_date: date
    refresh: bool
    refetch: bool = False
    dry_run: bool = False
    details: bool = False
    daily: tuple[str, ...] | None = None

    @property
    def rows(self) -> int | None:
        """How deep each list is asked: pages x page_size, or None for all of it."""
        return self.pages * self.page_size if self.pages else None


def resolve_options(
    arguments: Arguments,
    config: Config,
    now: datetime,
    *,
    delta_reset: bool = False,
    delta_enabled: bool = True,
) -> CrawlOptions:
    """Fill the defaults in and refuse what the protocol or the gateway can't do. Raises InputError."""
    defaults = Arguments.parse(
        {"categories": config.categories, "rank_types": config.rank_types},
        called={"categories": "TOPLIST_CATEGORIES", "rank_types": "TOPLIST_RANK_TYPES"},
    )
    categories = arguments.categories or defaults.categories
    named = arguments.rank_types or defaults.rank_types
    if config.protocol is Protocol.OPENPLATFORM:
        _refuse_for_openplatform(arguments, categories, named)
    else:
        _refuse_for_base64(arguments)
    if categories == (ALL,) and arguments.level:
        raise InputError(
            f"level={arguments.level} is not accepted with categories=all: it takes category ids, or none."
        )
    return CrawlOptions(
        categories=categories,
        level=arguments.level,
        rank_types=named or tuple(rank_types_of(config.protocol)),
        rank_types_named=named is not None,
        pages=1 if config.protocol is Protocol.OPENPLATFORM else arguments.pages,
        page_size=arguments.page_size,
        snapshot_date=_snapshot_date(arguments.snapshot_date, config.sandbox, business_date(now)),
        refresh=arguments.refresh or delta_reset,
        refetch=arguments.refresh or delta_reset or not delta_enabled,
        dry_run=arguments.dry_run,
        details=arguments.details,
        daily=arguments.daily,
    )


def _refuse_for_openplatform(
    arguments: Arguments, categories: tuple[str, ...] | None, named: tuple[str, ...] | None
) -> None:
    if (arguments.pages or 1) > 1:
        raise InputError(f"pages={arguments.pages} is not accepted: the openplatform protocol has no paging.")
    if arguments.page_size > OPENPLATFORM_LIMIT:
        raise InputError(
            f"page_size={arguments.page_size} is not accepted: the openplatform protocol gives at most"
            f" {OPENPLATFORM_LIMIT} rows."
        )
    if categories == (ALL,):
        raise InputError("categories=all is not accepted: the openplatform protocol needs category ids.")
    served = rank_types_of(Protocol.OPENPLATFORM)
    for name in named or ():
        if name not in served:
            raise InputError(
                f"rank_types={name} is not accepted: it is a classic list, which the openplatform protocol does not"
                f" have; it has {', '.join(served)}."
            )


def _refuse_for_base64(arguments: Arguments) -> None:
    if arguments.details:
        raise InputError("details=1 is not accepted: the rows of the base64 protocol bring these fields themselves.")
    if arguments.daily:
        raise InputError(
            f"daily={','.join(arguments.daily)} is not accepted: the base64 protocol has no daily figures, openplatform"
            " has."
        )


def _snapshot_date(given: date | None, sandbox: bool, today: date) -> date:
    if given is None:
        return today
    if not sandbox and given not in (today, today - timedelta(days=1)):
        raise InputError(
            f"snapshot_date={given} is not accepted: the gateway answers about now, so it takes {today} or"
            f" {today - timedelta(days=1)}; other days are for the sandbox."
        )
    return given
