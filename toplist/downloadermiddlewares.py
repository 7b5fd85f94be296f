"""Downloader middlewares: what an answer leads to is in `toplist.api.error_rules`; here it is done."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from scrapy import Request
from scrapy.downloadermiddlewares.retry import get_retry_request
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Response

from toplist.api.calls import CATEGORY_GET, GET_TOKEN
from toplist.api.error_rules import TOKEN_CODES, check_refusal
from toplist.api.parse_issues import ParseIssues
from toplist.api.responses import read_categories, read_list_page
from toplist.api.tokens import read_token_answer
from toplist.enrichment.base import READERS
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
from toplist.items import ListKey
from toplist.ranktypes import RANK_TYPES
from toplist.ratelimit.limiter import LimiterClosed
from toplist.run import OfRun
from toplist.scheduler import AGAIN
from toplist.summary import NO_GRANT

if TYPE_CHECKING:
    from scrapy.crawler import Crawler


logger = logging.getLogger(__name__)


class RequeueOnShutdownMiddleware(OfRun):
    """Gives a request that the closing gate turned away back to the scheduler, which may keep it for a later run."""

    def process_request(self, request: Request) -> None:
        planned = request.meta.get("toplist_date")
        if planned is not None and planned != self.run.asked.snapshot_date:
            # From a job directory of another day: the gateway answers about now.
            raise IgnoreRequest(f"planned for {planned}, and this is the snapshot of {self.run.asked.snapshot_date}")

    def process_exception(self, request: Request, exception: Exception) -> Request | None:
        is_list = "toplist_key" in request.meta
        return request.replace(dont_filter=True) if is_list and isinstance(exception, LimiterClosed) else None


class ApiResponseMiddleware(OfRun):
    """Reads every answer to a list's call and acts on what it says.

    A readable one goes to the callback with `answer` among its arguments; a failure goes to the errback as one of
    `toplist.errors`.
    """

    def __init__(self, crawler: Crawler):
        super().__init__(crawler)
        self._slowed = False
        self._ungranted: dict[str, PermissionDenied] = {}
        self._actions: dict[type[ApiError], Callable[[Request, Response, ApiError], Awaitable[Request | None]]] = {
            Forbidden: self._pause,
            Throttled: self._slow_down,
            TransientApiError: self._try_again,
            ClockSkewed: self._correct_clock,
            FatalApiError: self._stop,
            PermissionDenied: self._end_rank_type,
            ListError: self._fail,
        }

    def process_request(self, request: Request) -> None:
        """Spare the gateway what it has no grant for."""
        key = request.meta.get("toplist_key")
        known = key and (
            self._ungranted.get(key.rank_type) or self._ungranted.get(RANK_TYPES[key.rank_type].endpoint.value)
        )
        if known:
            raise known

    async def process_response(self, request: Request, response: Response) -> Response | Request:
        if "toplist_call" not in request.meta:
            return response
        stats = self.run.stats
        notes = ParseIssues()
        try:
            answer = self._read(request, response, notes)
        except ApiError as error:
            error.subject = request.meta["toplist_subject"]
            error.message = self.run.credentials.redact(error.message)
            stats.inc_value(f"toplist/answers/{type(error).__name__.lower()}")
            again = await self._actions[type(error)](request, response, error)
            if again is None:
                raise error from None
            return again
        stats.inc_value("toplist/answers/read")
        self.run.patience.answered(request.meta["toplist_sent_at"])
        if self._slowed:
            self._slowed = await self.run.limiter.recover() > 1.0
        request.cb_kwargs.update(answer=answer, notes=notes)
        return response

    def _read(self, request: Request, response: Response, notes: ParseIssues) -> Any:
        """A list's page as an ListPage, a category as its nodes; any other call's answer as the JSON that it is."""
        key = request.meta.get("toplist_key")
        if key is None:
            api = request.meta["toplist_call"].api
            if api is CATEGORY_GET:
                return read_categories(response.body, response.status, notes)
            if api is GET_TOKEN:
                return read_token_answer(response.status, response.body, self.run.config.tokens, self.run.clock.now())
            value = check_refusal(response.status, response.body, api.signed_as)
            return READERS[api](value, request.meta, notes) if api in READERS else value
        return read_list_page(key.protocol, RANK_TYPES[key.rank_type].endpoint, response.status, response.body, notes)

    async def _pause(self, request: Request, response: Response, error: ApiError) -> Request | None:
        why = self.run.patience.forbidden(request.meta["toplist_sent_at"])
        if why:
            self.run.stop("forbidden", why)
            return None
        seconds = self.run.config.limits.pause
        await self.run.limiter.pause(seconds)
        self.run.stats.set_value("toplist/ratelimit/pauses", self.run.patience.pauses_met)
        logger.warning("HTTP 403 for %s: nothing is sent for %g s, then it is asked again", error.subject, seconds)
        return _again(request)

    async def _slow_down(self, request: Request, response: Response, error: ApiError) -> Request | None:
        why = self.run.patience.throttled()
        if why:
            self.run.stop("throttled", why)
            return None
        self._slowed = True
        await self.run.limiter.back_off()
        self.run.stats.inc_value("toplist/ratelimit/throttled")
        logger.warning("Throttled (%s) for %s: half the rate, then it is asked again", error.code, error.subject)
        return _again(request)

    async def _try_again(self, request: Request, response: Response, error: ApiError) -> Request | None:
        spider = self._crawler.spider
        assert spider is not None
        return get_retry_request(request, spider=spider, reason=error.code, max_retry_times=self.run.config.retry_times)

    async def _correct_clock(self, request: Request, response: Response, error: ApiError) -> Request | None:
        clock = self.run.clock
        if clock.corrected_at is not None and request.meta["toplist_sent_at"] < clock.corrected_at:
            return _again(request)  # it was signed before the correction
        date = (response.headers.get("Date") or b"").decode("latin-1")
        if clock.corrected_at is None and (gateway_now := _http_date(date)):
            clock.correct(gateway_now)
            logger.warning("The gateway refused the timestamp: following its clock, %+.1f s off ours", clock.offset)
            return _again(request)
        await self._stop(request, response, error)
        return None

    async def _stop(self, request: Request, response: Response, error: ApiError) -> Request | None:
        api = request.meta["toplist_call"].api
        if api is GET_TOKEN:
            return None  # the token that is there may still be good; who asked for a new one knows
        about_token = api.needs_token and error.code in TOKEN_CODES
        if about_token and await self.run.tokens.renewed(request.meta["toplist_sent_at"]):
            return _again(request)
        self.run.stop("refused", f"the gateway refused the request for {error}")
        return None

    async def _end_rank_type(self, request: Request, response: Response, error: ApiError) -> Request | None:
        assert isinstance(error, PermissionDenied)
        if "toplist_key" not in request.meta:
            self._end_scope(request, error)
            return None
        rank_type = RANK_TYPES[request.meta["toplist_key"].rank_type]
        scope = rank_type.endpoint.value if error.whole_endpoint else rank_type.name
        if scope not in self._ungranted:
            what = f"all {scope} lists" if error.whole_endpoint else f"{rank_type.name} {rank_type.title}"
            logger.warning("No grant for %s, their lists fail and the rest go on: %s", what, error)
            known = PermissionDenied(NO_GRANT, f"{error.code}: {error.message}", whole_endpoint=error.whole_endpoint)
            self._ungranted[scope] = known
            self._refuse_waiting(scope, known)
        raise self._ungranted[scope]

    def _refuse_waiting(self, scope: str, known: PermissionDenied) -> None:
        """What waits in the limiter is not sent: a new exception for each request."""

        def is_ungranted(key: object) -> bool:
            return isinstance(key, ListKey) and scope in (key.rank_type, RANK_TYPES[key.rank_type].endpoint.value)

        self.run.limiter.cancel(
            is_ungranted, lambda: PermissionDenied(known.code, known.message, whole_endpoint=known.whole_endpoint)
        )

    def _end_scope(self, request: Request, error: PermissionDenied) -> None:
        """What is no list and is asked more than once has a scope: said once. Who asks asks no further."""
        scope = request.meta.get("toplist_scope")
        if scope and scope not in self._ungranted:
            logger.warning("No grant for %s, it is left out and the lists stand: %s", scope, error)
            self._ungranted[scope] = error

    async def _fail(self, request: Request, response: Response, error: ApiError) -> Request | None:
        return None


def _again(request: Request) -> Request:
    """The same call, first in line, no attempt spent; it is stamped and signed anew when it is sent."""
    again = request.replace(dont_filter=True)
    again.meta[AGAIN] = True
    return again


def _http_date(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text)
    except ValueError:
        return None
