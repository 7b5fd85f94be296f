"""What a request asks for, and why it is refused. Pure: the clock and the keys are passed in.

The order of the checks is the one that a client measured at the real gateway: whether there is such an API, key and
signature, timestamp, token, grant, parameters.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import uuid4

from toplist.api.calls import (
    APIS,
    BEST_BASE64,
    CATEGORY_GET,
    CURRENT_TIME,
    GET_TOKEN,
    TOP_LIST,
    TOP_LIST_BASE64,
    Api,
    base64_signature,
    openplatform_signature,
)
from toplist.ranktypes import RANK_TYPES, Endpoint, Protocol
from toplist.sandbox.answers import OFFER_PARAMETERS, Refusal, is_list, read_offer_query, wrong_argument

DEFAULT_LIFE = 36_000  # seconds, as the platform says of its own tokens
MAX_LIMIT, MAX_PAGE_SIZE = 20, 50


@dataclass(slots=True)
class SandboxTokens:
    """The merchant's tokens. Only one access token is valid at a time, which is stricter than the platform is known to
    be: a crawl that keeps using an old token fails.

    Times are Unix seconds by the gateway's clock. `life` is for how long a renewed token is valid; the first one is
    valid until it is renewed or expired by a control.
    """

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    life: int = DEFAULT_LIFE
    expires_at: float | None = None

    def is_valid(self, given: str, now: float) -> bool:
        """Whether this is the valid access token, and it has not expired."""
        return _same(given, self.access_token) and (self.expires_at is None or now < self.expires_at)

    def expire(self, now: float) -> None:
        """Expire the valid access token."""
        self.expires_at = now

    def renew(self, params: Mapping[str, str], app_key: str, app_secret: str, now: float) -> dict[str, Any]:
        """The answer of the refresh flow, in the platform's form; it usually has no new refresh token."""
        known = (("client_id", app_key), ("client_secret", app_secret), ("refresh_token", self.refresh_token))
        if params.get("grant_type") != "refresh_token":
            return {"error": "unsupported_grant_type", "error_description": "grant_type must be refresh_token"}
        for name, expected in known:
            if not _same(params.get(name, ""), expected):
                return {"error": "invalid_grant", "error_description": f"{name} is not accepted"}
        self.access_token = str(uuid4())
        self.expires_at = now + self.life
        return {
            "aliId": "8888888888",
            "resource_owner": "sandbox",
            "expires_in": str(self.life),
            "access_token": self.access_token,
        }


@dataclass(frozen=True, slots=True)
class SandboxKeys:
    """The one key pair that the sandbox accepts, and the merchant's tokens."""

    app_key: str
    app_secret: str = field(repr=False)
    tokens: SandboxTokens


@dataclass(frozen=True, slots=True)
class ParsedRequest:
    """A request's parameters; `None` where one is missing or unreadable."""

    path: str
    api: Api | None
    app_key: str | None
    params: Mapping[str, str] = field(repr=False)
    rank_type: str | None = None
    category_id: str | None = None
    page: int | None = None
    size: int | None = None
    timestamp: int | None = None
    offer_id: str | None = None
    first: date | None = None
    last: date | None = None

    @property
    def is_list(self) -> bool:
        return self.api is not None and is_list(self.api)

    @property
    def protocol(self) -> Protocol | None:
        return self.api.signed_as if self.api else None


def _integer(text: object) -> int | None:
    text = str(text)
    return int(text) if text.isascii() and text.isdecimal() else None


def read(path: str, params: Mapping[str, str]) -> ParsedRequest:
    """Read a request's path (from ``param2``) and parameters. Refuses nothing."""
    parts = path.split("/")
    api = APIS.get("/".join(parts[:4]) + "/")
    base64 = api is None or api.signed_as is Protocol.BASE64
    if base64 and len(parts) > 4 and parts[4]:
        api = None  # these paths end with the name
    key = params.get("app_key") if base64 else (parts[4] if len(parts) > 4 else "")
    stamp = _integer(params.get("timestamp" if base64 else "_aop_timestamp", ""))
    asked: dict[str, Any] = {}
    if api is TOP_LIST_BASE64:
        asked = _paged(params, "rankType", "categoryId")
    elif api is BEST_BASE64:
        asked = _paged(params, "sort_type", "cat")
    elif api is TOP_LIST:
        asked = _ranked(params)
    elif api is CATEGORY_GET:
        asked = {"category_id": params.get("categoryID")}
    elif api in OFFER_PARAMETERS:
        asked = read_offer_query(api, params)
    return ParsedRequest(path=path, api=api, app_key=key or None, params=params, timestamp=stamp, **asked)


def _paged(params: Mapping[str, str], rank_type: str, category: str) -> dict[str, Any]:
    return {
        "rank_type": params.get(rank_type),
        "category_id": params.get(category),
        "page": _integer(params.get("page", "1")),
        "size": _integer(params.get("pageSize", "20")),
    }


def _ranked(params: Mapping[str, str]) -> dict[str, Any]:
    try:
        query = json.loads(params.get("rankQueryParams", ""))
        return {
            "rank_type": query.get("rankType"),
            "category_id": None if query.get("rankId") is None else str(query["rankId"]),
            "page": 1,
            "size": _integer(query.get("limit")),
        }
    except (ValueError, AttributeError):
        return {}


