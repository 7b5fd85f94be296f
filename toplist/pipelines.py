"""Item pipelines: a list's trends, then its place in the history. Each takes a list whole, as one item."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toplist.items import ListKey, RankList, Status
from toplist.run import OfRun, Run
from toplist.trending import add_trends
from toplist.trends.breakout import BreakoutModels
from toplist.trends.lists import TrendConfig

if TYPE_CHECKING:
    from scrapy.crawler import Crawler


class TrendsPipeline(OfRun):
    """Fills in what changed since the earlier snapshots of the list."""

    def __init__(self, crawler: Crawler):
        super().__init__(crawler)
        self._rules: dict[str, tuple[TrendConfig, BreakoutModels]] = {}

    async def process_item(self, item: Any) -> Any:
        if isinstance(item, RankList) and item.status is not Status.FAILED:
            run = self.run
            await run.in_thread(lambda: add_trends(item, run.past, *self._rules_of(run, item.key)))
        return item

    def _rules_of(self, run: Run, key: ListKey) -> tuple[TrendConfig, BreakoutModels]:
        if key.protocol not in self._rules:
            state = run.trend_models.state(key.source, key.protocol, run.asked.snapshot_date)
            coverage = state.coverage(key.protocol, run.config.count_covers)
            self._rules[key.protocol] = TrendConfig.of(key, coverage), state.usable(coverage)
        return self._rules[key.protocol]


class StorePipeline(OfRun):
    """Stores a list and marks it in the ledger, in one transaction; then it counts as ended."""

    async def process_item(self, item: Any) -> Any:
        if not isinstance(item, RankList):
            return item
        run = self.run
        stored = await run.in_thread(lambda: run.history.store(item, refresh=run.asked.refresh))
        if not run.is_restoring:  # it is not planned yet, and will count as there
            run.tally.end(item)
        run.stats.inc_value(f"toplist/lists/{item.status}")
        run.stats.inc_value("toplist/rows/entries", len(item.entries))
        for each in item.rejected:
            run.stats.inc_value(f"toplist/rows/rejected/{each.reason}")
        if item.duplicates:
            run.stats.inc_value("toplist/rows/duplicates", item.duplicates)
        if stored and item.entries:
            run.stats.inc_value("deltafetch/stored")
        return item
