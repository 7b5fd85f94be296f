"""The gateway's APIs, the calls to them, and how a call is signed.

A `Call` is logical: it says what to ask and holds no key, token, timestamp or signature. `sign` turns it into the path
and the form that go on the wire. Vendor parameter names occur here and nowhere else on the way out.

Pure: no clock, no environment. Signatures are computed over raw UTF-8 text, before percent-encoding.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from toplist.api.credentials import Credentials
from toplist.errors import InputError
from toplist.ranktypes import RANK_TYPES, Endpoint, Protocol, rank_types_of

_FENXIAO = "com.alibaba.fenxiao.crossborder"

#: The most rows of one `openplatform` answer, which has no pages.
OPENPLATFORM_LIMIT = 20


@dataclass(frozen=True, slots=True)
class Api:
    """One API of the gateway: `param2/1/{namespace}/{name}/`.

    There is one object per API: copying and unpickling return it, so that ``is`` compares APIs everywhere.
    """

    namespace: str
    name: str
    signed_as: Protocol
    needs_token: bool = False

    @property
    def path(self) -> str:
        """From ``param2``, with the closing slash that an app key may follow."""
        return f"param2/1/{self.namespace}/{self.name}/"

    def __reduce__(self) -> tuple[Callable[[str], Api], tuple[str]]:
        return _api_of, (self.path,)


TOP_LIST_BASE64 = Api("com.alibaba.product", "product.topList.query", Protocol.BASE64)
BEST_BASE64 = Api("com.alibaba.item", "alibaba.item.search.best", Protocol.BASE64)
TOP_LIST = Api(_FENXIAO, "product.topList.query", Protocol.OPENPLATFORM, needs_token=True)
CATEGORY_GET = Api("com.alibaba.product", "alibaba.category.get", Protocol.OPENPLATFORM)
CURRENT_TIME = Api("system", "currentTime", Protocol.OPENPLATFORM)
QUERY_DETAIL = Api(_FENXIAO, "product.search.queryProductDetail", Protocol.OPENPLATFORM, needs_token=True)
UNITS_TREND = Api(_FENXIAO, "product.analyze.getPerdaySellQuantityTrendNew", Protocol.OPENPLATFORM, needs_token=True)
PRICE_TREND = Api(_FENXIAO, "product.analyze.getThirtyDayMedianPriceTrendNew", Protocol.OPENPLATFORM, needs_token=True)
REPURCHASE_TREND = Api(_FENXIAO, "product.analyze.getRepurchaseRateTrendNew", Protocol.OPENPLATFORM, needs_token=True)
#: The only API that is not signed: its form carries the secret, see `toplist.api.tokens`.
GET_TOKEN = Api("system.oauth2", "getToken", Protocol.OPENPLATFORM)

#: Every API, by its path.
APIS: dict[str, Api] = {
    api.path: api
    for api in (
        TOP_LIST_BASE64,
        BEST_BASE64,
        TOP_LIST,
        CATEGORY_GET,
        CURRENT_TIME,
        QUERY_DETAIL,
        UNITS_TREND,
        PRICE_TREND,
        REPURCHASE_TREND,
        GET_TOKEN,
    )
}


def _api_of(path: str) -> Api:
    return APIS[path]


@dataclass(frozen=True, slots=True)
class Call:
    """An API with its own parameters, without those of the system: key, token, timestamp, signature."""

    api: Api
    params: dict[str, str]


@dataclass(frozen=True, slots=True)
class SignedCall:
    """What is sent: `path` below the gateway's URL, and the percent-encoded UTF-8 form. It holds the token."""

    path: str
    form_body: bytes = field(repr=False)


def list_call(
    protocol: Protocol, rank_type: str, category_id: str, page: int, page_size: int, language: str = "en"
) -> Call:
    """The call for one page of a list. `language` is that of `title_translated`, which only `openplatform` has.

    Raises `InputError` for what the protocol does not have: a rank type, a second page, a page of more than 20 rows.
    """
    if rank_type not in rank_types_of(protocol):
        raise InputError(f"rank type {rank_type!r}: {protocol} has {', '.join(rank_types_of(protocol))}")
    if protocol is Protocol.OPENPLATFORM:
        return _openplatform_list_call(rank_type, category_id, page, page_size, language)
    paging = {"page": str(page), "pageSize": str(page_size)}
    if RANK_TYPES[rank_type].endpoint is Endpoint.CLASSIC:
        return Call(BEST_BASE64, {"sort_type": rank_type, "cat": category_id, **paging})
    return Call(TOP_LIST_BASE64, {"rankType": rank_type, "categoryId": category_id, **paging})


