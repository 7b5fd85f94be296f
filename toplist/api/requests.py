"""Requests as the gateway spells them: the logical call, and the path and form that go on the wire.

Vendor parameter names live here and nowhere else on the way out.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from urllib.parse import urlencode

from toplist.api.calls import (
    BEST_BASE64,
    CATEGORY_GET,
    CURRENT_TIME,
    GET_TOKEN,
    TOP_LIST,
    TOP_LIST_BASE64,
    Call,
)
from toplist.api.credentials import Credentials
from toplist.api.signing import base64_signature, openplatform_signature
from toplist.errors import InputError
from toplist.ranktypes import RANK_TYPES, Endpoint, Protocol, rank_types_of

#: The most rows of one `openplatform` answer, which has no pages.
OPENPLATFORM_LIMIT = 20


@dataclass(frozen=True, slots=True)
class Signed:
    """What is sent: `path` below the gateway's URL, and the form, percent-encoded UTF-8. It holds the token."""

    path: str
    form_body: bytes = field(repr=False)


def list_call(
    protocol: Protocol, rank_type: str, category_id: str, page: int, page_size: int, language: str = "en"
) -> Call:
    """The call for one page of a list. `language` is that of `title_translated`, which only `openplatform` has.

    Raises `InputError` for what the protocol does not have: a rank type, a second page, a page of more than 20.
    """
    if rank_type not in rank_types_of(protocol):
        raise InputError(f"rank type {rank_type!r}: {protocol} has {', '.join(rank_types_of(protocol))}")
    if protocol is Protocol.OPENPLATFORM:
        return _rank_query(rank_type, category_id, page, page_size, language)
    paging = {"page": str(page), "pageSize": str(page_size)}
    if RANK_TYPES[rank_type].endpoint is Endpoint.CLASSIC:
        return Call(BEST_BASE64, {"sort_type": rank_type, "cat": category_id, **paging})
    return Call(TOP_LIST_BASE64, {"rankType": rank_type, "categoryId": category_id, **paging})


def _rank_query(rank_type: str, category_id: str, page: int, page_size: int, language: str) -> Call:
    if page != 1:
        raise InputError(f"page {page}: openplatform has no paging, only page 1")
    if page_size > OPENPLATFORM_LIMIT:
        raise InputError(f"page_size {page_size}: openplatform gives at most {OPENPLATFORM_LIMIT} rows")
    query = {"rankId": category_id, "rankType": rank_type, "limit": page_size, "language": language}
    return Call(TOP_LIST, {"rankQueryParams": compact_json(query)})


def compact_json(value: object) -> str:
    """JSON as an object parameter carries it; the very text that is signed and sent."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def category_call(category_id: str) -> Call:
    """The call for a category and its children; ``0`` asks for the roots. Serves both protocols, without a token."""
    return Call(CATEGORY_GET, {"categoryID": category_id})


def time_call() -> Call:
    """The call for the gateway's clock."""
    return Call(CURRENT_TIME, {})


def sign(call: Call, credentials: Credentials, timestamp_ms: int) -> Signed:
    """Stamp and sign a call, as the last step before the wire: a signature does not keep.

    `timestamp_ms` is milliseconds since 1970, 13 digits. Raises `InputError` where the API needs a token that is not
    there.
    """
    if call.api is GET_TOKEN:
        return _token_form(credentials)
    if call.api.signed_as is Protocol.BASE64:
        return _signed_base64(call, credentials, timestamp_ms)
    return _signed_openplatform(call, credentials, timestamp_ms)


def _token_form(credentials: Credentials) -> Signed:
    """The refresh flow: it proves itself by the secret, and is neither signed nor stamped."""
    if not credentials.refresh_token:
        raise InputError("TOPLIST_REFRESH_TOKEN is not set: without it the access token can't be renewed")
    params = {
        "grant_type": "refresh_token",
        "client_id": credentials.app_key,
        "client_secret": credentials.app_secret,
        "refresh_token": credentials.refresh_token,
    }
    return Signed(GET_TOKEN.path + credentials.app_key, urlencode(params).encode())


def _signed_base64(call: Call, credentials: Credentials, timestamp_ms: int) -> Signed:
    params = {**call.params, "app_key": credentials.app_key, "timestamp": str(timestamp_ms)}
    params["sign"] = base64_signature(params, credentials.app_secret)
    return Signed(call.api.path, urlencode(params).encode())


def _signed_openplatform(call: Call, credentials: Credentials, timestamp_ms: int) -> Signed:
    params = {**call.params, "_aop_timestamp": str(timestamp_ms)}
    if call.api.needs_token:
        if not credentials.access_token:
            raise InputError(f"TOPLIST_ACCESS_TOKEN is not set: {call.api.name} needs the merchant's access token")
        params["access_token"] = credentials.access_token
    path = call.api.path + credentials.app_key
    params["_aop_signature"] = openplatform_signature(path, params, credentials.app_secret)
    return Signed(path, urlencode(params).encode())
