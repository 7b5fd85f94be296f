"""The category tree (类目) as far as it is known: three levels, with the root categories on level 1. Pure."""

from __future__ import annotations

import json
import pkgutil
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

#: The parent id of the root categories; no category has it.
TOP = "0"
DEEPEST = 3
SEPARATOR = " > "


@dataclass(frozen=True, slots=True)
class Category:
    """One category. `name` is Chinese; `level` is 1 for a root category; `is_leaf` may be unknown."""

    category_id: str
    parent_id: str
    name: str | None
    level: int
    is_leaf: bool | None = None


@dataclass(frozen=True, slots=True)
class ChildrenReading:
    """When the children of a category were read, and how many of them were left out as retired (停用)."""

    read_at: datetime
    retired: int = 0


TOP_CATEGORY = Category(TOP, "", None, 0, is_leaf=False)


class Tree:
    """Categories by id, and when the children of each were read.

    `known` are categories whose names are known without a request; their children are not read yet.
    """

    def __init__(self, known: Iterable[Category] = ()):
        self._categories: dict[str, Category] = {TOP: TOP_CATEGORY}
        self._children: dict[str, list[str]] = defaultdict(list)
        self._readings: dict[str, ChildrenReading] = {}
        for category in known:
            self._categories[category.category_id] = category

    def place(self, category: Category) -> None:
        """Add a category whose parent is known. It is not added to the parent's children."""
        self._categories[category.category_id] = category

    def grow(self, parent_id: str, children: Iterable[Category], reading: ChildrenReading) -> None:
        """Replace the children of a category by those of an answer."""
        kept = list(children)
        for child in kept:
            self.place(child)
        self._children[parent_id] = [child.category_id for child in kept]
        self._readings[parent_id] = reading

    def get(self, category_id: str) -> Category | None:
        """The category of an id, the parent of the roots included."""
        return self._categories.get(category_id)

    def reading(self, category_id: str) -> ChildrenReading | None:
        """When its children were read, or None."""
        return self._readings.get(category_id)

    def children(self, category_id: str) -> list[Category]:
        """Its children in the gateway's order; empty where they were not read."""
        children = (self._categories[each] for each in self._children.get(category_id, ()))
        return [child for child in children if child.parent_id == category_id]  # not moved since

    def ends(self, category: Category) -> bool:
        """Whether nothing is below it: it is a leaf, has no children, or is on level 3."""
        if category.level >= DEEPEST or category.is_leaf is True:
            return True
        return category.category_id in self._readings and not self.children(category.category_id)

    def lineage(self, category_id: str) -> list[Category]:
        """The categories from the root down to this one; empty where one between is unknown."""
        line: list[Category] = []
        while category_id != TOP:
            category = self._categories.get(category_id)
            if category is None or len(line) == DEEPEST:
                return []
            line.append(category)
            category_id = category.parent_id
        return line[::-1]

    def retired(self, category_ids: Iterable[str], level: int) -> int:
        """How many categories were left out as retired at or above `level`, below the given ones."""
        readings = (self._readings.get(each) for each in self._above(category_ids, level))
        return sum(reading.retired for reading in readings if reading)

    def is_below(self, category_id: str, ancestor_id: str) -> bool:
        """Whether a category is the ancestor itself, or below it."""
        seen = {TOP, ""}
        while category_id not in seen and category_id != ancestor_id:
            seen.add(category_id)
            category = self._categories.get(category_id)
            category_id = category.parent_id if category else ""
        return category_id == ancestor_id

    def path(self, category_id: str) -> str | None:
        """Names from the root category down: `女装 > 连衣裙`. An unknown name is replaced by the id."""
        line = self.lineage(category_id)
        return SEPARATOR.join(each.name or each.category_id for each in line) or None

    def below(self, category_id: str) -> Iterator[Category]:
        """Every category below this one that was read, parents before their children."""
        for child in self.children(category_id):
            yield child
            if not self.ends(child):
                yield from self.below(child.category_id)

    def at_level(self, category_ids: Iterable[str], level: int) -> list[str]:
        """The categories at `level`, at or below the given ones, and leaves above that level; each once, in order.

        A category that was not read yields nothing: see `unread`.
        """
        return list(dict.fromkeys(found for each in category_ids for found in self._at_level(each, level)))

    def unread(self, category_ids: Iterable[str], level: int) -> list[str]:
        """The categories at or below the given ones that must be read to know those at `level`, and were not."""
        return [each for each in self._above(category_ids, level) if each not in self._readings]

    def due(self, category_ids: Iterable[str], level: int, before: datetime) -> list[str]:
        """As `unread`, and also those that were last read before a time."""
        return [
            each
            for each in self._above(category_ids, level)
            if (reading := self._readings.get(each)) is None or reading.read_at < before
        ]

    def _at_level(self, category_id: str, level: int) -> Iterator[str]:
        category = self._categories.get(category_id)
        if category is None:
            return
        if category.level >= level or self.ends(category):
            yield category_id
            return
        for child in self.children(category_id):
            yield from self._at_level(child.category_id, level)

    def _above(self, category_ids: Iterable[str], level: int) -> Iterator[str]:
        """Those that have, or may have, children at or above `level`."""
        for category_id in dict.fromkeys(category_ids):
            category = self._categories.get(category_id)
            if category is None:
                yield category_id
            elif category.level < min(level, DEEPEST) and category.is_leaf is not True:
                yield category_id
                yield from self._above((child.category_id for child in self.children(category_id)), level)


def roots_data() -> list[dict[str, Any]]:
    """The platform's 52 root categories as it publishes them: `id`, `name`, `categoryType`, `isLeaf`."""
    content = pkgutil.get_data("toplist.categories", "roots.json")
    assert content is not None
    roots: list[dict[str, Any]] = json.loads(content)
    return roots


def builtin_roots() -> list[Category]:
    """The root categories. Their ids and names need no request."""
    return [Category(str(root["id"]), TOP, root["name"], 1, root["isLeaf"]) for root in roots_data()]