def _openplatform_list_call(rank_type: str, category_id: str, page: int, page_size: int, language: str) -> Call:
    if page != 1:
        raise InputError(f"page {page}: openplatform has no paging, only page 1")
    if page_size > OPENPLATFORM_LIMIT:
        raise InputError(f"page_size {page_size}: openplatform gives at most {OPENPLATFORM_LIMIT} rows")
    query = {"rankId": category_id, "rankType": rank_type, "limit": page_size, "language": language}
    return Call(TOP_LIST, {"rankQueryParams": compact_json(query)})


def category_call(category_id: str) -> Call:
    """The call for a category and its children; ``0`` asks for the roots. Serves both protocols, without a token."""
    return Call(CATEGORY_GET, {"categoryID": category_id})


def time_call() -> Call:
    """The call for the gateway's clock."""
    return Call(CURRENT_TIME, {})


def compact_json(value: object) -> str:
    """JSON as an object parameter carries it. The same text is signed and sent."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def sign(call: Call, credentials: Credentials, timestamp_ms: int) -> SignedCall:
    """Add the timestamp and the signature to a call. Do this last before sending: a signature expires in seconds.

    `timestamp_ms` is milliseconds since 1970, 13 digits. Raises `InputError` where the API needs a token that is not
    there.
    """
    if call.api is GET_TOKEN:
        return _token_form(credentials)
    if call.api.signed_as is Protocol.BASE64:
        params = {**call.params, "app_key": credentials.app_key, "timestamp": str(timestamp_ms)}
        params["sign"] = base64_signature(params, credentials.app_secret)
        return SignedCall(call.api.path, urlencode(params).encode())
    params = {**call.params, "_aop_timestamp": str(timestamp_ms)}
    if call.api.needs_token:
        if not credentials.access_token:
            raise InputError(f"TOPLIST_ACCESS_TOKEN is not set: {call.api.name} needs the merchant's access token")
        params["access_token"] = credentials.access_token
    path = call.api.path + credentials.app_key
    params["_aop_signature"] = openplatform_signature(path, params, credentials.app_secret)
    return SignedCall(path, urlencode(params).encode())


def _token_form(credentials: Credentials) -> SignedCall:
    """The refresh flow authenticates by the secret in its form; it has no timestamp and no signature."""
    if not credentials.refresh_token:
        raise InputError("TOPLIST_REFRESH_TOKEN is not set: without it the access token can't be renewed")
    params = {
        "grant_type": "refresh_token",
        "client_id": credentials.app_key,
        "client_secret": credentials.app_secret,
        "refresh_token": credentials.refresh_token,
    }
    return SignedCall(GET_TOKEN.path + credentials.app_key, urlencode(params).encode())


def base64_text(params: Mapping[str, str]) -> str:
    """The text that `base64` signs: key+value of every parameter, sorted by key, joined."""
    return "".join(key + params[key] for key in sorted(params) if key != "sign")


def base64_signature(params: Mapping[str, str], secret: str) -> str:
    """`sign`: Base64 of HMAC-SHA1. It may hold ``+ / =``, which a form must percent-encode."""
    return base64.b64encode(_hmac_sha1(secret, base64_text(params))).decode()


def openplatform_text(url_path: str, params: Mapping[str, str]) -> str:
    """The text that `openplatform` signs: the path, then the key+value strings, sorted as joined strings.

    `url_path` begins at ``param2`` and ends with the app key.
    Source: the platform's signature page (its example is among the vectors of the tests).
    """
    return url_path + "".join(sorted(key + value for key, value in params.items() if key != "_aop_signature"))


def openplatform_signature(url_path: str, params: Mapping[str, str], secret: str) -> str:
    """`_aop_signature`: upper-case hex of HMAC-SHA1."""
    return _hmac_sha1(secret, openplatform_text(url_path, params)).hex().upper()


def _hmac_sha1(secret: str, text: str) -> bytes:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha1).digest()