def check(asked: ParsedRequest, keys: SandboxKeys, not_granted: Collection[str], now: float, max_age: float) -> None:
    """Raises `Refusal` for a request that the gateway would refuse. `now` is the gateway's clock in seconds;
    `not_granted` names rank types and APIs that the app may not use."""
    if asked.api is None:
        raise Refusal("gw.APIUnsupported", "The API is not supported")
    if asked.api in (CURRENT_TIME, GET_TOKEN):
        return  # public clients do not sign the clock call; the refresh flow has the secret in its form
    if asked.api.signed_as is Protocol.BASE64:
        _check_base64(asked, keys, now, max_age)
    else:
        _check_openplatform(asked, keys, now, max_age)
    _check_grant(asked, not_granted)
    if asked.is_list:
        _check_list(asked)
    elif asked.api is CATEGORY_GET and _integer(asked.category_id or "") is None:
        raise _bad_parameter(asked, "categoryID", missing=not asked.category_id)
    elif asked.api in OFFER_PARAMETERS:
        wrong = wrong_argument(asked.api, asked.offer_id, asked.first, asked.last)
        if wrong:
            raise _bad_parameter(asked, wrong, missing=wrong == "offerId")


def _check_base64(asked: ParsedRequest, keys: SandboxKeys, now: float, max_age: float) -> None:
    params = asked.params
    if not asked.app_key:
        raise Refusal(28, "Missing App Key")
    if asked.app_key != keys.app_key:
        raise Refusal(29, "Invalid App Key")
    if not params.get("sign"):
        raise Refusal(24, "Missing Signature")
    if not _same(params["sign"], base64_signature(params, keys.app_secret)):
        raise Refusal(25, "Invalid Signature")
    if not params.get("timestamp"):
        raise Refusal(30, "Missing Timestamp")
    _check_age(asked, now, max_age)


def _check_openplatform(asked: ParsedRequest, keys: SandboxKeys, now: float, max_age: float) -> None:
    params = asked.params
    if not asked.app_key:
        raise Refusal("gw.AppKeyMissing", "Missing app key in the path")
    if asked.app_key != keys.app_key:
        raise Refusal("gw.AppKeyNotFound", "The app key does not exist")
    if not params.get("_aop_signature"):
        raise Refusal("gw.SignatureMissing", "Missing _aop_signature")
    if not _same(params["_aop_signature"], openplatform_signature(asked.path, params, keys.app_secret)):
        raise Refusal("gw.SignatureInvalid", "Invalid signature")
    if "_aop_timestamp" in params:
        _check_age(asked, now, max_age)
    if asked.api and asked.api.needs_token:
        if not params.get("access_token"):
            raise Refusal("401", "Request need user authenticated", status=401)
        if not keys.tokens.is_valid(params["access_token"], now):
            raise Refusal("401", "Request need user authorized", status=401)


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())


def _check_age(asked: ParsedRequest, now: float, max_age: float) -> None:
    if asked.timestamp is None or abs(now - asked.timestamp / 1000) > max_age:
        raise Refusal(31, "Invalid Timestamp")


def _check_grant(asked: ParsedRequest, not_granted: Collection[str]) -> None:
    names = {asked.rank_type, asked.api.name if asked.api else None}
    if names.isdisjoint(not_granted):
        return
    if asked.protocol is Protocol.BASE64:
        raise Refusal(12, "Insufficient ISV Permissions", sub_code="isv.permission-api-package-limit")
    raise Refusal("gw.APIACLDecline", "AppKey is not allowed(acl)")


def _check_list(asked: ParsedRequest) -> None:
    if asked.protocol is Protocol.BASE64:
        if has_other_endpoints_names(asked):
            return
        names = ("rankType", "categoryId") if asked.api is TOP_LIST_BASE64 else ("sort_type", "cat")
        limit, size_name = MAX_PAGE_SIZE, "pageSize"
    else:
        names, limit, size_name = ("rankType", "rankId"), MAX_LIMIT, "limit"
    if asked.rank_type is None or asked.category_id is None:
        raise _bad_parameter(asked, names[0] if asked.rank_type is None else names[1], missing=True)
    if not _has_rank_type(asked):
        raise _bad_parameter(asked, names[0])
    if asked.category_id and _integer(asked.category_id) is None:
        raise _bad_parameter(asked, names[1])
    if asked.page is None or asked.page < 1:
        raise _bad_parameter(asked, "page")
    if asked.size is None or not 1 <= asked.size <= limit:
        raise _bad_parameter(asked, size_name)


def has_other_endpoints_names(asked: ParsedRequest) -> bool:
    """Whether the request has the other endpoint's parameters: the gateway then answers with an empty list."""
    others = {TOP_LIST_BASE64: ("sort_type", "cat"), BEST_BASE64: ("rankType", "categoryId")}
    return asked.api in others and any(name in asked.params for name in others[asked.api])


def _has_rank_type(asked: ParsedRequest) -> bool:
    known = RANK_TYPES.get(asked.rank_type or "")
    return known is not None and (known.endpoint is Endpoint.CLASSIC) == (asked.api is BEST_BASE64)


def _bad_parameter(asked: ParsedRequest, name: str, *, missing: bool = False) -> Refusal:
    if asked.protocol is Protocol.BASE64:
        return Refusal(40 if missing else 41, f"{'Missing' if missing else 'Invalid'} Arguments: {name}")
    if missing:
        return Refusal("gw.ParamMissing", f"Required argument {name}")
    return Refusal("gw.ParamInvalid", f"Invalid argument {name}")
