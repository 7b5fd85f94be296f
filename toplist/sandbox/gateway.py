"""The sandbox's gateway: a request is logged, checked against the limits, parsed, checked, and answered or failed.

Faults that happen on the connection (`faults.WIRE_KINDS`) are at the end of this module.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.utils import formatdate
from itertools import count
from typing import Any
from weakref import WeakKeyDictionary

from aiohttp import web

from toplist.api.calls import CATEGORY_GET, CURRENT_TIME, GET_TOKEN
from toplist.dates import SHANGHAI
from toplist.ranktypes import Protocol
from toplist.sandbox import answers, checks, faults
from toplist.sandbox.answers import JsonAnswer, Refusal
from toplist.sandbox.clocks import SandboxClocks
from toplist.sandbox.faults import FaultRule, HtmlAnswer
from toplist.sandbox.lies import LIE_KINDS, lie
from toplist.sandbox.limits import LimitChecker, LoggedRequest, RequestLog
from toplist.sandbox.market import Market

CLOCK_HEADER = "X-Sandbox-Clock"
_DRIP_SLICES = 40
_ONE_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class WireResponse:
    """An answer as bytes and headers."""

    status: int
    body: bytes
    headers: dict[str, str]


@dataclass(slots=True)
class SandboxGateway:
    """One sandbox: its options, its market and its records."""

    keys: checks.SandboxKeys
    market: Market
    clocks: SandboxClocks = field(default_factory=SandboxClocks)
    limits: LimitChecker = field(default_factory=LimitChecker)
    rules: list[FaultRule] = field(default_factory=list)
    not_granted: set[str] = field(default_factory=set)
    max_age: float = 10.0
    latency: float = 0.0
    close_every: int = 0
    log: RequestLog = field(default_factory=RequestLog)
    _connections: WeakKeyDictionary[asyncio.Transport, list[int]] = field(default_factory=WeakKeyDictionary)
    _numbers: count[int] = field(default_factory=lambda: count(1))

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        at = time.monotonic()
        connection, requests = self._connection(request)
        record = self.log.open(at, self.clocks.gateway(), connection)
        broken = self.limits.request_arrived(record.number, at)
        try:
            params = await _parameters(request)
            asked = checks.read(request.match_info["path"], params)
            _fill_record(record, asked)
            if asked.is_list and asked.category_id is not None and broken is None:
                broken = self.limits.list_requested(record.number, at, asked.category_id)
            outcome, answer, rule = self._decide(record, asked, broken)
            if self.latency:
                await asyncio.sleep(self.latency)
            close = bool(self.close_every) and requests >= self.close_every
            return await self._deliver(request, record, outcome, self._wire_response(answer), rule, close=close)
        except (asyncio.CancelledError, ConnectionError):
            if record.answer is None:
                self.log.close(record, "disconnected", None, None)
            raise

    def _connection(self, request: web.Request) -> tuple[int, int]:
        """The connection's number, and how many requests it has carried with this one."""
        transport = request.transport
        if transport is None:
            return 0, 1
        known = self._connections.setdefault(transport, [0, 0])
        known[0] = known[0] or next(self._numbers)
        known[1] += 1
        return known[0], known[1]

    def _decide(
        self, record: LoggedRequest, asked: checks.ParsedRequest, broken: str | None
    ) -> tuple[str, JsonAnswer | HtmlAnswer, FaultRule | None]:
        """The outcome for the log, the answer, and the rule of the fault, if one fired."""
        request_id = f"sandbox{record.number:09d}"
        if broken == "pause":
            return "refused 403 (pause)", faults.answer_instead(FaultRule("403"), asked, request_id), None
        if broken:
            base64 = asked.protocol is Protocol.BASE64
            return f"throttled {broken}", faults.throttle(base64).answer(request_id), None
        try:
            checks.check(asked, self.keys, self.not_granted, self.clocks.gateway(), self.max_age)
        except Refusal as refusal:
            return f"refused {refusal.code}", refusal.answer(request_id), None
        fired = next((rule for rule in self.rules if rule.fires(asked, self.market.seed)), None)
        if fired is None:
            document = self._document(asked)
            return "ok", JsonAnswer(400 if "error" in document else 200, document), None
        outcome = f"fault {fired.kind}"
        if fired.kind in faults.ANSWER_KINDS:
            return outcome, faults.answer_instead(fired, asked, request_id), fired
        if fired.kind == "other":
            return (
                outcome,
                JsonAnswer(200, self._document(replace(asked, category_id=_other(asked.category_id)))),
                fired,
            )
        document = self._document(asked)
        if fired.kind in faults.ROW_KINDS:
            faults.corrupt(fired, document)
        return outcome, JsonAnswer(200, document), fired

    def _document(self, asked: checks.ParsedRequest) -> Any:
        """The document for a request that passed the checks."""
        assert asked.api is not None
        if asked.api is CURRENT_TIME:
            now = datetime.fromtimestamp(self.clocks.gateway(), SHANGHAI)
            return f"{now:%Y%m%d%H%M%S}{now.microsecond // 1000:03d}+0800"
        if asked.api is CATEGORY_GET:
            return answers.category_info(asked.category_id or "0")
        if asked.api is GET_TOKEN:
            return self.keys.tokens.renew(asked.params, self.keys.app_key, self.keys.app_secret, self.clocks.gateway())
        if asked.offer_id is not None:
            on = self.clocks.market_date()
            return answers.offer_document(self.market, asked.api, asked.offer_id, on, asked.first, asked.last)
        if checks.has_other_endpoints_names(asked):
            return answers.base64_page(asked.api, [], 0)
        return answers.top_list(
            self.market,
            asked.api,
            asked.rank_type or "",
            asked.category_id or "",
            self.clocks.market_date(),
            asked.page or 1,
            asked.size or 20,
        )

    def _wire_response(self, answer: JsonAnswer | HtmlAnswer) -> WireResponse:
        market = self.clocks.market().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        headers = {"Date": formatdate(self.clocks.gateway(), usegmt=True), CLOCK_HEADER: market}
        if isinstance(answer, HtmlAnswer):
            headers |= {"Content-Type": "text/html; charset=utf-8", **answer.headers}
            return WireResponse(answer.status, answer.text.encode(), headers)
        headers["Content-Type"] = "application/json; charset=utf-8"
        return WireResponse(answer.status, json.dumps(answer.document, ensure_ascii=False).encode(), headers)

    async def _deliver(
        self,
        request: web.Request,
        record: LoggedRequest,
        outcome: str,
        reply: WireResponse,
        rule: FaultRule | None,
        *,
        close: bool,
    ) -> web.StreamResponse:
        kind = rule.kind if rule else ""
        if kind in LIE_KINDS:
            body, headers = lie(kind, reply.body, reply.headers)
            reply = WireResponse(reply.status, body, headers)
        if rule is None or kind not in faults.WIRE_KINDS:
            response = await _send(request, reply, close=close)
            sent_at = time.monotonic()
            if kind == "403":
                self.limits.forbidden_sent(sent_at)
            self.log.close(record, outcome, reply.status, sent_at)
            return response
        self.log.close(record, outcome, None, None)
        match kind:
            case "reset":
                return _reset(request)
            case "truncated":
                return await _truncate(request, reply)
            case "drip":
                return await _drip(request, reply, 2.0 if rule.seconds is None else rule.seconds)
            case "long":
                return await _overrun(request, reply)
        await _withhold(rule.seconds)
        return await _send(request, reply, close=True)


