"""The category tree: 52 real roots, three levels, more than 3,000 leaves; the same in every sandbox.

The roots carry the platform's ids and names. Below the better known ones level 2 has the trade's own names (女装 →
连衣裙); elsewhere, and on level 3, names are composed. A few branches end early, and a few are retired (停用).
"""

from __future__ import annotations

import json
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from toplist.categories.tree import roots_data

RETIRED = "(停用)"

#: Ids that the platform's documentation uses, kept where it has them.
_REAL_IDS = {(10166, "连衣裙"): 1031910}
#: Roots without children. What they trade is a service, and has no finer shelves.
_LEAF_ROOTS = frozenset({2829, 2805})


@dataclass(slots=True, eq=False)
class Category:
    """One node. `number` counts the nodes from 0 and is stable; `group` and `english` serve the titles."""

    category_id: str
    name: str
    level: int
    parent_id: str
    category_type: str
    group: str
    english: str
    root_id: str
    number: int
    children: list[Category] = field(default_factory=list, repr=False)

    @property
    def is_leaf(self) -> bool:
        return not self.children

    @property
    def is_retired(self) -> bool:
        return RETIRED in self.name

    def leaves(self) -> Iterator[Category]:
        """The leaves below it that trade, or itself; a retired branch has none."""
        if self.is_retired:
            return
        if self.is_leaf:
            yield self
        for child in self.children:
            yield from child.leaves()


def package_json(name: str) -> Any:
    """A data file of this package, also from inside an egg."""
    data = pkgutil.get_data(__package__, name)
    if data is None:
        raise FileNotFoundError(name)
    return json.loads(data)


@cache
def names() -> dict[str, Any]:
    """Vocabulary: `groups` of words for titles, `roots` with what they trade, `suffixes` to compose names."""
    content: dict[str, Any] = package_json("names.json")
    return content


class Catalogue:
    """Every category by id. `top` is the node 0 that the roots hang from; the empty id is its other name."""

    def __init__(self) -> None:
        self._numbered: list[Category] = []
        self._by_id: dict[str, Category] = {}
        self.top = self._add("0", "全部类目", 0, "", None, "1")
        for position, row in enumerate(roots_data()):
            self._grow(position, row)

    def _add(
        self, category_id: str, name: str, level: int, english: str, parent: Category | None, category_type: str
    ) -> Category:
        root_id = category_id if level == 1 or parent is None else parent.root_id
        group = names()["roots"][root_id]["group"] if level else "home"
        node = Category(
            category_id=category_id,
            name=name,
            level=level,
            parent_id=parent.category_id if parent else "",
            category_type=category_type,
            group=group,
            english=english,
            root_id=root_id,
            number=len(self._numbered),
        )
        self._numbered.append(node)
        self._by_id[category_id] = node
        if parent:
            parent.children.append(node)
        return node

    def _grow(self, position: int, row: dict[str, Any]) -> None:
        about = names()["roots"][str(row["id"])]
        root = self._add(str(row["id"]), row["name"], 1, about["english"], self.top, row["categoryType"])
        if row["id"] in _LEAF_ROOTS:
            return
        kinds = names()["groups"][root.group]["kinds"]
        for place, (name, english) in enumerate(_level_two(about)):
            number = position * 100 + place
            category_id = _REAL_IDS.get((row["id"], name), 1_100_000 + number)
            retired = number % 47 == 5
            branch = self._add(str(category_id), name + RETIRED * retired, 2, english, root, root.category_type)
            if place and number % 19 == 0:
                continue  # this branch ends at level 2
            for step, (kind, kind_english) in enumerate(kinds):
                leaf_retired = not retired and (number * 13 + step) % 211 == 7
                self._add(
                    str(126_000_000 + number * 100 + step),
                    kind + name + RETIRED * leaf_retired,
                    3,
                    f"{kind_english} {english}",
                    branch,
                    root.category_type,
                )

    def get(self, category_id: str) -> Category | None:
        """The category of an id as it was asked; `None` if there is none."""
        return self._by_id.get(category_id or "0")

    def numbered(self, number: int) -> Category:
        """The category with this `number`. Raises IndexError."""
        return self._numbered[number]

    def __iter__(self) -> Iterator[Category]:
        """All but the top, parents before their children."""
        return iter(self._numbered[1:])


def _level_two(about: dict[str, Any]) -> list[tuple[str, str]]:
    if "children" in about:
        return [(name, english) for name, english in about["children"]]
    return [(about["noun"] + word, f"{about['english']} {english}") for word, english in names()["suffixes"]]


@cache
def catalogue() -> Catalogue:
    """The tree, built once in a process (about 10 ms)."""
    return Catalogue()
