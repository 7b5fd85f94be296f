"""What a refusal of the gateway leads to, as tables: code → the exception that says what to do.

A refusal has one of two envelopes, `error_response` or flat `error_code`, or is a business failure inside of HTTP 200.
Each of them can come to either protocol, and codes are numbers or text. The first of these that is known decides:
sub-code, code, phrase of the message, HTTP status. An unknown code is never a success.

To add a rule for a code, add one row to `RULES`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from toplist.api.decoding import ErrorInfo, decode_body, find_error_info, one_line, parse_body
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
from toplist.ranktypes import Protocol


@dataclass(frozen=True, slots=True)
class ErrorOutcome:
    """The exception that a refusal leads to, and what the user can do about it.

    `hint` may name ``{own}`` and ``{other}``, the protocol in use and the other one. `is_about_token`: a new access
    token may help.
    """

    error: type[ApiError]
    hint: str = ""
    whole_endpoint: bool = False
    is_about_token: bool = False


@dataclass(frozen=True, slots=True)
class ErrorRule:
    """A code of either envelope, and the phrases that stand for it where a message comes without a code."""

    code: str
    outcome: ErrorOutcome
    phrases: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The code in lower case and without the prefix ``gw.``, which is not always there."""
        return _key(self.code)


def _key(code: str) -> str:
    return code.casefold().removeprefix("gw.")


_OTHER_PROTOCOL = ErrorOutcome(
    FatalApiError, "the gateway expects the other protocol: set TOPLIST_PROTOCOL={other}{and_token}, in use is {own}"
)
_NO_GRANT = ErrorOutcome(PermissionDenied, "the app has no grant for it: apply for the API in the app's solution")
_NO_API = ErrorOutcome(PermissionDenied, "the gateway has no such API", whole_endpoint=True)
_SECRET = ErrorOutcome(FatalApiError, "check TOPLIST_APP_SECRET, and that it belongs to TOPLIST_APP_KEY")
_KEY = ErrorOutcome(
    FatalApiError, "check TOPLIST_APP_KEY; if it is right, TOPLIST_PROTOCOL={other}{and_token} may be needed"
)
_UNKNOWN_KEY = ErrorOutcome(FatalApiError, "the gateway does not know TOPLIST_APP_KEY")
_SESSION = ErrorOutcome(
    FatalApiError,
    "TOPLIST_ACCESS_TOKEN is missing or has expired, or TOPLIST_PROTOCOL={other}{and_token} is needed",
    is_about_token=True,
)
_TOKEN = ErrorOutcome(FatalApiError, "TOPLIST_ACCESS_TOKEN is missing or has expired", is_about_token=True)
_CLOCK = ErrorOutcome(ClockSkewed, "check this machine's clock")
_THROTTLED = ErrorOutcome(Throttled)
_TRANSIENT = ErrorOutcome(TransientApiError)
_ARGUMENT = ErrorOutcome(ListError)

#: Sources: the platform's errors as clients observed them, and the public code table of the sibling platform (TOP).
RULES = (
    ErrorRule("gw.SignatureMissing", _OTHER_PROTOCOL),
    ErrorRule("gw.AppKeyMissing", _OTHER_PROTOCOL),
    ErrorRule("gw.SignatureInvalid", _SECRET),
    ErrorRule("gw.AppKeyNotFound", _UNKNOWN_KEY),
    ErrorRule("gw.APIUnsupported", _NO_API),
    ErrorRule("gw.APIACLDecline", _NO_GRANT, ("appkey is not allowed(acl)",)),
    ErrorRule("gw.ParamMissing", _ARGUMENT),
    ErrorRule("gw.ParamInvalid", _ARGUMENT),
    ErrorRule("401", _TOKEN, ("request need user authorized", "request need user authenticated")),
    ErrorRule("gw.QosAppFrequencyLimit", _THROTTLED, ("app call exceeds limited frequency",)),
    ErrorRule("gw.QosApiFrequencyLimit", _THROTTLED),
    ErrorRule("gw.ISPInvokeError", _TRANSIENT),
    ErrorRule("gw.ISPInvokeTimeout", _TRANSIENT),
    ErrorRule("7", _THROTTLED, ("app call limited",)),
    ErrorRule("10", _TRANSIENT, ("service currently unavailable",)),
    ErrorRule("11", _NO_GRANT, ("insufficient isv permissions",)),
    ErrorRule("12", _NO_GRANT, ("insufficient user permissions",)),
    ErrorRule("13", _NO_GRANT, ("insufficient partner permissions",)),
    ErrorRule("21", _NO_API, ("missing method",)),
    ErrorRule("22", _NO_API, ("invalid method",)),
    ErrorRule("24", _OTHER_PROTOCOL, ("missing signature",)),
    ErrorRule("25", _SECRET, ("invalid signature",)),
    ErrorRule("26", _SESSION, ("missing session",)),
    ErrorRule("27", _SESSION, ("invalid session",)),
    ErrorRule("28", _KEY, ("missing app key",)),
    ErrorRule("29", _KEY, ("invalid app key",)),
    ErrorRule("30", _CLOCK, ("missing timestamp",)),
    ErrorRule("31", _CLOCK, ("invalid timestamp",)),
    ErrorRule("40", _ARGUMENT, ("missing required arguments",)),
    ErrorRule("41", _ARGUMENT, ("invalid arguments",)),
)
_BY_KEY = {rule.key: rule for rule in RULES}