def _other(category_id: str | None) -> str:
    return "311" if category_id != "311" else "10166"


def _fill_record(record: LoggedRequest, asked: checks.ParsedRequest) -> None:
    if asked.api:
        record.api, record.protocol = asked.api.name, asked.api.signed_as.value
    record.rank_type, record.category_id, record.page = asked.rank_type, asked.category_id, asked.page
    record.offer_id = asked.offer_id
    if asked.timestamp is not None:
        record.age = record.wall - asked.timestamp / 1000


async def _parameters(request: web.Request) -> Mapping[str, str]:
    params = dict(request.query)
    if request.method == "POST":
        form = await request.post()
        params |= {name: value for name, value in form.items() if isinstance(value, str)}
    return params


async def _send(request: web.Request, reply: WireResponse, *, close: bool) -> web.StreamResponse:
    """Send the whole answer; `close` closes the connection after it."""
    response = web.Response(status=reply.status, body=reply.body, headers=reply.headers)
    if close:
        response.force_close()
    await response.prepare(request)
    await response.write_eof()
    return response


async def _withhold(seconds: float | None) -> None:
    """Send nothing. The server cancels this when the client disconnects."""
    await asyncio.sleep(_ONE_DAY if seconds is None else seconds)


def _reset(request: web.Request) -> web.StreamResponse:
    """Reset the connection: without linger the kernel sends RST instead of FIN."""
    transport = request.transport
    if transport is not None:
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return web.Response()


async def _truncate(request: web.Request, reply: WireResponse) -> web.StreamResponse:
    """Announce the whole body, send half of it, and close the connection."""
    response = web.StreamResponse(status=reply.status, headers=reply.headers)
    response.content_length = len(reply.body)
    await response.prepare(request)
    await response.write(reply.body[: len(reply.body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response


async def _overrun(request: web.Request, reply: WireResponse) -> web.StreamResponse:
    """Announce half of the body, and send all of it, in one piece: what came late would spoil the next answer, too."""
    response = web.StreamResponse(status=reply.status, headers=reply.headers)
    response.content_length = len(reply.body) // 2
    _hold_back(request, True)
    await response.prepare(request)
    await response.write_eof(reply.body[: len(reply.body) // 2])
    if request.transport is not None:
        request.transport.write(reply.body[len(reply.body) // 2 :])
    _hold_back(request, False)
    return response


def _hold_back(request: web.Request, is_held: bool) -> None:
    """Have the system hold back what is written, until it is told otherwise; where it can."""
    if request.transport is not None and hasattr(socket, "TCP_CORK"):
        request.transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, is_held)


async def _drip(request: web.Request, reply: WireResponse, seconds: float) -> web.StreamResponse:
    """Send the body in small slices, evenly over `seconds`."""
    response = web.StreamResponse(status=reply.status, headers=reply.headers)
    response.content_length = len(reply.body)
    await response.prepare(request)
    step = max(1, len(reply.body) // _DRIP_SLICES)
    for start in range(0, len(reply.body), step):
        await response.write(reply.body[start : start + step])
        await asyncio.sleep(seconds / _DRIP_SLICES)
    await response.write_eof()
    return response
