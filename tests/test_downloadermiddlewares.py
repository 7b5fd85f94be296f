"""What an answer leads to, one answer at a time."""

import asyncio
import gc
import json
import weakref
from typing import Any

import pytest
from scrapy import Request
from scrapy.exceptions import DontCloseSpider, IgnoreRequest
from scrapy.http import TextResponse

from tests.fakes import SECRET, FakeClock, FakeControl, FakeLimiter, FakeStats, a_key, a_session, options
from toplist.api.details import detail_call
from toplist.api.tokens import refresh_call
from toplist.circuit_breaker import CircuitBreaker
from toplist.downloadermiddlewares import ApiResponseMiddleware
from toplist.errors import ApiError, FatalApiError, Forbidden, ListError, PermissionDenied, Throttled, TransientApiError
from toplist.http import ApiResponse
from toplist.ranktypes import Protocol
from toplist.ratelimit.limiter import RateLimiter
from toplist.requests import FIRST, RequestFactory

PAGE = {"alibaba_product_top_list_query_response": {"result": {"itemList": [{"offerId": 1}], "total": 1}}}


class FakeTokens:
    renews = False

    async def renew_after_refusal(self, sent_at: float) -> bool:
        return self.renews


class Harness:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.session = a_session(self.clock)
        self.tokens = FakeTokens()
        self.limiter = FakeLimiter()
        self.control = FakeControl()
        self.stats = FakeStats()
        self.retries: list[str] = []
        self.scheduled: list[Request] = []
        self.postponed: list[Request] = []
        self.requests = RequestFactory(self.session, options())
        anything: Any = self
        self.middleware = ApiResponseMiddleware(
            session=self.session,
            tokens=anything.tokens,
            limiter=anything.limiter,
            breaker=CircuitBreaker(self.clock.monotonic),
            control=anything.control,
            stats=anything.stats,
            pause_seconds=300,
            retry=self._retry,
            postponed=self.postponed,
            ask_postponed=self._ask_postponed,
        )

    def _ask_postponed(self) -> None:
        self.scheduled += self.postponed
        self.postponed.clear()

    def _retry(self, request: Request, reason: str) -> Request | None:
        self.retries.append(reason)
        return None if len(self.retries) > 2 else request

    def request(self, rank_type: str = "hot", category_id: str = "311") -> Request:
        return self.requests.list_page(a_key(rank_type, category_id), 1, print, print)

    def answer(self, request: Request, body: Any, status: int = 200, **headers: str) -> Any:
        request.meta["toplist_sent_at"] = self.clock.seconds
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        response = TextResponse(request.url, status=status, body=content, headers=headers)
        return asyncio.run(self.middleware.process_response(request, response))


def refusal(code: str, message: str = "no") -> dict[str, Any]:
    return {"error_response": {"code": code, "msg": message}}


@pytest.fixture
def harness() -> Harness:
    return Harness()


def test_a_readable_answer_reaches_the_callback_as_what_was_read(harness: Harness) -> None:
    request = harness.request()
    response = harness.answer(request, PAGE)
    assert isinstance(response, ApiResponse)
    assert response.answer.rows == [{"offerId": 1}]
    assert response.answer.total == 1
    assert "answer" not in request.cb_kwargs
    assert harness.stats.values["toplist/answers/read"] == 1


def test_a_value_that_can_not_be_read_is_counted_once(harness: Harness) -> None:
    body = {"alibaba_product_top_list_query_response": {"result": {"itemList": [], "total": "many"}}}
    response = harness.answer(harness.request(), body)
    assert sum(response.issues.values()) == 1
    assert [value for name, value in harness.stats.values.items() if "parse_issues/total" in name] == [1]


def test_a_403_pauses_everything_and_the_same_call_is_first(harness: Harness) -> None:
    again = harness.answer(harness.request(), b"", 403)
    assert isinstance(again, Request)
    assert again.meta[FIRST]
    assert harness.limiter.told == [("pause", 300)]
    assert harness.control.stopped is None


def test_the_fourth_403_in_a_row_stops_the_crawl(harness: Harness) -> None:
    for _ in range(3):
        harness.answer(harness.request(), b"", 403)  # another list each time
        harness.clock.seconds += 300
    with pytest.raises(Forbidden):
        harness.answer(harness.request(), b"", 403)
    assert harness.control.reason == "forbidden"


def test_a_list_that_is_paused_for_twice_is_asked_after_all_others(harness: Harness) -> None:
    again = harness.answer(harness.request(), b"", 403)
    assert again.meta[FIRST]
    harness.clock.seconds += 300
    with pytest.raises(IgnoreRequest):
        harness.answer(again, b"", 403)
    assert harness.limiter.told == [("pause", 300)] * 2
    assert harness.scheduled == []
    with pytest.raises(DontCloseSpider):
        harness.middleware.spider_idle()
    assert [request.meta["toplist_key"] for request in harness.scheduled] == [a_key()]
    harness.middleware.spider_idle()  # nothing is postponed any more
    assert len(harness.scheduled) == 1


