"""The category tree, read from the gateway where it is missing or too old, within the gate's limits."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from toplist.api.calls import category_call
from toplist.api.responses import CategoryNode
from toplist.categories.tree import DEEPEST, TOP, TOP_CATEGORY, Category, Reading, Tree
from toplist.errors import ApiError, FatalApiError, PermissionDenied
from toplist.ratelimit.limiter import LimiterClosed
from toplist.requests import call_request
from toplist.storage.categories import Categories

if TYPE_CHECKING:
    from toplist.run import Run

logger = logging.getLogger(__name__)

_IN_FLIGHT = 8


class CategoryFetcher:
    """Brings a run's tree up to date, as far down as it is needed, and keeps every answer as it comes.

    What was read within `TOPLIST_CATEGORY_CACHE_DAYS` is not asked again, so an interrupted fetch continues where it
    stopped. `failed` says by id why a category could not be read; `refused` is set where the gateway serves no tree.
    """

    def __init__(self, run: Run):
        self._run = run
        self._store = Categories(run.engine, run.source)
        self._not_before = run.clock.now() - timedelta(days=run.config.category_cache_days)
        self._asked: set[str] = set()
        self._top = asyncio.Lock()
        self._in_flight = asyncio.Semaphore(_IN_FLIGHT)
        self.failed: dict[str, str] = {}
        self.refused: ApiError | None = None

    @property
    def tree(self) -> Tree:
        return self._run.tree

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

    def outdated(self, category_ids: Iterable[str], level: int) -> list[Reading]:
        """What is still too old after the walk: it was refused, or failed, and what is kept is used."""
        due = self.tree.due(category_ids, level, self._not_before)
        return [reading for each in due if (reading := self.tree.reading(each))]

    def _due(self, ids: list[str], level: int) -> list[str]:
        """A category is asked for once in a walk, whatever comes of it and whatever the clock does meanwhile."""
        known = (each for each in ids if self.tree.get(each))
        return [each for each in self.tree.due(known, level, self._not_before) if each not in self._asked]

    async def _together(self, reads: Iterable[Coroutine[Any, Any, object]]) -> None:
        await asyncio.gather(*reads)
        if self._run.is_stopping():
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
            if self.refused or self._run.is_stopping():
                return None
            self._asked.add(category_id)
            request = call_request(self._run, category_call(category_id), f"category {category_id}")
            try:
                response = await self._run.crawler.engine.download_async(request)
                answered = response.request
                assert answered is not None
                for (field, reason), times in answered.cb_kwargs["notes"].items():
                    self._run.stats.inc_value(f"toplist/parse_issues/{field}/{reason}", times)
                return _about(category_id, answered.cb_kwargs["answer"])
            except LimiterClosed:
                return None  # and the walk ends: see `_together`
            except Exception as error:
                self._fail(category_id, error)
                return None

    def _fail(self, category_id: str, error: Exception) -> None:
        run = self._run
        if isinstance(error, PermissionDenied | FatalApiError):
            self.refused = error
            return
        if not isinstance(error, ApiError) or error.is_unreadable:
            why = run.patience.unreadable()
            if why:
                run.stop("unreadable", why)
        said = str(error) if isinstance(error, ApiError) else run.credentials.redact(str(error))[:300]
        self.failed[category_id] = said or type(error).__name__
        run.stats.inc_value("toplist/tree/failed")
        logger.warning("Category %s could not be read: %s", category_id, self.failed[category_id])

    async def _take(self, parent: Category, node: CategoryNode) -> None:
        """Take an answer into the tree, and keep it."""
        read_at: datetime = self._run.clock.now()
        fitting = [child for child in node.children if self._fits(parent, child)]
        retired = sum(child.retired for child in fitting)
        children = list({child.category_id: _child(parent, child) for child in fitting if not child.retired}.values())
        reading = Reading(read_at, retired)
        self.tree.grow(parent.category_id, children, reading)
        await self._run.in_thread(lambda: self._store.keep(parent, children, reading))
        self._run.stats.inc_value("toplist/tree/read")

    def _fits(self, parent: Category, child: CategoryNode) -> bool:
        """Nothing hangs below itself, and nothing below the third level."""
        reason = None
        if self.tree.is_below(parent.category_id, child.category_id):
            reason = "cycles"
        elif parent.level >= DEEPEST:
            reason = "too_deep"
        if reason:
            self._run.stats.inc_value(f"toplist/tree/{reason}")
            logger.warning("Category %s below %s left out: %s", child.category_id, parent.category_id, reason)
        return reason is None


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
