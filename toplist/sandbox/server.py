"""The sandbox's server: command line options, the gateway's routes and controls, and running until told to stop.

``python -m toplist.sandbox.server`` and ``scrapy sandbox`` share the options.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import secrets
import signal
import sys
import threading
from collections.abc import Awaitable, Callable
from datetime import date
from typing import NoReturn
from uuid import uuid4

from aiohttp import web

from toplist.api.calls import APIS
from toplist.errors import InputError
from toplist.ranktypes import RANK_TYPES
from toplist.sandbox import clocks
from toplist.sandbox.checks import DEFAULT_LIFE, SandboxKeys, SandboxTokens
from toplist.sandbox.curves import ARCHETYPES
from toplist.sandbox.faults import KINDS, FaultRule
from toplist.sandbox.gateway import SandboxGateway
from toplist.sandbox.limits import LimitChecker
from toplist.sandbox.market import MAX_TOTAL, Market, Totals

DEFAULT_APP_KEY = "1000000"
_MAX_BODY = 1 << 20


def _number(kind: type[int] | type[float], low: float, high: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = kind(low) - 1
        if not low <= value <= high:
            what = "a whole number" if kind is int else "a number"
            raise argparse.ArgumentTypeError(f"{text!r} is not {what} from {low:g} to {high:g}")
        return value

    return read


def _market_date(text: str) -> date:
    try:
        return clocks.market_date(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _fault(text: str) -> FaultRule:
    try:
        return FaultRule.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _total(text: str) -> tuple[str, str, int]:
    """``N``, ``CATEGORY=N`` or ``CATEGORY/RANK_TYPE=N`` as (category or *, rank type or *, N)."""
    where, _, rows = text.rpartition("=")
    category, _, rank_type = where.partition("/")
    if not rows.isdecimal() or int(rows) > MAX_TOTAL or (rank_type and rank_type not in RANK_TYPES):
        raise argparse.ArgumentTypeError(f"{text!r} is not N, CATEGORY=N or CATEGORY/RANK_TYPE=N, N up to {MAX_TOTAL}")
    return category or "*", rank_type or "*", int(rows)


def _names(text: str) -> set[str]:
    names = {name.strip() for name in text.split(",") if name.strip()}
    known = {*RANK_TYPES, *(api.name for api in APIS.values())}
    if names - known:
        raise argparse.ArgumentTypeError(f"{', '.join(sorted(names - known))}: known are {', '.join(sorted(known))}")
    return names


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options on any parser."""
    add = parser.add_argument
    seconds = _number(float, 0, 86_400)
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add("--port", type=_number(int, 0, 65535), default=0, help="port; 0 takes a free one and prints it (default)")
    add("--date", type=_market_date, metavar="DATE", help="market date (default: each day's own in Asia/Shanghai)")
    add("--seed", type=_number(int, 0, 2**31), default=1, help="which market (default: %(default)s)")
    add("--story", choices=list(ARCHETYPES), help="give every offer this course of sales")
    add("--total", type=_total, action="append", default=[], help="rows of a list: N, CATEGORY=N, CATEGORY/RANK_TYPE=N")
    add("--qps", type=_number(float, 0, 10_000), default=0, help="requests allowed in a second; 0 is any (default)")
    add("--category-interval", type=seconds, default=0, help="seconds between lists of a category; 0 is any (default)")
    add("--pause", type=seconds, default=0, help="seconds after a 403 in which nothing may arrive; 0 is any (default)")
    add("--max-age", type=seconds, default=10.0, help="seconds that a timestamp may differ (default: %(default)s)")
    add("--clock-offset", type=_number(float, -1e9, 1e9), default=0.0, help="seconds that the gateway's clock is wrong")
    add("--latency", type=_number(float, 0, 600_000), default=0, metavar="MS", help="milliseconds before each answer")
    add("--close-every", type=_number(int, 0, 10**9), default=0, metavar="N", help="close connections after N requests")
    add("--no-grant", type=_names, action="append", default=[], help="rank types or APIs without a grant, by commas")
    add("--token-life", type=_number(int, 1, 10**7), default=DEFAULT_LIFE, help="validity of a renewed token, seconds")
    add("--fault", type=_fault, action="append", default=[], help=f"such as kind=403,nth=5; kinds: {', '.join(KINDS)}")
    add("--until-stdin-closes", action="store_true", help="stop when standard input ends")


def keys_from_environment(token_life: int = DEFAULT_LIFE) -> SandboxKeys:
    """From `SANDBOX_APP_KEY`, `SANDBOX_APP_SECRET`, `SANDBOX_ACCESS_TOKEN` and `SANDBOX_REFRESH_TOKEN`.

    Without them the key is `DEFAULT_APP_KEY` and the others are random.
    """
    return SandboxKeys(
        app_key=os.environ.get("SANDBOX_APP_KEY") or DEFAULT_APP_KEY,
        app_secret=os.environ.get("SANDBOX_APP_SECRET") or secrets.token_urlsafe(9),
        tokens=SandboxTokens(
            access_token=os.environ.get("SANDBOX_ACCESS_TOKEN") or str(uuid4()),
            refresh_token=os.environ.get("SANDBOX_REFRESH_TOKEN") or str(uuid4()),
            life=token_life,
        ),
    )