def test_a_stopped_crawl_asks_for_nothing_that_was_postponed(harness: Harness) -> None:
    again = harness.answer(harness.request(), b"", 403)
    harness.clock.seconds += 300
    with pytest.raises(IgnoreRequest):
        harness.answer(again, b"", 403)
    harness.control.stop("refused", "no")
    harness.middleware.spider_idle()
    assert harness.scheduled == []


def test_a_403_at_the_tokens_endpoint_pauses_everything(harness: Harness) -> None:
    request = harness.requests.call(refresh_call(), "a new access token")
    assert harness.answer(request, b"<html>", 403).meta[FIRST]
    assert harness.limiter.told == [("pause", 300)]


def a_detail(harness: Harness) -> Request:
    return harness.requests.call(detail_call("7"), "the details of offer 7", meta={"toplist_offer": "7"})


def test_details_that_are_forbidden_throttled_or_refused_do_not_stop_the_crawl(harness: Harness) -> None:
    for _ in range(3):
        harness.answer(a_detail(harness), b"", 403)
        harness.clock.seconds += 300
    with pytest.raises(Forbidden):
        harness.answer(a_detail(harness), b"", 403)
    harness.answer(a_detail(harness), {"error_code": "gw.QosAppFrequencyLimit"}, 400)
    harness.clock.seconds += 600
    with pytest.raises(Throttled):
        harness.answer(a_detail(harness), {"error_code": "gw.QosAppFrequencyLimit"}, 400)
    with pytest.raises(FatalApiError):
        harness.answer(a_detail(harness), {"error_code": "401", "error_message": "no"}, 401)
    assert harness.control.stopped is None


def test_a_throttle_backs_off_and_the_next_success_recovers(harness: Harness) -> None:
    assert isinstance(harness.answer(harness.request(), refusal("gw.QosAppFrequencyLimit"), 400), Request)
    harness.answer(harness.request(), PAGE)
    harness.answer(harness.request(), PAGE)
    assert harness.limiter.told == ["back_off", "recover"]  # it was at full rate again


def test_ten_minutes_of_throttles_stop_the_crawl(harness: Harness) -> None:
    harness.answer(harness.request(), refusal("gw.QosAppFrequencyLimit"))
    harness.clock.seconds += 600
    with pytest.raises(Throttled):
        harness.answer(harness.request(), refusal("gw.QosAppFrequencyLimit"))
    assert harness.control.reason == "throttled"


def test_an_answer_that_can_not_be_read_spends_its_attempts(harness: Harness) -> None:
    request = harness.request()
    assert harness.answer(request, b"<html>") is request
    assert harness.answer(request, b"<html>") is request
    with pytest.raises(TransientApiError):
        harness.answer(request, b"<html>")


def test_an_answer_about_another_list_is_asked_again_and_then_fails_by_that_name(harness: Harness) -> None:
    request = harness.requests.list_page(a_key("hot", "311", Protocol.OPENPLATFORM), 1, print, print)
    rows = {"rankProductModels": [{"itemId": 1}]}
    for about in ({"rankId": "312", "rankType": "hot"}, {"rankId": "311", "rankType": "complex"}):
        assert harness.answer(request, {"result": {"result": {**about, **rows}}}) is request
    with pytest.raises(TransientApiError, match="other list: the answer is about hot in 312"):
        harness.answer(request, {"result": {"result": {"rankId": 312, **rows}}})
    response = harness.answer(request, {"result": {"result": {"rankId": 311, "rankType": "hot", **rows}}})
    assert response.answer.rows == [{"itemId": 1}]


def test_an_unknown_code_fails_the_list_with_the_code_and_its_subject(harness: Harness) -> None:
    with pytest.raises(ListError) as caught:
        harness.answer(harness.request(), refusal("777", f"not with {SECRET}"))
    assert caught.value.code == "777"
    assert caught.value.subject == "hot in 311, page 1"
    assert SECRET not in str(caught.value)
    assert harness.control.stopped is None


def test_the_clock_follows_the_gateway_once(harness: Harness) -> None:
    expired = refusal("30")
    date = {"Date": "Tue, 24 Nov 2026 00:10:00 GMT"}
    assert isinstance(harness.answer(harness.request(), expired, 400, **date), Request)
    assert harness.session.clock.corrected_at == harness.clock.seconds
    harness.clock.seconds += 1
    with pytest.raises(ApiError):
        harness.answer(harness.request(), expired, 400, **date)
    assert harness.control.reason == "refused"


