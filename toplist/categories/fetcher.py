"""The category tree, read from the gateway where it is missing or too old, within the rate limits."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from scrapy import Request
from scrapy.statscollectors import StatsCollector

from toplist.api.calls import category_call
from toplist.api.responses import CategoryNode
from toplist.categories.tree import DEEPEST, TOP, TOP_CATEGORY, Category, ChildrenReading, Tree, builtin_roots
from toplist.circuit_breaker import CircuitBreaker
from toplist.control import CrawlControl
from toplist.errors import ApiError, FatalApiError, InputError, PermissionDenied
from toplist.http import ApiResponse, failure_reason
from toplist.items import Source
from toplist.ratelimit.limiter import LimiterClosed
from toplist.requests import RequestFactory
from toplist.session import GatewaySession
from toplist.storage.categories import Categories
from toplist.storage.storage import Storage
from toplist.summary import CrawlSummary

logger = logging.getLogger(__name__)

_MAX_IN_FLIGHT = 8


class CategoryFetcher:
    """Brings a tree up to date, as far down as it is needed, and stores every answer as it comes.

    What was read after `not_before` is not asked again, so an interrupted fetch continues where it stopped. `failed`
    says by id why a category could not be read, and `nameless` names the categories without a readable id. `refused` is
    set where the gateway serves no tree. `download` sends a request and returns its `ApiResponse`.
    """

    def __init__(
        self,
        tree: Tree,
        not_before: datetime,
        *,
        categories: Categories,
        storage: Storage,
        session: GatewaySession,
        requests: RequestFactory,
        download: Callable[[Request], Awaitable[ApiResponse]],
        control: CrawlControl,
        breaker: CircuitBreaker,
        stats: StatsCollector,
    ):
        self.tree = tree
        self._not_before = not_before
        self._categories = categories
        self._storage = storage
        self._session = session
        self._requests = requests
        self._download = download
        self._control = control
        self._breaker = breaker
        self._stats = stats
        self._asked: set[str] = set()
        self._top = asyncio.Lock()
        self._in_flight = asyncio.Semaphore(_MAX_IN_FLIGHT)
        self.failed: dict[str, str] = {}
        self.nameless: dict[str, str] = {}
        self.refused: ApiError | None = None

    async def down_to(self, category_ids: Iterable[str], level: int) -> None:
        """Read what is needed to know the categories at `level` at or below the given ones.

        Raises LimiterClosed when the crawl is told to stop.
        """
        ids = list(category_ids)
        await self._together(self._located(each) for each in ids if self.tree.get(each) is None)
        while due := self._due(ids, level):
            if self.refused:
                return
            logger.info("Category tree: %d categories to read", len(due))
            await self._together(self._children_of(each) for each in due)

    def outdated(self, category_ids: Iterable[str], level: int) -> list[ChildrenReading]:
        """What is still too old after the fetch: it was refused, or failed, and what is kept is used."""
        due = self.tree.due(category_ids, level, self._not_before)
        return [reading for each in due if (reading := self.tree.reading(each))]

    def _due(self, ids: list[str], level: int) -> list[str]:
        """A category is asked for once in a fetch, whatever comes of it and whatever the clock does meanwhile."""
        known = (each for each in ids if self.tree.get(each))
        return [each for each in self.tree.due(known, level, self._not_before) if each not in self._asked]

    async def _together(self, reads: Iterable[Coroutine[Any, Any, object]]) -> None:
        await asyncio.gather(*reads)
        if self._control.is_stopping():
            raise LimiterClosed("the crawl was told to stop")

    async def _children_of(self, category_id: str) -> None:
        node = await self._node(category_id)
        parent = self.tree.get(category_id)
        if node is not None and parent is not None:
            await self._take(parent, node)

    async def _located(self, category_id: str, below: tuple[str, ...] = ()) -> Category | None:
        """Find the place of a category that is not in the tree: by its parents, up to one that is."""
        known = self.tree.get(category_id)
        if known is not None or category_id in self.failed:
            return known
        if category_id in below or len(below) >= DEEPEST:
            self.failed[category_id] = "its parents lead to no root category"
            return None
        node = await self._node(category_id)
        if node is None:
            return None
        parent = await self._parent(node, (*below, category_id))
        if parent is None or parent.level >= DEEPEST or node.retired:
            why = "it is retired (停用)" if node.retired else "its place in the tree is unknown"
            self.failed.setdefault(category_id, why)
            return None
        category = self.tree.get(category_id) or _child(parent, node)
        self.tree.place(category)
        await self._take(category, node)
        return category

    async def _parent(self, node: CategoryNode, below: tuple[str, ...]) -> Category | None:
        parent_id = next((each for each in node.parent_ids if each != TOP), None)
        if parent_id is not None:
            return await self._located(parent_id, below)
        async with self._top:
            if TOP not in self._asked:
                await self._children_of(TOP)  # it says that it is a root category: the list of them decides
        return TOP_CATEGORY if self.tree.get(node.category_id) else None

    async def _node(self, category_id: str) -> CategoryNode | None:
        """Ask for one category. Returns None, with the reason in `failed`, where that failed."""
        async with self._in_flight:
            if self.refused or self._control.is_stopping():
                return None
            self._asked.add(category_id)
            request = self._requests.call(category_call(category_id), f"category {category_id}")
            try:
                response = await self._download(request)
                return _about(category_id, response.answer)
            except LimiterClosed:
                return None  # and the fetch ends: see `_together`
            except Exception as error:
                self._fail(category_id, error)
                return None

    def _fail(self, category_id: str, error: Exception) -> None:
        if isinstance(error, PermissionDenied | FatalApiError):
            self.refused = error
            return
        reason = failure_reason(error, self._session)
        if reason.is_unreadable:
            self._control.stop_if("unreadable", self._breaker.unreadable())
        self.failed[category_id] = str(error) if isinstance(error, ApiError) else str(reason)
        self._stats.inc_value("toplist/tree/failed")
        logger.warning("Category %s could not be read: %s", category_id, self.failed[category_id])

    async def _take(self, parent: Category, node: CategoryNode) -> None:
        """Take an answer into the tree, and store it."""
        read_at: datetime = self._session.clock.now()
        fitting = [child for child in node.children if self._fits(parent, child)]
        retired = sum(child.retired for child in fitting)
        children = list({child.category_id: _child(parent, child) for child in fitting if not child.retired}.values())
        reading = kept = ChildrenReading(read_at, retired)
        if node.unreadable_children:
            self._leave_out(parent, node.unreadable_children)
            kept = ChildrenReading(
                self._not_before - timedelta(seconds=1), retired
            )  # so that the next crawl reads it again
        self.tree.grow(parent.category_id, children, reading)
        await self._storage.run(lambda: self._categories.keep(parent, children, kept))
        self._stats.inc_value("toplist/tree/read")

    def _leave_out(self, parent: Category, names: Sequence[str]) -> None:
        for name in names:
            self.nameless[f"{name} below {parent.category_id}"] = "the gateway gave no readable id"
            self._stats.inc_value("toplist/tree/no_id")
            logger.warning("Category %s below %s left out: %s", name, parent.category_id, "no readable id")

    def _fits(self, parent: Category, child: CategoryNode) -> bool:
        """Nothing hangs below itself, and nothing below the third level."""
        reason = None
        if self.tree.is_below(parent.category_id, child.category_id):
            reason = "cycles"
        elif parent.level >= DEEPEST:
            reason = "too_deep"
        if reason:
            self._stats.inc_value(f"toplist/tree/{reason}")
            logger.warning("Category %s below %s left out: %s", child.category_id, parent.category_id, reason)
        return reason is None


class CategoryPlanner:
    """Finds the categories of a level, reading the tree from the gateway only where the stored one does not know.

    `fetcher` makes a `CategoryFetcher` for a tree. Problems go to `summary`.
    """

    def __init__(
        self,
        source: Source,
        storage: Storage,
        fetcher: Callable[[Tree], CategoryFetcher],
        summary: CrawlSummary,
        control: CrawlControl,
        stats: StatsCollector,
    ):
        self._categories = Categories(storage.engine, source)
        self._storage = storage
        self._fetcher = fetcher
        self._summary = summary
        self._control = control
        self._stats = stats
        self.tree = Tree(builtin_roots())

    async def load(self) -> None:
        """Take the stored tree, with the names that are known without it."""
        self.tree = await self._storage.run(partial(self._categories.load, builtin_roots()))

    async def at_level(self, given: tuple[str, ...], level: int) -> list[str]:
        """The categories at `level` at or below the given ones, the tree read as far as that needs.

        What could not be read goes to the summary, by name. Raises InputError for a category that lies below the
        level, LimiterClosed when the crawl is told to stop.
        """
        self._refuse_deeper(given, level)
        fetcher = self._fetcher(self.tree)
        await fetcher.down_to(given, level)
        self._refuse_deeper(given, level)
        missing = [each for each in given if not self.tree.get(each)] + self.tree.unread(given, level)
        why = fetcher.refused or fetcher.failed.get(TOP)
        if missing == [TOP] and level == 1:
            logger.warning("The category tree can't be read, so the known root categories are asked for: %s", why)
            return [each.category_id for each in builtin_roots()]
        if fetcher.refused and missing:
            self._control.stop("no_tree", f"the category tree was refused and is not kept, leave level out: {why}")
            raise LimiterClosed("the crawl was told to stop")
        self._summary.unread.update({each: fetcher.failed.get(each, "not read") for each in missing} | fetcher.nameless)
        if outdated := fetcher.outdated(given, level):
            why = fetcher.refused or "; ".join(fetcher.failed.values())[:300]
            oldest = f"{min(reading.read_at for reading in outdated):%F %R}"
            logger.warning("The kept category tree is used, the oldest part of it read at %s UTC: %s", oldest, why)
        found = self.tree.at_level(given, level)
        self._note(given, level, found)
        return found

    def are_only_roots(self, categories: list[str]) -> bool:
        """Whether all are root categories, and some have categories below them."""
        known = [self.tree.get(each) for each in categories]
        return any(category and not self.tree.ends(category) for category in known) and all(
            category and category.level == 1 for category in known
        )

    def _note(self, given: tuple[str, ...], level: int, found: list[str]) -> None:
        early = sum((self.tree.get(each) or TOP_CATEGORY).level < level for each in found)
        retired = self.tree.retired(given, level)
        said = f"Category tree: {len(found) - early} categories on level {level}"
        said += f", {early} that end before it" if early else ""
        said += f"; {retired} retired (停用) left out" if retired else ""
        self._stats.set_value("toplist/tree/categories", len(found))
        self._stats.set_value("toplist/tree/retired", retired)
        self._summary.notes.append(said + ".")

    def _refuse_deeper(self, given: tuple[str, ...], level: int) -> None:
        for category_id in given:
            category = self.tree.get(category_id)
            if category and category.level > level:
                accepted = " or ".join(map(str, range(category.level, DEEPEST + 1)))
                raise InputError(
                    f"level={level} is not accepted with categories={category_id}: {category.name or 'it'} is on level"
                    f" {category.level}, so it takes {accepted}."
                )


def _about(category_id: str, nodes: list[CategoryNode]) -> CategoryNode:
    """The node that was asked for; the top may come as one node or as the roots themselves. Raises ApiError."""
    if category_id == TOP:
        roots = [child for node in nodes for child in (node.children or [node]) if child.category_id != TOP]
        if not roots:
            raise ApiError("no root category")
        return CategoryNode(TOP, None, False, children=roots)
    for node in nodes:
        if node.category_id == category_id:
            return node
    raise ApiError("no such category", "the answer is about another one" if nodes else "")


def _child(parent: Category, node: CategoryNode) -> Category:
    return Category(node.category_id, parent.category_id, node.name, parent.level + 1, node.is_leaf)
