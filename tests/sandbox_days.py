"""Days of the sandbox's market in a history, as crawls of its default plan would store them, but without a gateway.

The rows pass the sandbox's row encoder, the readers of the API, the accumulator of a list, the trends and the store.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import Engine

from toplist.api.calls import BEST_BASE64, TOP_LIST_BASE64
from toplist.api.responses import read_list_page
from toplist.categories.tree import Tree, builtin_roots
from toplist.items import ListKey, Source
from toplist.list_pages import ListAccumulator, finished_list, is_last
from toplist.options import CrawlOptions
from toplist.pipelines import add_trends
from toplist.ranktypes import RANK_TYPES, Endpoint, Protocol, rank_types_of
from toplist.sandbox.answers import top_list
from toplist.sandbox.market import Market
from toplist.storage.history import History
from toplist.storage.history_reader import HistoryReader
from toplist.storage.ledger import Ledger
from toplist.trends.coverage import UNKNOWN_COVERAGE
from toplist.trends.lists import TrendConfig

#: What a crawl of the sandbox asks for by default.
CATEGORIES = ("10166", "311")
PROTOCOL = Protocol.BASE64


def store_sandbox_days(
    engine: Engine,
    first: date,
    days: int,
    categories: Sequence[str] = CATEGORIES,
    rank_types: Sequence[str] | None = None,
) -> list[date]:
    """Store so many days of the market, oldest first. Returns the days."""
    market, tree, reader = Market(), Tree(builtin_roots()), HistoryReader(engine)
    dates = [first + timedelta(days=number) for number in range(days)]
    names = tuple(rank_types or rank_types_of(PROTOCOL))
    for day in dates:
        history = History(engine, Ledger(engine, day))
        options = CrawlOptions(
            categories=tuple(categories),
            level=None,
            rank_types=names,
            rank_types_named=False,
            pages=None,
            page_size=20,
            snapshot_date=day,
            refresh=False,
        )
        for key in (ListKey(Source.SANDBOX, PROTOCOL, name, each) for each in categories for name in names):
            ended = finished_list(key, _ask(market, key, options), options, tree)
            add_trends(ended, reader, TrendConfig.of(key, UNKNOWN_COVERAGE))
            assert history.store(ended)
    return dates


def _ask(market: Market, key: ListKey, options: CrawlOptions) -> ListAccumulator:
    """All pages of a list."""
    endpoint = RANK_TYPES[key.rank_type].endpoint
    api = BEST_BASE64 if endpoint is Endpoint.CLASSIC else TOP_LIST_BASE64
    collected_at = datetime.combine(options.snapshot_date, time(4), UTC)
    accumulator = ListAccumulator()
    page = 0
    while True:
        page += 1
        document = top_list(market, api, key.rank_type, key.category_id, options.snapshot_date, page, options.page_size)
        answer = read_list_page(key.protocol, endpoint, 200, json.dumps(document).encode())
        accumulator.add(key, page, options.page_size, answer, collected_at)
        if is_last(options, page, accumulator, answer):
            return accumulator
