"""What a crawl needs, tried one by one: `scrapy doctor`. Requests go through the gate, like a crawl's."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import scrapy

from toplist.api.calls import Call, category_call, list_call, time_call
from toplist.api.daily import Figure, daily_call
from toplist.api.details import detail_call
from toplist.api.parse_issues import ParseIssues
from toplist.api.rows import RowError, read_row
from toplist.api.tokens import read_instant
from toplist.categories.tree import builtin_roots
from toplist.circuit_breaker import CircuitBreaker
from toplist.errors import ApiError, FatalApiError, Forbidden, ListError, PermissionDenied, Throttled, ToplistError
from toplist.gateway_spider import GatewaySpider
from toplist.http import ApiResponse
from toplist.ranktypes import RANK_TYPES, Protocol

if TYPE_CHECKING:
    from typing import Self

    from scrapy.crawler import Crawler

_NEAR = 5.0  # seconds that a clock may be off without a word
_WAIT = "wait for the gateway to let this key in again, 5 minutes at least"
_TRY = "try again; if it stays, see whether TOPLIST_GATEWAY_URL can be reached from here"
_APPLY = "apply for it in the app's solution on open.1688.com; the crawl goes on without it"


class State(StrEnum):
    """How a check went. A note does not keep a crawl from working, a problem of what is needed does."""

    OK = "ok"
    NOTE = "note"
    PROBLEM = "problem"
    UNCHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what it is about, how it went, what was seen, what to do. `is_needed`: no crawl works without it."""

    check: str
    state: State
    seen: str = ""
    todo: str = ""
    is_needed: bool = False

    @property
    def is_blocking(self) -> bool:
        """Whether a crawl would not work."""
        return self.is_needed and self.state in (State.PROBLEM, State.UNCHECKED)

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
        "EXTENSIONS": {"toplist.extensions.SnapshotExtension": None},
        "DOWNLOADER_MIDDLEWARES": {"toplist.lease_middleware.LeaseMiddleware": None},
        "DELTAFETCH_ENABLED": False,
        "ITEM_PIPELINES": {},
        "FEEDS": {},
    }

    @classmethod
    def update_settings(cls, settings: scrapy.settings.BaseSettings) -> None:
        """Switch off by name what stores, among the project's own components."""
        own = {name: dict(settings.getdict(name)) for name in ("EXTENSIONS", "DOWNLOADER_MIDDLEWARES")}
        super().update_settings(settings)
        for name, components in own.items():
            settings.set(name, components | cls.custom_settings[name], priority="spider")

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
        offer_id = await self._rank_types()
        if self.config.protocol is Protocol.OPENPLATFORM:
            await self._singles(offer_id)
        return
        yield  # an iterator that has nothing to give: the requests are asked for above

    async def _clock(self) -> None:
        before = time.time()
        answer = await self._ask(time_call(), "the gateway's clock")
        if isinstance(answer, Exception):
            return self._find("clock", answer)
        at = read_instant(answer.answer)
        if at is None:
            return self._add("clock", State.NOTE, "the gateway's clock can't be read")
        off = (before + time.time()) / 2 - at.timestamp()
        if abs(off) < _NEAR:
            return self._add("clock", State.OK, f"within {_NEAR:g} s of the gateway's")
        todo = "let this computer keep its clock by NTP; a crawl follows the gateway's clock when it is told to"
        return self._add("clock", State.NOTE, f"{off:+.0f} s off the gateway's", todo)

    async def _secret(self) -> None:
        """The tree's API is signed and needs no token, so its answer proves key and secret."""
        answer = await self._ask(category_call("0"), "the root categories")
        tree = "the category tree"
        if isinstance(answer, PermissionDenied):
            self._add("key and secret", State.OK, "accepted", is_needed=True)
            todo = "apply for alibaba.category.get; without it, a level needs the tree that the database kept"
            self._add(tree, State.NOTE, str(answer), todo)
        elif isinstance(answer, Exception):
            self._is_unreachable = not isinstance(answer, ApiError)
            self._find("key and secret", answer, is_needed=True)
        else:
            self._add("key and secret", State.OK, "accepted", is_needed=True)
            self._add(tree, State.OK, "granted")

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
                self._add(check, State.OK, "granted", is_needed=needed)
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
                self._add(check, State.OK, "granted")
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
            return self._add(check, State.UNCHECKED, "see above", is_needed=is_needed)
        if isinstance(error, PermissionDenied):
            state = State.PROBLEM if is_needed else State.NOTE
            return self._add(check, state, "no grant", _APPLY, is_needed=is_needed)
        said = self.session.redact(str(error) or type(error).__name__)
        todo = _WAIT if isinstance(error, Forbidden | Throttled) else _TRY
        if isinstance(error, FatalApiError):
            # What a refusal is answered with names the setting behind the gateway's own words.
            said, _, todo = said.partition("; ")
        return self._add(check, State.PROBLEM, said, todo, is_needed=is_needed)

    def _add(self, check: str, state: State, seen: str, todo: str = "", *, is_needed: bool = False) -> None:
        self.findings.append(Finding(check, state, seen, todo, is_needed))


def rank_type_findings(findings: list[Finding]) -> Iterator[Finding]:
    """Those of the rank types."""
    titles = {f"{each.name} {each.title}" for each in RANK_TYPES.values()}
    return (each for each in findings if each.check in titles)


def is_ready(findings: list[Finding]) -> bool:
    """Whether a crawl would work: nothing that is needed is missing, and one rank type at least is granted."""
    granted = any(each.state is State.OK for each in rank_type_findings(findings))
    return granted and not any(each.is_blocking for each in findings)
