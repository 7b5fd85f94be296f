"""Downloader middlewares: what an answer leads to is decided in `toplist.api.error_rules`; here it is done."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Self

from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.downloadermiddlewares.retry import get_retry_request
from scrapy.exceptions import DontCloseSpider, IgnoreRequest
from scrapy.http import Response
from scrapy.statscollectors import StatsCollector

from toplist.api.calls import GET_TOKEN
from toplist.api.error_rules import TOKEN_CODES
from toplist.circuit_breaker import CircuitBreaker
from toplist.control import CrawlControl
from toplist.errors import (
    ApiError,
    ClockSkewed,
    FatalApiError,
    Forbidden,
    ListError,
    PermissionDenied,
    Throttled,
    TransientApiError,
)
from toplist.gateway_spider import gateway_spider_of
from toplist.http import read_response
from toplist.ranktypes import RANK_TYPES
from toplist.ratelimit.limiter import RateLimiter
from toplist.requests import FIRST
from toplist.session import GatewaySession
from toplist.summary import NO_GRANT
from toplist.token_renewal import TokenManager

logger = logging.getLogger(__name__)

PAUSED_TIMES = "toplist_paused_times"
MAX_PAUSES_IN_FRONT = 2  # a list that is answered 403 this often is asked again after all others

_Action = Callable[[Request, Response, ApiError], Awaitable[Request | None]]


class ApiResponseMiddleware:
    """Reads every answer to a call and acts on what it says.

    A readable one goes to the callback as an `ApiResponse`; a failure goes to the errback as one of `toplist.errors`.
    `retry` makes the next attempt of a request, or None when its attempts are spent. `postponed` takes the
    lists that are asked after all others, by `ask_postponed`.
    """

    def __init__(
        self,
        *,
        session: GatewaySession,
        tokens: TokenManager,
        limiter: RateLimiter,
        breaker: CircuitBreaker,
        control: CrawlControl,
        stats: StatsCollector,
        pause_seconds: float,
        retry: Callable[[Request, str], Request | None],
        postponed: list[Request],
        ask_postponed: Callable[[], None],
    ):
        self._session = session
        self._tokens = tokens
        self._limiter = limiter
        self._breaker = breaker
        self._control = control
        self._stats = stats
        self._pause_seconds = pause_seconds
        self._retry = retry
        self._postponed = postponed
        self._ask_postponed = ask_postponed
        self._is_backed_off = False
        self._denied: dict[str, tuple[str, str]] = {}
        self._actions: dict[type[ApiError], _Action] = {
            Forbidden: self._pause,
            Throttled: self._back_off,
            TransientApiError: self._try_again,
            ClockSkewed: self._correct_clock,
            FatalApiError: self._renew_token_or_stop,
            PermissionDenied: self._deny,
            ListError: self._fail,
        }

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        spider = gateway_spider_of(crawler)
        max_retry_times = spider.config.retry_times

        def retry(request: Request, reason: str) -> Request | None:
            return get_retry_request(request, spider=spider, reason=reason, max_retry_times=max_retry_times)

        self = cls(
            session=spider.session,
            tokens=spider.tokens,
            limiter=spider.limiter,
            breaker=spider.breaker,
            control=spider.control,
            stats=crawler.stats,
            pause_seconds=spider.config.limits.pause,
            retry=retry,
            postponed=spider.postponed,
            ask_postponed=spider.ask_postponed,
        )
        crawler.signals.connect(self.spider_idle, signals.spider_idle)
        return self

    def process_request(self, request: Request) -> None:
        """Do not send what is known to have no grant."""
        for scope in _scopes(request):
            if scope in self._denied:
                raise self._denial(scope)

    async def process_response(self, request: Request, response: Response) -> Response | Request:
        if "toplist_call" not in request.meta:
            return response
        try:
            answered = read_response(request, response, self._session)
        except ApiError as error:
            error.subject = request.meta["toplist_subject"]
            error.redact(self._session.redact)
            self._stats.inc_value(f"toplist/api_errors/{error.stat_name}")
            again = await self._actions[type(error)](request, response, error)
            if again is None:
                raise error from None
            return again
        self._stats.inc_value("toplist/answers/read")
        for (field, reason), times in answered.issues.items():
            self._stats.inc_value(f"toplist/parse_issues/{field}/{reason}", times)
        self._breaker.answered(request.meta["toplist_sent_at"])
        if self._is_backed_off:
            self._is_backed_off = await self._limiter.recover() > 1.0
        return answered

    async def _pause(self, request: Request, response: Response, error: ApiError) -> Request | None:
        why = self._breaker.forbidden(request.meta["toplist_sent_at"])
        if why is not None:
            self._end("forbidden", why, request)
            return None
        seconds = self._pause_seconds
        await self._limiter.pause(seconds)
        self._stats.set_value("toplist/ratelimit/pauses", self._breaker.pauses_met)
        logger.warning("HTTP 403 for %s: nothing is sent for %g s, then it is asked again", error.subject, seconds)
        times = request.meta[PAUSED_TIMES] = request.meta.get(PAUSED_TIMES, 0) + 1
        if times >= MAX_PAUSES_IN_FRONT and "toplist_key" in request.meta:
            self._postponed.append(_again(request))
            raise IgnoreRequest(f"{error.subject} is asked again after all other lists")
        return _again(request)

    def spider_idle(self) -> None:
        """Nothing else is left: ask for what was postponed."""
        if not self._postponed or self._control.is_stopping():
            return
        self._ask_postponed()
        raise DontCloseSpider

    async def _back_off(self, request: Request, response: Response, error: ApiError) -> Request | None:
        if (why := self._breaker.throttled()) is not None:
            self._end("throttled", why, request)
            return None
        self._is_backed_off = True
        await self._limiter.back_off()
        self._stats.inc_value("toplist/ratelimit/throttled")
        logger.warning("Throttled (%s) for %s: half the rate, then it is asked again", error.code, error.subject)
        if why := self._breaker.throttle_warning():
            logger.warning("Nothing is answered: %s", why)
        return _again(request)

    async def _try_again(self, request: Request, response: Response, error: ApiError) -> Request | None:
        return self._retry(request, error.code)

    async def _correct_clock(self, request: Request, response: Response, error: ApiError) -> Request | None:
        clock = self._session.clock
        if clock.corrected_at is not None and request.meta["toplist_sent_at"] < clock.corrected_at:
            return _again(request)  # it was signed before the correction
        date = (response.headers.get("Date") or b"").decode("latin-1")
        if clock.corrected_at is None and (gateway_now := _http_date(date)):
            clock.correct(gateway_now)
            logger.warning("The gateway refused the timestamp: following its clock, %+.1f s off ours", clock.offset)
            return _again(request)
        return await self._renew_token_or_stop(request, response, error)

    async def _renew_token_or_stop(self, request: Request, response: Response, error: ApiError) -> Request | None:
        api = request.meta["toplist_call"].api
        if api == GET_TOKEN:
            return None  # the present token may still be good; the token manager decides
        about_token = api.needs_token and error.code in TOKEN_CODES
        if about_token and await self._tokens.renew_after_refusal(request.meta["toplist_sent_at"]):
            return _again(request)
        self._end("refused", f"the gateway refused the request for {error}", request)
        return None

    def _end(self, reason: str, why: str, request: Request) -> None:
        """Stop the crawl. What is asked for single offers ends by itself, and the lists stand."""
        if "toplist_offer" not in request.meta:
            self._control.stop(reason, why)

    async def _deny(self, request: Request, response: Response, error: ApiError) -> Request | None:
        """Fail the lists of a rank type, or of its whole endpoint; or end one kind of single offers' calls."""
        assert isinstance(error, PermissionDenied)
        scopes = _scopes(request)
        if not scopes:
            return None
        scope = scopes[-1] if error.whole_endpoint else scopes[0]
        if scope not in self._denied:
            if "toplist_key" in request.meta:
                rank_type = RANK_TYPES[request.meta["toplist_key"].rank_type]
                what = f"all {scope} lists" if error.whole_endpoint else f"{rank_type.name} {rank_type.title}"
                logger.warning("No grant for %s, their lists fail and the rest go on: %s", what, error)
            else:
                logger.warning("No grant for %s, it is left out and the lists stand: %s", scope, error)
            self._denied[scope] = (error.code, error.message)
            self._limiter.cancel(partial(_is_in, scope), partial(self._denial, scope))
        raise self._denial(scope)

    def _denial(self, scope: str) -> PermissionDenied:
        """A new exception each time: one that is raised again and again keeps every request it was raised for."""
        return PermissionDenied(NO_GRANT, ": ".join(self._denied[scope]))

    async def _fail(self, request: Request, response: Response, error: ApiError) -> Request | None:
        return None


class TokenMiddleware:
    """Before a call that needs the access token is sent, renews the token if its end is near."""

    def __init__(self, tokens: TokenManager):
        self._tokens = tokens

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(gateway_spider_of(crawler).tokens)

    async def process_request(self, request: Request) -> None:
        call = request.meta.get("toplist_call")
        if call is not None and call.api.needs_token:
            await self._tokens.ensure_fresh()


def _scopes(request: Request) -> tuple[str, ...]:
    """What a missing grant may be about, the narrowest first: a rank type and its endpoint, or the API of an offer."""
    if key := request.meta.get("toplist_key"):
        return key.rank_type, RANK_TYPES[key.rank_type].endpoint.value
    return (request.meta["toplist_call"].api.name,) if "toplist_offer" in request.meta else ()


def _is_in(scope: str, request: object) -> bool:
    return isinstance(request, Request) and scope in _scopes(request)


def _again(request: Request) -> Request:
    """The same call, first in line, no attempt spent; it is stamped and signed anew when it is sent."""
    again = request.replace(dont_filter=True)
    again.meta[FIRST] = True
    return again


def _http_date(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text)
    except ValueError:
        return None
