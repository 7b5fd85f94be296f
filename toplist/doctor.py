"""What a crawl needs, tried one by one: `scrapy doctor`. Requests wait in the rate limiter, like a crawl's."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import scrapy
from scrapy.exceptions import CannotResolveHostError, DownloadConnectionRefusedError, DownloadTimeoutError

from toplist import settings
from toplist.api.calls import Call, category_call, list_call, time_call
from toplist.api.daily import Figure, daily_call
from toplist.api.details import detail_call
from toplist.api.parse_issues import ParseIssues
from toplist.api.rows import RowError, read_row
from toplist.api.tokens import read_instant, refresh_call
from toplist.categories.tree import builtin_roots
from toplist.circuit_breaker import CircuitBreaker
from toplist.errors import (
    ApiError,
    ClockSkewed,
    FatalApiError,
    Forbidden,
    ListError,
    PermissionDenied,
    Throttled,
    ToplistError,
    TransientApiError,
)
from toplist.gateway_spider import GatewaySpider
from toplist.http import ApiResponse, failure_reason
from toplist.options import ALL
from toplist.ranktypes import RANK_TYPES, Protocol

if TYPE_CHECKING:
    from typing import Self

    from scrapy.crawler import Crawler

_NEAR = 5.0  # seconds that a clock may be off without a word
_APPLY = "apply for it in the app's solution on open.1688.com; a crawl goes on without it"
#: What to do about an error, by what it is. The first that fits counts.
_TODO: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], str], ...] = (
    (Forbidden, "wait an hour, and look for other programs that use the key or the address; then ask the platform"),
    (Throttled, "look for other programs that use the key; try again later, or tomorrow if its quota is spent"),
    (ClockSkewed, "set this computer's clock (NTP); the gateway refused its time"),
    (TransientApiError, "try again later: the gateway answers, but not in a way that can be read"),
    (ListError, "try again; if it stays, the gateway does not accept this call: report it with the code"),
    (
        DownloadTimeoutError,
        "try again; if it stays, see whether a firewall or a proxy stands between here and TOPLIST_GATEWAY_URL",
    ),
    (CannotResolveHostError, "check the host in TOPLIST_GATEWAY_URL, and this computer's DNS"),
    (DownloadConnectionRefusedError, "check host and port in TOPLIST_GATEWAY_URL: nothing listens there"),
    (Exception, "try again; if it stays, see whether TOPLIST_GATEWAY_URL can be reached from here"),
)
_MAX_CATEGORIES = 20  # of those that are set, this many are looked up


class CheckState(StrEnum):
    """How a check went. A note does not keep a crawl from working, a problem of what is needed does."""

    OK = "ok"
    NOTE = "note"
    PROBLEM = "problem"
    UNCHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what it is about, how it went, what was seen, what to do. `is_needed`: no crawl works without it."""

    check: str
    state: CheckState
    seen: str = ""
    todo: str = ""
    is_needed: bool = False

    @property
    def is_blocking(self) -> bool:
        """Whether a crawl would not work."""
        return self.is_needed and self.state in (CheckState.PROBLEM, CheckState.UNCHECKED)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class _NotAsked(ToplistError):
    """Something before it failed that it needs, too."""


class _NoPatience(CircuitBreaker):
    """A doctor waits for nothing: what a crawl would sit out is what is found."""

    def forbidden(self, sent_at: float) -> str | None:
        return "the gateway answers 403"

    def throttled(self) -> str | None:
        return "the gateway throttles"


