"""The gateway as an aiohttp application: arrival, limits, checks, faults, answer, in this order."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import formatdate
from itertools import count
from typing import Any
from weakref import WeakKeyDictionary

from aiohttp import web

from toplist.api.calls import CATEGORY_GET, CURRENT_TIME, GET_TOKEN
from toplist.dates import SHANGHAI
from toplist.sandbox import answers, checks, detail_answers, faults, seasons, wire
from toplist.sandbox.answers import Answer, Refusal
from toplist.sandbox.clocks import Clocks
from toplist.sandbox.faults import Page, Rule
from toplist.sandbox.journal import Journal, Record
from toplist.sandbox.limits import Watchdog
from toplist.sandbox.market import Market

CLOCK_HEADER = "X-Sandbox-Clock"
_MAX_BODY = 1 << 20


@dataclass(slots=True)
class Gateway:
    """Everything that one sandbox is and remembers."""

    credentials: checks.Credentials
    market: Market
    clocks: Clocks = field(default_factory=Clocks)
    watchdog: Watchdog = field(default_factory=Watchdog)
    rules: list[Rule] = field(default_factory=list)
    not_granted: set[str] = field(default_factory=set)
    max_age: float = 10.0
    latency: float = 0.0
    close_every: int = 0
    journal: Journal = field(default_factory=Journal)
    _connections: WeakKeyDictionary[asyncio.Transport, list[int]] = field(default_factory=WeakKeyDictionary)
    _numbers: count[int] = field(default_factory=lambda: count(1))

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer one request of the gateway."""
        at = time.monotonic()
        connection, requests = self._connection(request)
        record = self.journal.open(at, self.clocks.gateway(), connection)
        broken = self.watchdog.arrived(record.number, at)
        try:
            params = await _parameters(request)
            asked = checks.read(request.match_info["path"], params)
            _note(record, asked)
            if asked.is_list and asked.category_id is not None and broken is None:
                broken = self.watchdog.asked_list(record.number, at, asked.category_id)
            outcome, answer, rule = self._decide(record, asked, broken)
            if self.latency:
                await asyncio.sleep(self.latency)
            close = bool(self.close_every) and requests >= self.close_every
            return await self._deliver(request, record, outcome, self._letter(answer), rule, close=close)
        except (asyncio.CancelledError, ConnectionError):
            if record.answer is None:
                self.journal.close(record, "hung up", None, None)
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
        self, record: Record, asked: checks.ParsedRequest, broken: str | None
    ) -> tuple[str, Answer | Page, Rule | None]:
        """What it is answered: outcome for the journal, answer, and the rule if something goes wrong on the wire."""
        request_id = f"sandbox{record.number:09d}"
        if broken == "pause":
            return "refused 403 (pause)", faults.answer_instead(Rule("403"), asked, request_id), None
        if broken:
            base64 = asked.protocol is not None and asked.protocol.value == "base64"
            return f"throttled {broken}", faults.throttle(base64).answer(request_id), None
        try:
            checks.check(asked, self.credentials, self.not_granted, self.clocks.gateway(), self.max_age)
        except Refusal as refusal:
            return f"refused {refusal.code}", refusal.answer(request_id), None
        fired = next((rule for rule in self.rules if rule.fires(asked, self.market.seed)), None)
        if fired is None:
            document = self._document(asked)
            return "ok", Answer(400 if "error" in document else 200, document), None
        outcome = f"fault {fired.kind}"
        if fired.kind in faults.ANSWER_KINDS:
            return outcome, faults.answer_instead(fired, asked, request_id), fired
        document = self._document(asked)
        if fired.kind in faults.ROW_KINDS:
            faults.spoil(fired, document)
        return outcome, Answer(200, document), fired

    def _document(self, asked: checks.ParsedRequest) -> Any:
        """The answer to a request that passed the checks."""
        assert asked.api is not None
        if asked.api is CURRENT_TIME:
            now = datetime.fromtimestamp(self.clocks.gateway(), SHANGHAI)
            return f"{now:%Y%m%d%H%M%S}{now.microsecond // 1000:03d}+0800"
        if asked.api is CATEGORY_GET:
            return answers.category_info(asked.category_id or "0")
        if asked.api is GET_TOKEN:
            keys = self.credentials
            return keys.tokens.renew(asked.params, keys.app_key, keys.app_secret, self.clocks.gateway())
        if asked.offer_id is not None:
            on = self.clocks.market_date()
            return detail_answers.document(self.market, asked.api, asked.offer_id, on, asked.first, asked.last)
        if checks.mixed_up(asked):
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

    def _letter(self, answer: Answer | Page) -> wire.Letter:
        market = self.clocks.market().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        headers = {"Date": formatdate(self.clocks.gateway(), usegmt=True), CLOCK_HEADER: market}
        if isinstance(answer, Page):
            headers |= {"Content-Type": "text/html; charset=utf-8", **answer.headers}
            return wire.Letter(answer.status, answer.text.encode(), headers)
        headers["Content-Type"] = "application/json; charset=utf-8"
        return wire.Letter(answer.status, json.dumps(answer.document, ensure_ascii=False).encode(), headers)

    async def _deliver(
        self,
        request: web.Request,
        record: Record,
        outcome: str,
        letter: wire.Letter,
        rule: Rule | None,
        *,
        close: bool,
    ) -> web.StreamResponse:
        kind = rule.kind if rule else ""
        if rule is None or kind not in faults.WIRE_KINDS:
            response = await wire.send(request, letter, close=close)
            sent_at = time.monotonic()
            if kind == "403":
                self.watchdog.forbade(sent_at)
            self.journal.close(record, outcome, letter.status, sent_at)
            return response
        self.journal.close(record, outcome, None, None)
        match kind:
            case "reset":
                return wire.reset(request)
            case "truncated":
                return await wire.truncate(request, letter)
            case "drip":
                return await wire.drip(request, letter, 2.0 if rule.seconds is None else rule.seconds)
        await wire.withhold(rule.seconds)
        return await wire.send(request, letter, close=True)


