"""The sandbox's options, shared by ``python -m toplist.sandbox`` and ``scrapy sandbox``."""

from __future__ import annotations

import argparse
import os
import secrets
from collections.abc import Callable
from datetime import date
from uuid import uuid4

from toplist.ranktypes import RANK_TYPES
from toplist.sandbox import checks, seasons
from toplist.sandbox.app import Gateway
from toplist.sandbox.clocks import Clocks
from toplist.sandbox.curves import ARCHETYPES
from toplist.sandbox.faults import KINDS, Rule
from toplist.sandbox.limits import Watchdog
from toplist.sandbox.market import MAX_TOTAL, Market, Totals
from toplist.sandbox.tokens import DEFAULT_LIFE, Tokens

DEFAULT_APP_KEY = "1000000"


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
        return seasons.market_date(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _fault(text: str) -> Rule:
    try:
        return Rule.parse(text)
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
    known = {*RANK_TYPES, *(api.name for api in checks.APIS.values())}
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
    add("--story", choices=list(ARCHETYPES), help="let every offer live this one story")
    add("--total", type=_total, action="append", default=[], help="rows of a list: N, CATEGORY=N, CATEGORY/RANK_TYPE=N")
    add("--qps", type=_number(float, 0, 10_000), default=0, help="requests allowed in a second; 0 is any (default)")
    add("--category-interval", type=seconds, default=0, help="seconds between lists of a category; 0 is any (default)")
    add("--pause", type=seconds, default=0, help="seconds after a 403 in which nothing may arrive; 0 is any (default)")
    add("--max-age", type=seconds, default=10.0, help="seconds that a timestamp may be off (default: %(default)s)")
    add("--clock-offset", type=_number(float, -1e9, 1e9), default=0.0, help="seconds that the gateway's clock is wrong")
    add("--latency", type=_number(float, 0, 600_000), default=0, metavar="MS", help="milliseconds before each answer")
    add("--close-every", type=_number(int, 0, 10**9), default=0, metavar="N", help="close connections after N requests")
    add("--no-grant", type=_names, action="append", default=[], help="rank types or APIs without a grant, by commas")
    add("--token-life", type=_number(int, 1, 10**7), default=DEFAULT_LIFE, help="seconds that a renewed token lasts")
    add("--fault", type=_fault, action="append", default=[], help=f"such as kind=403,nth=5; kinds: {', '.join(KINDS)}")
    add("--until-stdin-closes", action="store_true", help="end with standard input, so with its holder")


def credentials_from_environment(token_life: int = DEFAULT_LIFE) -> checks.Credentials:
    """`SANDBOX_APP_KEY`, `SANDBOX_APP_SECRET`, `SANDBOX_ACCESS_TOKEN`, `SANDBOX_REFRESH_TOKEN`; all but the key are
    drawn if not given."""
    return checks.Credentials(
        app_key=os.environ.get("SANDBOX_APP_KEY") or DEFAULT_APP_KEY,
        app_secret=os.environ.get("SANDBOX_APP_SECRET") or secrets.token_urlsafe(9),
        tokens=Tokens(
            access_token=os.environ.get("SANDBOX_ACCESS_TOKEN") or str(uuid4()),
            refresh_token=os.environ.get("SANDBOX_REFRESH_TOKEN") or str(uuid4()),
            life=token_life,
        ),
    )


def _totals(given: list[tuple[str, str, int]]) -> Totals:
    """The last one given for a list, a category or all is the one that counts."""
    for_all, by_category, by_list = None, {}, {}
    for category, rank_type, rows in given:
        if rank_type != "*":
            by_list[category, rank_type] = rows
        elif category != "*":
            by_category[category] = rows
        else:
            for_all = rows
    return Totals(for_all, by_category, by_list)


def gateway_from(options: argparse.Namespace) -> Gateway:
    """The gateway that the options describe."""
    return Gateway(
        credentials=credentials_from_environment(options.token_life),
        market=Market(options.seed, _totals(options.total), options.story),
        clocks=Clocks(options.date, options.clock_offset),
        watchdog=Watchdog(options.qps, options.category_interval, options.pause),
        rules=options.fault,
        not_granted=set().union(*options.no_grant),
        max_age=options.max_age,
        latency=options.latency / 1000,
        close_every=options.close_every,
    )
