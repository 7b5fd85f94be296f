"""Item pipelines: a list's trends, then its place in the history. Each takes a list whole, as one item."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import date
from typing import Any, Self, TypeVar

from scrapy.crawler import Crawler
from scrapy.exceptions import DropItem
from scrapy.statscollectors import StatsCollector

from toplist.errors import StorageUnavailable
from toplist.gateway_spider import gateway_spider_of
from toplist.items import DroppedOut, ListKey, RankList, Status, Trends
from toplist.storage.history import History
from toplist.storage.history_reader import HistoryReader
from toplist.storage.ledger import Ledger
from toplist.storage.storage import Storage
from toplist.storage.trend_models import TrendModels
from toplist.summary import CrawlSummary
from toplist.trends.breakout import BY_HAND, BreakoutModels
from toplist.trends.lists import OfferTrends, TrendConfig, compute_trends
from toplist.trends.observation import observe, snapshot_of

T = TypeVar("T")

#: Figures that an entry has under the formulas' own names.
_FIGURES = tuple(name for name in Trends.model_fields if name in OfferTrends.__dataclass_fields__)


class TrendsPipeline:
    """Fills in what changed since the earlier snapshots of the list."""

    def __init__(self, storage: Storage, snapshot_date: date, count_covers: str):
        self._storage = storage
        self._snapshot_date = snapshot_date
        self._reader = HistoryReader(storage.engine)
        self._count_covers = count_covers
        self._rules: dict[str, tuple[TrendConfig, BreakoutModels]] = {}

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        spider = gateway_spider_of(crawler)
        return cls(spider.storage, spider.options.snapshot_date, spider.config.count_covers)

    async def process_item(self, item: Any) -> Any:
        if isinstance(item, RankList) and item.status is not Status.FAILED:
            await _stored(self._storage.run(lambda: self._add_trends(item)))
        return item

    def _add_trends(self, item: RankList) -> None:
        add_trends(item, self._reader, *self._rules_of(item.key))

    def _rules_of(self, key: ListKey) -> tuple[TrendConfig, BreakoutModels]:
        """As the newest fit before this day left them. Blocking."""
        if key.protocol not in self._rules:
            state = TrendModels(self._storage.engine).state(key.source, key.protocol, self._snapshot_date)
            coverage = state.coverage(key.protocol, self._count_covers)
            self._rules[key.protocol] = TrendConfig.of(key, coverage, reference=state.heat), state.usable(coverage)
        return self._rules[key.protocol]


class StorePipeline:
    """Stores a list and its ledger entry, in one transaction; then it counts as ended."""

    def __init__(
        self, storage: Storage, history: History, summary: CrawlSummary, stats: StatsCollector, *, refresh: bool
    ):
        self._storage = storage
        self._history = history
        self._summary = summary
        self._stats = stats
        self._refresh = refresh

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        spider = gateway_spider_of(crawler)
        engine, options = spider.storage.engine, spider.options
        history = History(engine, Ledger(engine, options.snapshot_date))
        return cls(spider.storage, history, spider.summary, crawler.stats, refresh=options.refresh)

    async def process_item(self, item: Any) -> Any:
        if not isinstance(item, RankList):
            return item
        stored = await _stored(self._storage.run(lambda: self._history.store(item, refresh=self._refresh)))
        self._summary.end(item)
        self._stats.inc_value(f"toplist/lists/{item.status}")
        self._stats.inc_value("toplist/rows/entries", len(item.entries))
        for each in item.rejected:
            self._stats.inc_value(f"toplist/rows/rejected/{each.reason}")
        if item.duplicates:
            self._stats.inc_value("toplist/rows/duplicates", item.duplicates)
        if stored and item.entries:
            self._stats.inc_value("deltafetch/stored")
        return item


async def _stored(work: Awaitable[T]) -> T:
    """Without the database the list is dropped, and stays pending; the crawl ends, and says why once."""
    try:
        return await work
    except StorageUnavailable:
        raise DropItem("not stored, the database is away", log_level="DEBUG") from None


def add_trends(ended: RankList, past: HistoryReader, rules: TrendConfig, models: BreakoutModels = BY_HAND) -> None:
    """Fill in every entry's trends, and the offers that dropped out. Blocking: it reads the list's past."""
    rows = [observe(entry) for entry in ended.entries]
    history = past.of(ended.key, ended.snapshot_date, [row.offer_id for row in rows])
    found = compute_trends(snapshot_of(ended), rows, history, rules, models)
    for entry, trends in zip(ended.entries, found.offers, strict=True):
        for name in _FIGURES:
            setattr(entry, name, getattr(trends, name))
        entry.trend_notes = [f"{name}:{reason}" for name, reason in trends.reasons.items() if name in _FIGURES] or None
    ended.dropped_out = [DroppedOut.model_validate(each._asdict()) for each in found.dropped_out]
