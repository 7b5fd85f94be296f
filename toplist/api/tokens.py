"""The merchant's tokens: the refresh flow of `system.oauth2/getToken`, and what it brings.

The flow is not signed and carries the secret in its form, so the logical call is empty: `toplist.api.calls`
fills it in as the last step before the wire. It goes over https, or to this computer, as every gateway URL must.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from toplist.api.calls import GET_TOKEN, Call
from toplist.api.decoding import one_line, parse_body
from toplist.api.error_rules import check_refusal
from toplist.api.values import read_count, read_text
from toplist.errors import FatalApiError

_STAMP = re.compile(r"(?P<second>[0-9]{14})(?P<milli>[0-9]{3})?(?P<zone>[+-][0-9]{4})")


@dataclass(frozen=True, slots=True)
class Tokens:
    """An access token and what renews it, with their ends (aware, UTC) where they are known."""

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
    """The tokens of an answer to `refresh_call`, given at `now`; what it leaves out stays as it was `before`.

    Raises FatalApiError where the gateway does not accept the refresh token, TransientApiError for an answer that can't
    be read, and the error that the table of error rules has for any other code.
    """
    value = parse_body(body)
    if isinstance(value, dict) and not value.keys().isdisjoint(("access_token", "error")):
        return read_tokens(value, before, now)
    return read_tokens(check_refusal(status, body, GET_TOKEN.signed_as), before, now)


def read_tokens(value: Any, before: Tokens, now: datetime) -> Tokens:
    """The tokens of an answer to `refresh_call`; what it leaves out, as the refresh token mostly is, stays as before.

    Raises `FatalApiError`, with what the gateway says, where there is no access token in it.
    """
    answer = value if isinstance(value, dict) else {}
    access_token = read_text(answer.get("access_token"))
    if not isinstance(access_token, str):
        said = one_line(answer.get("error_description")) or one_line(answer.get("error")) or "no access token came"
        raise FatalApiError(
            "refresh", f"{said}; TOPLIST_REFRESH_TOKEN is not accepted: have the merchant grant a new one"
        )
    seconds = read_count(answer.get("expires_in"))
    renewed = replace(
        before,
        access_token=access_token,
        access_expires_at=now + timedelta(seconds=seconds) if isinstance(seconds, int) else None,
    )
    refresh_token = read_text(answer.get("refresh_token"))
    if isinstance(refresh_token, str):
        renewed = replace(renewed, refresh_token=refresh_token)
    if ends := read_instant(answer.get("refresh_token_timeout")):
        renewed = replace(renewed, refresh_expires_at=ends)
    return renewed


def read_instant(raw: Any) -> datetime | None:
    """``20261010164552223+0800``, as the gateway's clock and its tokens spell an instant; milliseconds may be missing.

    Aware, UTC; `None` where it can't be read.
    """
    match = _STAMP.fullmatch(raw.strip()) if isinstance(raw, str) else None
    if match is None:
        return None
    try:
        at = datetime.strptime(match["second"] + match["zone"], "%Y%m%d%H%M%S%z")
    except ValueError:
        return None
    return (at + timedelta(milliseconds=int(match["milli"] or 0))).astimezone(UTC)