def _totals(given: list[tuple[str, str, int]]) -> Totals:
    """The last one that is given for a list, a category or all is used."""
    for_all, by_category, by_list = None, {}, {}
    for category, rank_type, rows in given:
        if rank_type != "*":
            by_list[category, rank_type] = rows
        elif category != "*":
            by_category[category] = rows
        else:
            for_all = rows
    return Totals(for_all, by_category, by_list)


def gateway_from(options: argparse.Namespace) -> SandboxGateway:
    """The gateway that the options describe."""
    return SandboxGateway(
        keys=keys_from_environment(options.token_life),
        market=Market(options.seed, _totals(options.total), options.story),
        clocks=clocks.SandboxClocks(options.date, options.clock_offset),
        limits=LimitChecker(options.qps, options.category_interval, options.pause),
        rules=options.fault,
        not_granted=set().union(*options.no_grant),
        max_age=options.max_age,
        latency=options.latency / 1000,
        close_every=options.close_every,
    )


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def _controls(gateway: SandboxGateway) -> dict[str, Handler]:
    """The control endpoints. They are not signed, not logged, and have no faults."""

    async def state(request: web.Request) -> web.Response:
        since = int(request.query.get("since", "0"))
        limits = gateway.limits
        described = {
            "violations": limits.violations,
            "violation_descriptions": list(limits.descriptions),
            "market_date": gateway.clocks.market_date().isoformat(),
            "not_granted": sorted(gateway.not_granted),
            "faults": [{"kind": rule.kind, "seen": rule.seen, "fired": rule.fired} for rule in gateway.rules],
        }
        return web.json_response(gateway.log.as_json(since) | described)

    async def move(request: web.Request) -> web.Response:
        gateway.clocks.move(clocks.market_date((await request.json())["date"]))
        return web.json_response({"market_date": gateway.clocks.market_date().isoformat()})

    async def set_faults(request: web.Request) -> web.Response:
        content = await request.json()
        rules = [FaultRule.parse(rule) if isinstance(rule, str) else FaultRule.from_mapping(rule) for rule in content]
        gateway.rules[:] = rules
        return web.json_response({"faults": len(rules)})

    async def set_grants(request: web.Request) -> web.Response:
        gateway.not_granted = set((await request.json())["without"])
        return web.json_response({"not_granted": sorted(gateway.not_granted)})

    async def expire(request: web.Request) -> web.Response:
        gateway.keys.tokens.expire(gateway.clocks.gateway())
        return web.json_response({})

    return {
        "GET state": state,
        "POST date": move,
        "POST expire": expire,
        "POST faults": set_faults,
        "POST grants": set_grants,
    }


@web.middleware
async def _explain_bad_control(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer a control that can't be read with one sentence."""
    try:
        return await handler(request)
    except (ValueError, KeyError, TypeError) as error:
        if not request.path.startswith("/_sandbox/"):
            raise
        return web.json_response({"error": str(error)}, status=400)


def application(gateway: SandboxGateway) -> web.Application:
    """The server of a gateway: ``/openapi/…`` and the controls below ``/_sandbox/``."""
    app = web.Application(client_max_size=_MAX_BODY, middlewares=[_explain_bad_control])
    app.router.add_route("*", "/openapi/{path:.*}", gateway.serve)
    for route, handler in _controls(gateway).items():
        method, name = route.split(" ")
        app.router.add_route(method, f"/_sandbox/{name}", handler)
    return app


def _watch_stdin(stop: asyncio.Event, loop: asyncio.AbstractEventLoop) -> None:
    """Set `stop` at the end of standard input. A pipe ends when the process that holds it ends, even if killed."""

    def watch() -> None:
        while os.read(0, 4096):
            pass
        loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=watch, daemon=True).start()


def _announce(gateway: SandboxGateway, host: str, port: int) -> None:
    keys = gateway.keys
    line = {
        "url": f"http://{f'[{host}]' if ':' in host else host}:{port}/openapi",
        "app_key": keys.app_key,
        "app_secret": keys.app_secret,
        "access_token": keys.tokens.access_token,
        "refresh_token": keys.tokens.refresh_token,
    }
    print(json.dumps(line), flush=True)


async def serve(gateway: SandboxGateway, host: str, port: int, *, until_stdin_closes: bool) -> None:
    """Serve until SIGINT, SIGTERM or the end of standard input. Prints one JSON line with the address and the keys.

    Raises InputError where it can't listen on the address.
    """
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows
            loop.add_signal_handler(number, stop.set)
    gateway.market.warm(gateway.clocks.market_date())
    # handler_cancellation: a handler that withholds its answer ends when the client disconnects.
    runner = web.AppRunner(application(gateway), access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise InputError(f"the sandbox can't listen on {host}:{port}: {error.strerror or error}") from None
        if until_stdin_closes:
            _watch_stdin(stop, loop)
        _announce(gateway, host, runner.addresses[0][1])
        await stop.wait()
    finally:
        await runner.cleanup()


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Print one sentence, without the usage."""
        self.exit(2, f"{self.prog}: {message}\n")


def main(arguments: list[str] | None = None) -> int:
    """Serve until stopped. Exit status 0, or 2 for bad input."""
    parser = _Parser(prog="toplist.sandbox", description="A local 1688 gateway for tests and trials.")
    add_options(parser)
    options = parser.parse_args(arguments)
    gateway = gateway_from(options)
    try:
        asyncio.run(serve(gateway, options.host, options.port, until_stdin_closes=options.until_stdin_closes))
    except InputError as error:
        print(f"toplist.sandbox: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
