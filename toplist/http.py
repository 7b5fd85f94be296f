"""The gateway's answers as responses that carry what was read, and the reason of a failure."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from scrapy import Request
from scrapy.exceptions import DownloadFailedError
from scrapy.http import Response

from toplist.api.calls import BEST_BASE64, CATEGORY_GET, GET_TOKEN, QUERY_DETAIL, TOP_LIST, TOP_LIST_BASE64, Api
from toplist.api.daily import Figure, read_daily
from toplist.api.details import read_detail
from toplist.api.error_rules import check_refusal
from toplist.api.parse_issues import ParseIssues
from toplist.api.responses import read_categories, read_list_page
from toplist.api.tokens import read_token_answer
from toplist.errors import ApiError, TransientApiError
from toplist.ranktypes import Endpoint
from toplist.session import GatewaySession


class ApiResponse(Response):
    """An answer that was read.

    `answer` is a `ListPage`, the nodes of a category, a `Detail`, daily figures by date, or `Tokens`;
    for any other call the JSON value. `issues` counts the values that could not be read.
    """

    attributes = (*Response.attributes, "answer", "issues")

    def __init__(self, *args: Any, answer: Any = None, issues: ParseIssues | None = None, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.answer = answer
        self.issues = issues if issues is not None else ParseIssues()


def read_response(request: Request, response: Response, session: GatewaySession) -> ApiResponse:
    """Read the answer to a call by its API. Raises the `ApiError` that a refusal or an unreadable answer leads to."""
    issues = ParseIssues()
    api: Api = request.meta["toplist_call"].api
    answer = _READERS.get(api, _read_value)(request, response, session, issues)
    attributes = {name: getattr(response, name) for name in Response.attributes}
    return ApiResponse(**attributes, answer=answer, issues=issues)


def _read_list(
    endpoint: Endpoint, request: Request, response: Response, session: GatewaySession, issues: ParseIssues
) -> Any:
    protocol = request.meta["toplist_call"].api.signed_as
    page = read_list_page(protocol, endpoint, response.status, response.body, issues)
    key = request.meta.get("toplist_key")
    if key is not None and (other := page.other_list(key.rank_type, key.category_id)):
        raise TransientApiError("other list", other)  # asked again, and failed by this name if it stays so
    return page


def _read_category(request: Request, response: Response, session: GatewaySession, issues: ParseIssues) -> Any:
    return read_categories(response.body, response.status, issues)


def _read_tokens(request: Request, response: Response, session: GatewaySession, issues: ParseIssues) -> Any:
    return read_token_answer(response.status, response.body, session.tokens, session.clock.now())


def _read_value(request: Request, response: Response, session: GatewaySession, issues: ParseIssues) -> Any:
    return check_refusal(response.status, response.body, request.meta["toplist_call"].api.signed_as)


def _read_offer_detail(request: Request, response: Response, session: GatewaySession, issues: ParseIssues) -> Any:
    value = _read_value(request, response, session, issues)
    return read_detail(value, request.meta["toplist_offer"], issues)


def _read_figure(
    figure: Figure, request: Request, response: Response, session: GatewaySession, issues: ParseIssues
) -> Any:
    return read_daily(figure, _read_value(request, response, session, issues), issues)


_Reader = Callable[[Request, Response, GatewaySession, ParseIssues], Any]
_READERS: dict[Api, _Reader] = {
    TOP_LIST_BASE64: partial(_read_list, Endpoint.NEW),
    BEST_BASE64: partial(_read_list, Endpoint.CLASSIC),
    TOP_LIST: partial(_read_list, Endpoint.NEW),
    CATEGORY_GET: _read_category,
    GET_TOKEN: _read_tokens,
    QUERY_DETAIL: _read_offer_detail,
    **{figure.api: partial(_read_figure, figure) for figure in Figure},
}


class FailureReason(NamedTuple):
    """Why a request got no answer, in words for the ledger and the log.

    `is_unreadable`: the gateway gave no readable answer at all, so that it may be down.
    """

    code: str
    message: str
    is_unreadable: bool

    def __str__(self) -> str:
        return f"{self.code}: {self.message}" if self.message else self.code


def failure_reason(error: BaseException | None, session: GatewaySession) -> FailureReason:
    """The code and the message of an error: the gateway's own, or our word for what the network did."""
    if isinstance(error, ApiError):
        return FailureReason(error.code, error.message, error.is_unreadable)
    return FailureReason(_network_code(error), session.redact(str(error))[:300], True)


def _network_code(error: BaseException | None) -> str:
    """`DownloadTimeoutError` → `timeout`, `DownloadConnectionRefusedError` → `connection refused`."""
    if type(error) is DownloadFailedError:
        return "network error"
    name = type(error).__name__.removesuffix("Error").removeprefix("Download").removeprefix("Response")
    return "".join(f" {char.lower()}" if char.isupper() else char for char in name).strip() or "no answer"