class DoctorSpider(GatewaySpider):
    """Asks for one thing of each kind and writes down what came of it, in `findings`."""

    name = "doctor"
    breaker_class = _NoPatience
    custom_settings = {  # noqa: RUF012 - Scrapy's own way to say it
        **settings.gateway_spiders,
        "EXTENSIONS": {"toplist.extensions.SnapshotExtension": None},
        "DOWNLOADER_MIDDLEWARES": {"toplist.lease_middleware.LeaseMiddleware": None},
        "DELTAFETCH_ENABLED": False,
        "ITEM_PIPELINES": {},
        "FEEDS": {},
    }

    @classmethod
    def update_settings(cls, given: scrapy.settings.BaseSettings) -> None:
        """Switch off by name what stores, among the project's own components."""
        own = {name: dict(given.getdict(name)) for name in ("EXTENSIONS", "DOWNLOADER_MIDDLEWARES")}
        super().update_settings(given)
        for name, components in own.items():
            given.set(name, components | cls.custom_settings[name], priority="spider")

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        """Raises InputError, as a crawl would."""
        spider = super().from_crawler(crawler, *args, **kwargs)
        spider.findings = []
        return spider

    findings: list[Finding]
    _is_unreachable = False

    async def start(self) -> AsyncIterator[Any]:
        """Everything in a row, so that what comes first can explain what comes later."""
        await self._clock()
        await self._secret()
        await self._refresh()
        await self._categories()
        offer_id = await self._rank_types()
        if self.config.protocol is Protocol.OPENPLATFORM:
            await self._singles(offer_id)
        return
        yield  # an iterator that has nothing to give: the requests are asked for above

    async def _clock(self) -> None:
        before = time.time()
        answer = await self._ask(time_call(), "the gateway's clock")
        if isinstance(answer, FatalApiError):
            # It is not the clock that was refused, and nothing else will be answered.
            self._add("clock", CheckState.UNCHECKED, "see below")
            return self._find("key and secret", answer, is_needed=True)
        if isinstance(answer, Exception):
            return self._find("clock", answer)
        at = read_instant(answer.answer)
        if at is None:
            return self._add("clock", CheckState.NOTE, "the gateway's clock can't be read")
        off = (before + time.time()) / 2 - at.timestamp()
        if abs(off) < _NEAR:
            return self._add("clock", CheckState.OK, f"within {_NEAR:g} s of the gateway's")
        todo = "let this computer keep its clock by NTP; a crawl follows the gateway's clock when it is told to"
        return self._add("clock", CheckState.NOTE, f"{off:+.0f} s off the gateway's", todo)

    async def _secret(self) -> None:
        """The tree's API is signed and needs no token, so its answer proves key and secret."""
        if any(each.check == "key and secret" for each in self.findings):
            return
        answer = await self._ask(category_call("0"), "the root categories")
        tree = "the category tree"
        if isinstance(answer, PermissionDenied):
            self._add("key and secret", CheckState.OK, "accepted", is_needed=True)
            todo = "apply for alibaba.category.get; without it, a level needs the tree that the database kept"
            self._add(tree, CheckState.NOTE, str(answer), todo)
        elif isinstance(answer, Exception):
            self._is_unreachable = not isinstance(answer, ApiError)
            self._find("key and secret", answer, is_needed=True)
        else:
            self._add("key and secret", CheckState.OK, "accepted", is_needed=True)
            self._add(tree, CheckState.OK, "granted")

    async def _refresh(self) -> None:
        """Renew the access token, where nothing is lost by it: what a renewal brings must be kept, or was missing."""
        tokens, file = self.session.tokens, self.config.token_file
        if not tokens.refresh_token:
            return None
        if tokens.access_token and file is None:
            todo = "set TOPLIST_TOKEN_FILE, so that a renewed token is kept: then it is tried"
            return self._add("refresh token", CheckState.NOTE, "not tried: it would replace TOPLIST_ACCESS_TOKEN", todo)
        answer = await self._ask(refresh_call(), "a new access token")
        if isinstance(answer, ApiError) and not isinstance(answer, Forbidden | Throttled | TransientApiError):
            said = self.session.redact(answer.message or answer.code)
            todo = "check TOPLIST_REFRESH_TOKEN; if it is right, have the merchant grant the app anew"
            return self._add("refresh token", CheckState.PROBLEM, said, todo, is_needed=True)
        if isinstance(answer, Exception):
            return self._find("refresh token", answer, is_needed=True)
        self.session.renew(answer.answer)
        if file is not None:
            async with file.lock():
                file.write(self.session.tokens)
        return self._add("refresh token", CheckState.OK, "accepted", is_needed=True)

    async def _categories(self) -> None:
        """Whether the gateway knows the categories that are set."""
        for category_id in (self.options.categories or ())[:_MAX_CATEGORIES]:
            if category_id == ALL:
                return
            answer = await self._ask(category_call(category_id), f"category {category_id}")
            check = f"category {category_id}"
            if isinstance(answer, PermissionDenied):
                return
            if isinstance(answer, ListError) or (isinstance(answer, ApiResponse) and not answer.answer):
                todo = "look it up with scrapy categories --search, and correct TOPLIST_CATEGORIES"
                self._add(check, CheckState.PROBLEM, "the gateway does not know it", todo, is_needed=True)
            elif isinstance(answer, Exception):
                self._find(check, answer)
            else:
                names = [node.name for node in answer.answer if node.category_id == category_id]
                self._add(check, CheckState.OK, " ".join(name for name in names if name) or "known")

    async def _rank_types(self) -> str | None:
        """A list of one row for each; returns an offer id, if one came."""
        offer_id = None
        needed = self.options.rank_types_named
        # A category each, so that none waits for its interval.
        for name, category in zip(self.options.rank_types, builtin_roots(), strict=False):
            call = list_call(self.config.protocol, name, category.category_id, 1, 1)
            meta = {"toplist_category": category.category_id, "download_slot": f"category-{category.category_id}"}
            answer = await self._ask(call, f"{name} in {category.category_id}", meta)
            check = f"{name} {RANK_TYPES[name].title}"
            if isinstance(answer, Exception):
                self._find(check, answer, is_needed=needed)
            else:
                self._add(check, CheckState.OK, "granted", is_needed=needed)
                offer_id = offer_id or self._first_offer(answer)
        return offer_id

    def _first_offer(self, answer: ApiResponse) -> str | None:
        rows = answer.answer.rows or []
        try:
            return next((read_row(self.config.protocol, row, ParseIssues())[0].offer_id for row in rows), None)
        except RowError:
            return None

    async def _singles(self, offer_id: str | None) -> None:
        """Details and daily figures. The gateway looks at the grant before it looks at the offer."""
        yesterday = self.options.snapshot_date - timedelta(days=1)
        calls = {"details": detail_call(offer_id or "1")}
        calls |= {f"daily {each.field}": daily_call(each, offer_id or "1", yesterday, yesterday) for each in Figure}
        for check, call in calls.items():
            answer = await self._ask(call, check, {"toplist_offer": offer_id or "1"})
            if isinstance(answer, ApiResponse | ListError):
                self._add(check, CheckState.OK, "granted")
            else:
                self._find(check, answer)

    async def _ask(self, call: Call, subject: str, meta: dict[str, Any] | None = None) -> ApiResponse | Exception:
        if self.control.stopped or self._is_unreachable:
            return _NotAsked()
        request = self.request_factory.call(call, subject, meta=meta or {})
        try:
            response = await self.download(request)
        except Forbidden as error:
            # For every process of the key. Not waited for: this crawl is closing, and what it found is to be kept.
            self._pause = asyncio.ensure_future(self.limiter.pause(self.config.limits.pause))
            return error
        except Exception as error:
            return error
        return response

    def _find(self, check: str, error: Exception, *, is_needed: bool = False) -> None:
        if isinstance(error, _NotAsked):
            return self._add(check, CheckState.UNCHECKED, "see above", is_needed=is_needed)
        if isinstance(error, PermissionDenied):
            state = CheckState.PROBLEM if is_needed else CheckState.NOTE
            return self._add(check, state, "no grant", _APPLY, is_needed=is_needed)
        said = str(failure_reason(error, self.session))
        todo = next(todo for kind, todo in _TODO if isinstance(error, kind))
        if isinstance(error, FatalApiError):
            # What a refusal is answered with names the setting behind the gateway's own words.
            said, _, todo = self.session.redact(str(error)).partition("; ")
        # A gateway that refuses everything, or the clock, lets no crawl work, whatever was asked when it did.
        is_needed = is_needed or isinstance(error, Forbidden | Throttled | ClockSkewed | FatalApiError)
        return self._add(check, CheckState.PROBLEM, said, todo, is_needed=is_needed)

    def _add(self, check: str, state: CheckState, seen: str, todo: str = "", *, is_needed: bool = False) -> None:
        self.findings.append(Finding(check, state, seen, todo, is_needed))


def rank_type_findings(findings: list[Finding]) -> Iterator[Finding]:
    """Those of the rank types."""
    titles = {f"{each.name} {each.title}" for each in RANK_TYPES.values()}
    return (each for each in findings if each.check in titles)


def is_ready(findings: list[Finding]) -> bool:
    """Whether a crawl would work: nothing that is needed is missing, and one rank type at least is granted."""
    granted = any(each.state is CheckState.OK for each in rank_type_findings(findings))
    return granted and not any(each.is_blocking for each in findings)
