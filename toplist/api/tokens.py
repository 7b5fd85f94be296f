"""The merchant's tokens: the refresh flow of `system.oauth2/getToken`, and its answer.

The flow is not signed and has the secret in its form. So the logical call is empty, and `toplist.api.calls.sign` fills
it in as the last step before sending. It goes over https, or to this computer, as every gateway URL must.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from toplist.api.calls import GET_TOKEN, Call
from toplist.api.decoding import ErrorInfo, one_line, parse_body
from toplist.api.error_rules import check_refusal, refusal
from toplist.api.values import read_count, read_text
from toplist.errors import ApiError, FatalApiError, ListError, TransientApiError

#: The errors of RFC 6749 that refuse the refresh token or the app. Any other error may be temporary.
_REFUSALS = frozenset(
    (
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
    )
)
_STAMP = re.compile(r"(?P<second>[0-9]{14})(?P<milli>[0-9]{3})?(?P<zone>[+-][0-9]{4})")


@dataclass(frozen=True, slots=True)
class Tokens:
    """An access token and its refresh token, with their expiry times (aware, UTC) where they are known."""

    access_token: str | None = field(default=None, repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    access_expires_at: datetime | None = None
    refresh_expires_at: datetime | None = None

    def __reduce__(self) -> NoReturn:
        raise TypeError("tokens are never stored in a job directory")


def refresh_call() -> Call:
    """The call for a new access token. It holds no secret."""
    return Call(GET_TOKEN, {})


def read_token_answer(status: int, body: bytes, before: Tokens, now: datetime) -> Tokens:
    """The tokens of an answer to `refresh_call`, received at `now`.

    What the answer leaves out, which mostly includes the refresh token, stays as in `before`. Raises FatalApiError only
    where the gateway refuses the refresh token, TransientApiError for an error without a known code, and otherwise the
    error of `toplist.api.error_rules`.
    """
    value = _json_object(body) if 200 <= status < 500 else {}
    if one_line(value.get("error")).casefold() in _REFUSALS:
        raise _refused(value)
    access_token = read_text(value.get("access_token"))
    if 200 <= status < 300 and isinstance(access_token, str):
        return _tokens(access_token, value, before, now)
    if "error" in value:
        raise _other_error(status, value)
    check_refusal(status, body, GET_TOKEN.signed_as)
    raise TransientApiError("unreadable", "the answer has no access token")


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        value = parse_body(body)
    except TransientApiError:
        return {}
    return value if isinstance(value, dict) else {}


def _other_error(status: int, value: dict[str, Any]) -> ApiError:
    """By phrase and status, as any call's error; otherwise it may be temporary."""
    message = one_line(value.get("error_description")) or one_line(value["error"])
    error = refusal(status, ErrorInfo("", message), GET_TOKEN.signed_as)
    return TransientApiError("refresh", message) if isinstance(error, ListError) else error


def _refused(value: dict[str, Any]) -> FatalApiError:
    message = one_line(value.get("error_description")) or one_line(value["error"])
    return FatalApiError(
        "refresh", f"{message}; TOPLIST_REFRESH_TOKEN is not accepted: have the merchant grant a new one"
    )


def _tokens(access_token: str, value: dict[str, Any], before: Tokens, now: datetime) -> Tokens:
    """A token is kept whatever its expiry times are: a time that can't be read is unknown."""
    refresh_token = read_text(value.get("refresh_token"))
    return replace(
        before,
        access_token=access_token,
        access_expires_at=_after(now, read_count(value.get("expires_in"))),
        refresh_token=refresh_token if isinstance(refresh_token, str) else before.refresh_token,
        refresh_expires_at=read_instant(value.get("refresh_token_timeout")) or before.refresh_expires_at,
    )


def _after(now: datetime, seconds: object) -> datetime | None:
    if not isinstance(seconds, int):
        return None
    try:
        return now + timedelta(seconds=seconds)
    except OverflowError:
        return None


def read_instant(raw: Any) -> datetime | None:
    """``20261010164552223+0800``, the form of the gateway's times; milliseconds may be missing.

    Aware, UTC; `None` where it can't be read.
    """
    match = _STAMP.fullmatch(raw.strip()) if isinstance(raw, str) else None
    if match is None:
        return None
    try:
        at = datetime.strptime(match["second"] + match["zone"], "%Y%m%d%H%M%S%z")
        return (at + timedelta(milliseconds=int(match["milli"] or 0))).astimezone(UTC)
    except (ValueError, OverflowError):  # OverflowError: the first and the last day that a datetime can hold
        return None
