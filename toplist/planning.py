"""The plan: which lists a crawl asks for. The whole of it is entered in the ledger before the first is asked.

So whatever ends a crawl, a list that it never reached stays pending, and the verdict counts it.
"""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import NamedTuple

from scrapy.statscollectors import StatsCollector

from toplist.categories.fetcher import CategoryPlanner
from toplist.categories.tree import TOP
from toplist.config import Config, Limits
from toplist.control import CrawlControl
from toplist.errors import InputError
from toplist.items import ListKey
from toplist.language import Sentence
from toplist.options import ALL, CrawlOptions
from toplist.ranktypes import named
from toplist.ratelimit.limiter import LimiterClosed
from toplist.ratelimit.slots import CATEGORY_SAFETY_MARGIN, spacing
from toplist.session import Clock
from toplist.storage.ledger import LastDay, Ledger, LedgerEntry
from toplist.storage.storage import Storage
from toplist.summary import CrawlSummary
from toplist.tables import text_table

logger = logging.getLogger(__name__)

SANDBOX_CATEGORIES = ("10166", "311")  # 女装, 童装
BATCH = 64
_ENTERED_AT_ONCE = 1000  # about 50 ms in the storage's thread

ONLY_ROOTS = Sentence.of(
    "Only level 1 was asked: the lists of level 3 are the specific ones, -a level=3 asks for them.",
    "只抓取了一级类目：三级类目的榜单更具体，用 -a level=3 抓取。",
)


@dataclass
class Cost:
    """Lists by rank type and by category, as the plan is counted up.

    `pages` is how many pages a list of a rank type took the day before; where that is unknown, a list counts as one.
    """

    limits: Limits
    pages: Mapping[str, float] = field(default_factory=dict)
    lists: Counter[str] = field(default_factory=Counter)
    complete: Counter[str] = field(default_factory=Counter)
    _by_category: Counter[str] = field(default_factory=Counter, repr=False)

    def count(self, rank_type: str, category_id: str, *, is_complete: bool) -> None:
        """One list of the plan; `is_complete` says that it need not be asked."""
        self.lists[rank_type] += 1
        if is_complete:
            self.complete[rank_type] += 1
        else:
            self._by_category[category_id] += 1

    @property
    def asked(self) -> int:
        """Lists that are left to ask for."""
        return self.lists.total() - self.complete.total()

    @property
    def requests(self) -> int:
        """Requests for lists, as many as can be foreseen."""
        return math.ceil(sum(self._requests(kind) for kind in self.lists))

    @property
    def seconds(self) -> float:
        """The least time that the limits allow: the budget's for all, or the interval's for the fullest category."""
        by_budget = self.requests * spacing(self.limits.qps)
        interval = self.limits.category_interval
        fullest = max(self._by_category.values(), default=0)
        in_a_row = fullest * self.requests / self.asked if self.asked else 0.0
        return max(by_budget, in_a_row * (interval + CATEGORY_SAFETY_MARGIN) if interval else 0.0)

    def _requests(self, kind: str) -> float:
        return (self.lists[kind] - self.complete[kind]) * max(1.0, self.pages.get(kind, 1.0))

    def __str__(self) -> str:
        """In one line, for the log."""
        lists, complete = self.lists.total(), self.complete.total()
        time = f", {self._time()} by the limits" if self.seconds else ""
        return f"{lists} lists, {complete} of them complete already; {self._foreseen()} requests{time}"

    def _foreseen(self) -> str:
        return f"{'about' if self._is_foreseen() else 'at least'} {self.requests}"

    def _time(self) -> str:
        return f"{'' if self._is_foreseen() else 'at least '}{duration(self.seconds)}"

    def _is_foreseen(self) -> bool:
        """Whether it is known how many pages the lists have that are asked for."""
        return all(kind in self.pages for kind in self.lists if self.lists[kind] > self.complete[kind])

    def table(self) -> str:
        """What is asked, what is skipped, and how long it takes, on one screen."""
        heads = ("rank type", "lists", "complete", "asked", "requests")
        rows: list[tuple[object, ...]] = []
        for kind, lists in self.lists.items():
            complete = self.complete[kind]
            rows.append((named(kind), lists, complete, lists - complete, math.ceil(self._requests(kind))))
        if len(self.lists) > 1:
            rows.append(("all", self.lists.total(), self.complete.total(), self.asked, self.requests))
        lines = [text_table(heads, rows)]
        if not self._is_foreseen():
            lines.append("A list counts as one request where no earlier day says how many pages it has.")
        limits = self.limits
        if self.seconds:
            lines.append(
                f"Time by the limits: {self._time()}, at {limits.qps:g} requests a second and"
                f" {limits.category_interval:g} s between two of a category."
            )
        elif self.asked:
            lines.append("Time by the limits: none, they are lifted.")
        return "\n".join(lines)