def test_what_was_signed_before_the_correction_is_asked_again(harness: Harness) -> None:
    early = harness.request()
    harness.session.clock.corrected_at = harness.clock.seconds + 1
    assert isinstance(harness.answer(early, refusal("30"), 400), Request)


def test_a_refused_secret_stops_the_crawl(harness: Harness) -> None:
    with pytest.raises(FatalApiError):
        harness.answer(harness.request(), refusal("25", "Invalid signature"))
    assert harness.control.reason == "refused"


@pytest.mark.parametrize("renews", [True, False])
def test_a_refused_token_is_renewed_or_stops_the_crawl(harness: Harness, renews: bool) -> None:
    harness.tokens.renews = renews
    request = harness.requests.list_page(a_key(protocol=Protocol.OPENPLATFORM), 1, print, print)
    if renews:
        assert isinstance(harness.answer(request, {"error_code": "401", "error_message": "no token"}, 401), Request)
    else:
        with pytest.raises(FatalApiError):
            harness.answer(request, {"error_code": "401", "error_message": "no token"}, 401)
    assert (harness.control.reason == "refused") is not renews


def test_a_refused_detail_leaves_the_lists_alone(harness: Harness) -> None:
    harness.tokens.renews = False
    request = harness.requests.call(detail_call("7"), "the details of offer 7", meta={"toplist_offer": "7"})
    with pytest.raises(FatalApiError):
        harness.answer(request, {"error_code": "401", "error_message": "no token"}, 401)
    assert harness.control.reason is None


def deny(harness: Harness, request: Request) -> PermissionDenied:
    with pytest.raises(PermissionDenied) as caught:
        harness.answer(request, refusal("gw.APIACLDecline"))
    return caught.value


def test_a_denied_rank_type_is_not_sent_again_and_the_others_are(harness: Harness) -> None:
    deny(harness, harness.request("VNHot"))
    with pytest.raises(PermissionDenied):
        harness.middleware.process_request(harness.request("VNHot", "312"))
    harness.middleware.process_request(harness.request("hot"))


def test_what_waits_in_the_limiter_is_told_of_a_denial(harness: Harness) -> None:
    deny(harness, harness.request("VNHot"))
    (is_unwanted,) = harness.limiter.unwanted
    assert is_unwanted(harness.request("VNHot", "312"))
    assert not is_unwanted(harness.request("hot"))
    assert not is_unwanted(None)


def test_what_waits_in_the_limiter_when_a_denial_comes_is_not_sent(harness: Harness) -> None:
    """With the real limiter: it has no connection to wait for and is never opened, so that nothing is let go."""

    async def crawl() -> list[Any]:
        limiter = RateLimiter(2, lambda: False)
        middleware: Any = harness.middleware
        middleware._limiter = limiter
        waiting = [harness.request("VNHot", str(category)) for category in range(3)]
        tasks = [
            asyncio.ensure_future(limiter.acquire(age, None, lambda: 0.0, request))
            for age, request in enumerate(waiting)
        ]
        await asyncio.sleep(0)
        request = harness.request("VNHot")
        request.meta["toplist_sent_at"] = 0.0
        body = json.dumps(refusal("gw.APIACLDecline")).encode()
        with pytest.raises(PermissionDenied):
            await middleware.process_response(request, TextResponse(request.url, body=body))
        done, _ = await asyncio.wait(tasks, timeout=5)
        return [task.exception() for task in done]

    errors = asyncio.run(crawl())
    assert [type(error) for error in errors] == [PermissionDenied] * 3
    assert len({id(error) for error in errors}) == 3


def test_a_denial_keeps_no_request_alive(harness: Harness) -> None:
    """Each is an exception of its own: its traceback would hold the frames of every request it was raised for."""
    deny(harness, harness.request("VNHot"))
    alive = []
    for category in range(5):
        request = harness.request("VNHot", str(category))
        alive.append(weakref.ref(request))
        with pytest.raises(PermissionDenied):
            harness.middleware.process_request(request)
    del request
    gc.collect()
    assert [each() for each in alive] == [None] * 5


def test_details_without_a_grant_end_by_their_own_api(harness: Harness) -> None:
    def detail() -> Request:
        return harness.requests.call(detail_call("7"), "the details of offer 7", meta={"toplist_offer": "7"})

    with pytest.raises(PermissionDenied):
        harness.answer(detail(), {"error_code": "gw.APIACLDecline", "error_message": "no"}, 400)
    with pytest.raises(PermissionDenied):
        harness.middleware.process_request(detail())
    harness.middleware.process_request(harness.request())


def test_another_spiders_answer_passes(harness: Harness) -> None:
    response = TextResponse("http://example.org")
    request = Request("http://example.org")
    assert asyncio.run(harness.middleware.process_response(request, response)) is response
    harness.middleware.process_request(request)
