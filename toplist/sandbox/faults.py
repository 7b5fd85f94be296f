"""Faults on demand: rules that say when something goes wrong, and the answers of each kind of fault.

Pure but for the rules' counters. A rule is applied to requests that passed every check. It fires on the `nth` of the
requests that match it (and the following, `times` in all), on a seeded `share` of them, or on all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from toplist.ranktypes import Protocol
from toplist.sandbox.answers import JsonAnswer, Refusal
from toplist.sandbox.checks import ParsedRequest
from toplist.sandbox.curves import seeded_number
from toplist.sandbox.lies import LIE_KINDS

#: Kinds that happen on the wire; see `toplist.sandbox.gateway`.
WIRE_KINDS = {
    "timeout": "no answer, for `seconds` or until the client gives up",
    "reset": "the connection is reset (RST)",
    "truncated": "the answer is shorter than its Content-Length",
    "drip": "the answer is sent in small pieces, over `seconds`",
    "long": "the answer is longer than its Content-Length",
}
#: Kinds that corrupt the rows of a list.
ROW_KINDS = {
    "missing": "the key of the rows is left out",
    "empty": "the list has no rows",
    "short": "`rows` rows (3) are missing at the end of the page, the total stays",
    "duplicate": "the first row is repeated at the end",
    "broken": "rows without id or title, and one that is not an object",
    "shuffled": "the rows are in reverse order",
    "total": "the total is wrong: `total`, or 7 more than there are",
    "other": "the rows of another list; in openplatform its name, too",
}
#: Kinds that replace the answer.
ANSWER_KINDS = {
    "403": "HTTP 403, an HTML page",
    "throttle": "the protocol's throttle code, at HTTP `status` (400)",
    "5xx": "HTTP `status` (502), an HTML page",
    "html": "not JSON: an HTML page at HTTP 200",
    "code": "any `code` at HTTP `status`: a number in base64's envelope, text in openplatform's",
    "expired": "code 31, the timestamp is refused",
    "acl": "the app has no grant",
    "token": "the access token has expired, HTTP 401",
    "redirect": "HTTP 302 to a path, or to the address `message`; the request log shows whether it was followed",
    "echo": "the request's parameters instead of an answer, without key, token and signature",
}
KINDS = WIRE_KINDS | ROW_KINDS | ANSWER_KINDS | LIE_KINDS

_SECRET = {"sign", "_aop_signature", "access_token", "app_key", "client_id", "client_secret", "refresh_token"}
_PAGE = "<html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"


@dataclass(frozen=True, slots=True)
class HtmlAnswer:
    """An answer that is not JSON."""

    status: int
    text: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class FaultRule:
    """When a fault happens, and which. `None` matches every request."""

    kind: str
    nth: int | None = None
    times: int | None = None
    share: float | None = None
    rank_type: str | None = None
    category: str | None = None
    page: int | None = None
    api: str | None = None
    offer: str | None = None
    status: int | None = None
    code: str | None = None
    sub_code: str | None = None
    message: str | None = None
    seconds: float | None = None
    rows: int | None = None
    total: int | None = None
    seen: int = 0
    fired: int = 0

    @classmethod
    def parse(cls, text: str) -> FaultRule:
        """From ``kind=403,nth=5``. Raises ValueError with one sentence."""
        pairs = [part.partition("=") for part in text.split(",")]
        if any(not mark for _, mark, _ in pairs):
            raise ValueError(f"a fault reads like kind=403,nth=5, not {text!r}")
        return cls.from_mapping({name.strip(): value.strip() for name, _, value in pairs})

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> FaultRule:
        """From names and values, text or numbers. Raises ValueError with one sentence."""
        unknown = set(values) - _SETTABLE.keys()
        if unknown:
            raise ValueError(f"unknown in a fault: {', '.join(sorted(unknown))}; known are {', '.join(_SETTABLE)}")
        if str(values.get("kind")) not in KINDS:
            raise ValueError(f"fault kind {values.get('kind')!r} is unknown; known are {', '.join(KINDS)}")
        typed: dict[str, Any] = {}
        for name, value in values.items():
            try:
                typed[name] = _SETTABLE[name](value)
            except (TypeError, ValueError):
                raise ValueError(f"{name}={value} in a fault is not {_SETTABLE[name].__name__}") from None
        rule = cls(**typed)
        if rule.share is not None and not 0 <= rule.share <= 1:
            raise ValueError(f"share={rule.share} in a fault is not between 0 and 1")
        if any(number is not None and number < 1 for number in (rule.nth, rule.times)):
            raise ValueError("nth and times in a fault count from 1")
        if rule.kind == "code" and rule.code is None:
            raise ValueError("a fault of kind=code needs code=")
        return rule

    def fires(self, asked: ParsedRequest, seed: int = 0) -> bool:
        """Count the request if it matches. Returns whether the fault happens."""
        if not self._matches(asked):
            return False
        self.seen += 1
        times = 1 if self.nth is not None and self.times is None else self.times
        if self.seen < (self.nth or 1) or (times is not None and self.fired >= times):
            return False
        if self.share is not None and seeded_number(seed, self.kind, self.seen) / 2**64 >= self.share:
            return False
        self.fired += 1
        return True

    def _matches(self, asked: ParsedRequest) -> bool:
        if self.kind in ROW_KINDS and not asked.is_list:
            return False
        wanted = (
            (self.rank_type, asked.rank_type),
            (self.category, asked.category_id),
            (self.page, asked.page),
            (self.api, asked.api.name if asked.api else None),
            (self.offer, asked.offer_id),
        )
        return all(want is None or want == is_ for want, is_ in wanted)


_TYPES: dict[str, Callable[[Any], Any]] = {"int | None": int, "float | None": float}
_SETTABLE = {
    item.name: _TYPES.get(str(item.type), str) for item in fields(FaultRule) if item.name not in ("seen", "fired")
}


def answer_instead(rule: FaultRule, asked: ParsedRequest, request_id: str) -> JsonAnswer | HtmlAnswer:
    """What a rule of `ANSWER_KINDS` answers."""
    match rule.kind:
        case "403":
            return HtmlAnswer(403, _PAGE.format("403 Forbidden"))
        case "5xx":
            status = rule.status or 502
            return HtmlAnswer(status, _PAGE.format(f"{status} Bad Gateway"))
        case "html":
            return HtmlAnswer(rule.status or 200, _PAGE.format("系统繁忙，请稍后再试"))
        case "redirect":
            return HtmlAnswer(rule.status or 302, "", {"Location": rule.message or "/openapi/elsewhere"})
        case "echo":
            public_params = {name: value for name, value in asked.params.items() if name not in _SECRET}
            return JsonAnswer(
                rule.status or 200, {"api": asked.api.name if asked.api else None, "params": public_params}
            )
    return _refusal(rule, asked).answer(request_id)


def _refusal(rule: FaultRule, asked: ParsedRequest) -> Refusal:
    base64 = asked.protocol is Protocol.BASE64
    match rule.kind:
        case "throttle":
            return throttle(base64, rule.status)
        case "expired":
            return Refusal(31, "Invalid Timestamp", status=rule.status)
        case "token":
            return Refusal("401", "Request need user authorized", status=rule.status or 401)
        case "acl" if base64:
            permission = "isv.permission-api-package-limit"
            return Refusal(12, "Insufficient ISV Permissions", sub_code=permission, status=rule.status)
        case "acl":
            return Refusal("gw.APIACLDecline", "AppKey is not allowed(acl)", status=rule.status)
    code = rule.code or ""
    message = rule.message or "something went wrong"
    return Refusal(int(code) if code.isdecimal() else code, message, sub_code=rule.sub_code, status=rule.status)


def throttle(base64: bool, status: int | None = None) -> Refusal:
    """The throttle refusal of either protocol, at HTTP 400 by default."""
    if base64:
        limited = "accesscontrol.limited-by-api-access-count"
        return Refusal(7, "App Call Limited", sub_code=limited, status=status or 400)
    return Refusal("gw.QosAppFrequencyLimit", "App call exceeds limited frequency", status=status or 400)


def corrupt(rule: FaultRule, document: dict[str, Any]) -> None:
    """Change the document of a list in place, as a rule of `ROW_KINDS` says."""
    (name,) = document
    openplatform = name == "result"
    holder = document["result"]["result"] if openplatform else document[name]["result"]
    key = "rankProductModels" if openplatform else "itemList"
    rows = holder.pop(key, None)
    if rows is None:
        return
    match rule.kind:
        case "missing":
            holder.pop("total", None)
            return
        case "empty":
            rows = []
            holder.update(dict.fromkeys(holder.keys() & {"total"}, 0))
        case "short":
            rows = rows[: max(0, len(rows) - (rule.rows or 3))]
        case "duplicate":
            rows = rows + rows[:1]
        case "broken":
            rows = [_broken(row, position) for position, row in enumerate(rows)]
        case "shuffled":
            rows = rows[::-1]
        case "total" if "total" in holder:
            holder["total"] = holder["total"] + 7 if rule.total is None else rule.total
    holder[key] = rows


def _broken(row: dict[str, Any], position: int) -> Any:
    match position % 20:
        case 1:
            return {key: value for key, value in row.items() if key not in ("offerId", "itemId")}
        case 3:
            return {key: value for key, value in row.items() if key not in ("subject", "title")}
        case 5:
            return {key: None if key in ("offerId", "itemId") else value for key, value in row.items()}
        case 7:
            return "row"
    return row
