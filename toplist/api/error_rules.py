"""What the gateway's no leads to, as tables: code → the exception that says what to do.

Two envelopes, `error_response` and flat `error_code`, and business failures inside of HTTP 200; any of them can come to
either protocol, and codes are numbers or text. What decides, in this order: a sub-code that is known, a code that is
known, a phrase that is known; the HTTP status; and for what is left, that an unknown code is never a success.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from toplist.api.decoding import decode_body, one_line, parse_body
from toplist.api.error_envelopes import ErrorInfo, find_error_info
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
class Outcome:
    """The exception that a code leads to, and what the user can do. `{other}` in a hint is the other protocol."""

    error: type[ApiError]
    hint: str = ""
    whole_endpoint: bool = False


_OTHER_PROTOCOL = Outcome(
    FatalApiError, "the gateway expects the other protocol: set TOPLIST_PROTOCOL={other}{and_token}, in use is {own}"
)
_NO_GRANT = Outcome(PermissionDenied, "the app has no grant for it: apply for the API in the app's solution")
_NO_API = Outcome(PermissionDenied, "the gateway has no such API", whole_endpoint=True)
_SECRET = Outcome(FatalApiError, "check TOPLIST_APP_SECRET, and that it belongs to TOPLIST_APP_KEY")
_KEY = Outcome(FatalApiError, "check TOPLIST_APP_KEY; if it is right, TOPLIST_PROTOCOL={other}{and_token} may be meant")
_SESSION = Outcome(
    FatalApiError, "TOPLIST_ACCESS_TOKEN is missing or has expired, or TOPLIST_PROTOCOL={other}{and_token} is meant"
)
_TOKEN = Outcome(FatalApiError, "TOPLIST_ACCESS_TOKEN is missing or has expired")
_CLOCK = Outcome(ClockSkewed, "check this machine's clock")
_BUSY = Outcome(Throttled)
_AGAIN = Outcome(TransientApiError)
_ARGUMENT = Outcome(ListError)

#: Codes of both envelopes, in lower case and without the prefix ``gw.``, which is not always there.
#: Sources: the platform's errors as clients observed them, and the public code table of the sibling platform (TOP).
CODES: dict[str, Outcome] = {
    "signaturemissing": _OTHER_PROTOCOL,
    "appkeymissing": _OTHER_PROTOCOL,
    "signatureinvalid": _SECRET,
    "appkeynotfound": Outcome(FatalApiError, "the gateway does not know TOPLIST_APP_KEY"),
    "apiunsupported": _NO_API,
    "apiacldecline": _NO_GRANT,
    "parammissing": _ARGUMENT,
    "paraminvalid": _ARGUMENT,
    "401": _TOKEN,
    "qosappfrequencylimit": _BUSY,
    "qosapifrequencylimit": _BUSY,
    "ispinvokeerror": _AGAIN,
    "ispinvoketimeout": _AGAIN,
    "7": _BUSY,
    "10": _AGAIN,
    "11": _NO_GRANT,
    "12": _NO_GRANT,
    "13": _NO_GRANT,
    "21": _NO_API,
    "22": _NO_API,
    "24": _OTHER_PROTOCOL,
    "25": _SECRET,
    "26": _SESSION,
    "27": _SESSION,
    "28": _KEY,
    "29": _KEY,
    "30": _CLOCK,
    "31": _CLOCK,
    "40": _ARGUMENT,
    "41": _ARGUMENT,
}

#: Sub-codes by how they begin, the first that fits; each decides before its code does.
SUB_CODES: dict[str, Outcome] = {
    "accesscontrol.limited-by-api-access-count": _BUSY,
    "isv.permission-": _NO_GRANT,
    "isp.": _AGAIN,
}

#: Phrases that stand for a code where the envelope brings the text alone, or no envelope at all.
PHRASES: dict[str, str] = {
    "request need user authorized": "401",
    "request need user authenticated": "401",
    "app call limited": "7",
    "app call exceeds limited frequency": "gw.QosAppFrequencyLimit",
    "service currently unavailable": "10",
    "insufficient isv permissions": "11",
    "insufficient user permissions": "12",
    "insufficient partner permissions": "13",
    "appkey is not allowed(acl)": "gw.APIACLDecline",
    "missing method": "21",
    "invalid method": "22",
    "missing signature": "24",
    "invalid signature": "25",
    "missing session": "26",
    "invalid session": "27",
    "missing app key": "28",
    "invalid app key": "29",
    "missing timestamp": "30",
    "invalid timestamp": "31",
    "missing required arguments": "40",
    "invalid arguments": "41",
}

#: Statuses that say something where no known code does. 5xx is `_AGAIN`, and so is what brings no code at all.
STATUSES: dict[int, Outcome] = {
    401: _TOKEN,
    403: Outcome(Forbidden),
    408: _AGAIN,
    429: _BUSY,
}


def check_refusal(status: int, body: bytes, protocol: Protocol) -> Any:
    """The JSON value of an answer that is no refusal; raises the `ApiError` that a refusal leads to.

    `protocol` is the one that the request was signed in, for the hint which setting to change. Serves every API.
    """
    try:
        value = parse_body(body)
    except TransientApiError as unread:
        info = _error_in_text(body)
        if info is None and 200 <= status < 300:
            raise
        raise refusal(status, info, protocol, unread.message) from None
    info = find_error_info(value)
    if info is None and 200 <= status < 300:
        return value
    raise refusal(status, info, protocol, "no error code")


def refusal(status: int, info: ErrorInfo | None, protocol: Protocol, otherwise: str = "") -> ApiError:
    """The exception for a info that came with a status; for none at all, `otherwise` is its message."""
    code, outcome = _decide(status, info)
    message = (info.text() if info else otherwise) or f"HTTP {status}"
    if outcome.hint:
        message = f"{message}; {_hint(outcome, protocol)}"
    request_id = info.request_id if info else None
    if outcome.whole_endpoint:
        return PermissionDenied(code, message, request_id=request_id, whole_endpoint=True)
    return outcome.error(code, message, request_id=request_id)


def _decide(status: int, info: ErrorInfo | None) -> tuple[str, Outcome]:
    if info and (known := _known(info)):
        return known
    by_status = _AGAIN if status >= 500 else STATUSES.get(status)
    named = info.name() if info else ""
    if by_status:
        # A missing token has one name, however the gateway says it.
        return named or ("401" if by_status is _TOKEN else f"http {status}"), by_status
    if info:
        return named or "no code", Outcome(ListError)
    return f"http {status}", _AGAIN


def _known(info: ErrorInfo) -> tuple[str, Outcome] | None:
    sub_code = info.sub_code.casefold()
    for beginning, outcome in SUB_CODES.items():
        if sub_code.startswith(beginning):
            return info.name(), outcome
    if outcome_of_code := CODES.get(_key(info.code)):
        return info.name(), outcome_of_code
    if sub_code.startswith("isv."):
        return info.name(), _ARGUMENT
    if code := _phrase(info.message):
        return code, CODES[_key(code)]
    return None


def _key(code: str) -> str:
    return code.casefold().removeprefix("gw.")


def _phrase(text: str) -> str | None:
    plain = text.casefold()
    return next((code for phrase, code in PHRASES.items() if phrase in plain), None)


def _error_in_text(body: bytes) -> ErrorInfo | None:
    """A known phrase in a plain body. A page is not searched: it may quote anything."""
    text = decode_body(body[:2000]).strip()
    return None if text.startswith("<") or not _phrase(text) else ErrorInfo("", one_line(text))


def _hint(outcome: Outcome, protocol: Protocol) -> str:
    other = Protocol.BASE64 if protocol is Protocol.OPENPLATFORM else Protocol.OPENPLATFORM
    and_token = " and TOPLIST_ACCESS_TOKEN" if other is Protocol.OPENPLATFORM else ""
    return outcome.hint.format(own=protocol, other=other, and_token=and_token)