@dataclass(frozen=True)
class Plan:
    """The categories whose lists are asked for, and what that costs."""

    categories: list[str]
    cost: Cost


class PlannedList(NamedTuple):
    """A list of the plan.

    `complete_rows`: the rows that are stored already, where it need not be asked; else None. `last_day`: what it had on
    its last complete day before, where it had one.
    """

    key: ListKey
    complete_rows: int | None
    last_day: LastDay | None


class Planner:
    """Settles the categories of a crawl, enters its lists in the ledger and adds up what they cost."""

    def __init__(
        self,
        config: Config,
        options: CrawlOptions,
        categories: CategoryPlanner,
        *,
        storage: Storage,
        clock: Clock,
        summary: CrawlSummary,
        control: CrawlControl,
        stats: StatsCollector,
    ):
        self._config = config
        self._options = options
        self._categories = categories
        self._storage = storage
        self._clock = clock
        self._ledger = Ledger(storage.engine, options.snapshot_date)
        self._summary = summary
        self._control = control
        self._stats = stats

    async def make_plan(self) -> Plan | None:
        """Enter every list as pending; a dry run enters nothing. None: the crawl is stopped."""
        await self._categories.load()
        try:
            categories = await self._category_ids()
        except LimiterClosed:
            return None
        except InputError as error:
            self._control.refuse(error)
            return None
        if self._control.is_stopping():
            return None
        if self._categories.are_only_roots(categories):
            self._summary.notes.append(ONLY_ROOTS)
        begun_at = self._clock.monotonic()
        plan = Plan(categories, await self._enter(categories))
        self._stats.set_value("toplist/plan/lists", plan.cost.lists.total())
        self._stats.set_value("toplist/plan/seconds", round(self._clock.monotonic() - begun_at, 3))
        logger.info("Plan: %s", plan.cost)
        return plan

    async def batches(self, plan: Plan) -> AsyncIterator[list[PlannedList]]:
        """Every list of the plan, some dozens at a time, with what the ledger says of it now."""
        lists = self._lists(plan.categories)
        while batch := list(islice(lists, BATCH)):
            # Another crawl may have completed some since the plan was made.
            entries = await self._storage.run(partial(self._ledger.entries, batch))
            last_days = await self._storage.run(partial(self._ledger.last_days, batch))
            yield [
                PlannedList(
                    key,
                    entry.stored_rows if (entry := entries.get(key)) and self._is_satisfied(entry) else None,
                    last_days.get(key),
                )
                for key in batch
            ]

    async def _category_ids(self) -> list[str]:
        """The ids to ask for. Requests are sent only for what the stored tree does not know."""
        given, level = self._options.categories, self._options.level
        if given == (ALL,):
            return [""]
        if given is None and self._config.sandbox:
            given = SANDBOX_CATEGORIES
        if given is not None and level is None:
            return list(given)
        return await self._categories.at_level(given or (TOP,), level or 1)

    async def _enter(self, categories: list[str]) -> Cost:
        """Enter the plan in the ledger and in the summary, and add up its cost. Flat in memory, whatever its size."""
        options, ledger = self._options, self._ledger
        source, protocol = self._config.source, self._config.protocol
        pages = partial(ledger.pages, source, protocol, options.page_size, options.rows)
        cost = Cost(self._config.limits, await self._storage.run(pages))
        lists = self._lists(categories)
        while chunk := list(islice(lists, _ENTERED_AT_ONCE)):
            if options.dry_run:
                entries = await self._storage.run(partial(ledger.entries, chunk))
            else:
                entries = await self._storage.run(partial(ledger.plan, chunk, options.rows, options.page_size))
            for key in chunk:
                is_complete = self._is_satisfied(entries.get(key))
                cost.count(key.rank_type, key.category_id, is_complete=is_complete)
                self._summary.plan(key)
        return cost

    def _is_satisfied(self, entry: LedgerEntry | None) -> bool:
        """Whether DeltaFetch will skip the list."""
        return entry is not None and entry.satisfies(self._options.rows, refetch=self._options.refetch)

    def _lists(self, categories: list[str]) -> Iterator[ListKey]:
        """One rank type after the other: neighbours are of different categories, so none waits for its interval."""
        for rank_type in self._options.rank_types:
            for category_id in categories:
                yield ListKey(self._config.source, self._config.protocol, rank_type, category_id)


def duration(seconds: float) -> str:
    """`3 h 49 min`, `4 min 10 s`, `12 s`; rounded up, so that it is never less than it takes."""
    whole = math.ceil(seconds)
    if whole >= 3600:
        minutes = math.ceil(whole / 60)
        return f"{minutes // 60} h {minutes % 60:02} min"
    return f"{whole // 60} min {whole % 60:02} s" if whole >= 60 else f"{whole} s"