def _note(record: Record, asked: checks.ParsedRequest) -> None:
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


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def _controls(gateway: Gateway) -> dict[str, Handler]:
    """The control endpoints: unsigned, uncounted, never spoiled."""

    async def state(request: web.Request) -> web.Response:
        since = int(request.query.get("since", "0"))
        watchdog = gateway.watchdog
        described = {
            "violations": watchdog.violations,
            "violation_descriptions": list(watchdog.descriptions),
            "market_date": gateway.clocks.market_date().isoformat(),
            "not_granted": sorted(gateway.not_granted),
            "faults": [{"kind": rule.kind, "seen": rule.seen, "fired": rule.fired} for rule in gateway.rules],
        }
        return web.json_response(gateway.journal.as_json(since) | described)

    async def move(request: web.Request) -> web.Response:
        gateway.clocks.move(seasons.market_date((await request.json())["date"]))
        return web.json_response({"market_date": gateway.clocks.market_date().isoformat()})

    async def set_faults(request: web.Request) -> web.Response:
        content = await request.json()
        rules = [Rule.parse(rule) if isinstance(rule, str) else Rule.from_mapping(rule) for rule in content]
        gateway.rules[:] = rules
        return web.json_response({"faults": len(rules)})

    async def set_grants(request: web.Request) -> web.Response:
        gateway.not_granted = set((await request.json())["without"])
        return web.json_response({"not_granted": sorted(gateway.not_granted)})

    async def expire(request: web.Request) -> web.Response:
        gateway.credentials.tokens.expire(gateway.clocks.gateway())
        return web.json_response({})

    return {
        "GET state": state,
        "POST date": move,
        "POST expire": expire,
        "POST faults": set_faults,
        "POST grants": set_grants,
    }


@web.middleware
async def _say_what_is_wrong(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A control that can't be read is answered with one sentence."""
    try:
        return await handler(request)
    except (ValueError, KeyError, TypeError) as error:
        if not request.path.startswith("/_sandbox/"):
            raise
        return web.json_response({"error": str(error)}, status=400)


def application(gateway: Gateway) -> web.Application:
    """The server of a gateway: ``/openapi/…`` and the controls below ``/_sandbox/``."""
    app = web.Application(client_max_size=_MAX_BODY, middlewares=[_say_what_is_wrong])
    app.router.add_route("*", "/openapi/{path:.*}", gateway.serve)
    for route, handler in _controls(gateway).items():
        method, name = route.split(" ")
        app.router.add_route(method, f"/_sandbox/{name}", handler)
    return app