#: Sub-codes by their beginning. A sub-code decides before its code does.
SUB_CODES = {
    "accesscontrol.limited-by-api-access-count": _THROTTLED,
    "isv.permission-": _NO_GRANT,
    "isp.": _TRANSIENT,
}

#: HTTP statuses that decide where no known code came; 5xx is transient, and so is an answer without any code.
STATUSES = {
    401: _TOKEN,
    403: ErrorOutcome(Forbidden),
    408: _TRANSIENT,
    429: _THROTTLED,
}

#: Codes after which a new access token may help.
TOKEN_CODES = frozenset(rule.code for rule in RULES if rule.outcome.is_about_token)


def check_refusal(status: int, body: bytes, protocol: Protocol) -> Any:
    """The JSON value of an answer that is not a refusal. Raises the `ApiError` that a refusal leads to.

    Works for every API. `protocol` is the one that the request was signed in; a hint names it.
    """
    try:
        value = parse_body(body)
    except TransientApiError as unreadable:
        info = _error_in_text(body)
        if info is None and 200 <= status < 300:
            raise
        raise refusal(status, info, protocol, unreadable.message) from None
    info = find_error_info(value)
    if info is None and 200 <= status < 300:
        return value
    raise refusal(status, info, protocol, "no error code")


def refusal(status: int, info: ErrorInfo | None, protocol: Protocol, otherwise: str = "") -> ApiError:
    """The exception for an error that came with a status. Without `info`, `otherwise` is its message."""
    code, outcome = _decide(status, info)
    message = (info.text() if info else otherwise) or f"HTTP {status}"
    if outcome.hint:
        message = f"{message}; {_hint(outcome, protocol)}"
    request_id = info.request_id if info else None
    if outcome.whole_endpoint:
        return PermissionDenied(code, message, request_id=request_id, whole_endpoint=True)
    return outcome.error(code, message, request_id=request_id)


def _decide(status: int, info: ErrorInfo | None) -> tuple[str, ErrorOutcome]:
    if info and (known := _known(info)):
        return known
    by_status = _TRANSIENT if status >= 500 else STATUSES.get(status)
    name = info.name() if info else ""
    if by_status:
        # A missing token is always reported as 401, in whatever form the gateway says it.
        return name or ("401" if by_status is _TOKEN else f"http {status}"), by_status
    if info:
        return name or "no code", _ARGUMENT
    return f"http {status}", _TRANSIENT


def _known(info: ErrorInfo) -> tuple[str, ErrorOutcome] | None:
    sub_code = info.sub_code.casefold()
    for beginning, outcome in SUB_CODES.items():
        if sub_code.startswith(beginning):
            return info.name(), outcome
    if rule := _BY_KEY.get(_key(info.code)):
        return info.name(), rule.outcome
    if sub_code.startswith("isv."):
        return info.name(), _ARGUMENT
    if rule := _rule_in_text(info.message):
        return rule.code, rule.outcome
    return None


def _rule_in_text(text: str) -> ErrorRule | None:
    plain = text.casefold()
    return next((rule for rule in RULES if any(phrase in plain for phrase in rule.phrases)), None)


def _error_in_text(body: bytes) -> ErrorInfo | None:
    """A known phrase at the beginning of a plain-text body. An HTML page is not searched: it may quote anything."""
    text = one_line(decode_body(body[:2000]))
    return None if text.startswith("<") or not _rule_in_text(text) else ErrorInfo("", text)


def _hint(outcome: ErrorOutcome, protocol: Protocol) -> str:
    other = Protocol.BASE64 if protocol is Protocol.OPENPLATFORM else Protocol.OPENPLATFORM
    and_token = " and TOPLIST_ACCESS_TOKEN" if other is Protocol.OPENPLATFORM else ""
    return outcome.hint.format(own=protocol, other=other, and_token=and_token)
