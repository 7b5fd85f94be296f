"""The sandbox's category tree, and the Chinese titles and supplier names of its offers.

The tree has 52 real roots, three levels and more than 3,000 leaves, and is the same in every sandbox. The roots have
the platform's ids and names. Under the better known roots, level 2 has real names (女装 → 连衣裙); other names are
composed. A few branches end at level 1 or 2, and a few are retired (停用).
"""

from __future__ import annotations

import json
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import Any

from toplist.categories.tree import roots_data

RETIRED = "(停用)"

#: Ids that the platform's documentation uses, kept where it has them.
_REAL_IDS = {(10166, "连衣裙"): 1031910}
#: Roots without children: they trade services.
_LEAF_ROOTS = frozenset({2829, 2805})


@dataclass(slots=True, eq=False)
class CatalogueNode:
    """One category. `number` counts the nodes from 0 and never changes; titles use `group` and `english`."""

    category_id: str
    name: str
    level: int
    parent_id: str
    category_type: str
    group: str
    english: str
    root_id: str
    number: int
    children: list[CatalogueNode] = field(default_factory=list, repr=False)

    @property
    def is_leaf(self) -> bool:
        return not self.children

    @property
    def is_retired(self) -> bool:
        return RETIRED in self.name

    def leaves(self) -> Iterator[CatalogueNode]:
        """The leaves below it that have offers, or itself; a retired branch has none."""
        if self.is_retired:
            return
        if self.is_leaf:
            yield self
        for child in self.children:
            yield from child.leaves()


@cache
def names() -> dict[str, Any]:
    """`groups` of words for titles, `roots` with their goods, and `suffixes` to compose category names. Also read from
    inside an egg."""
    data = pkgutil.get_data(__package__, "names.json")
    assert data is not None
    content: dict[str, Any] = json.loads(data)
    return content


class Catalogue:
    """Every category by id. `top` is the parent of the roots; its id is 0 or empty."""

    def __init__(self) -> None:
        self._numbered: list[CatalogueNode] = []
        self._by_id: dict[str, CatalogueNode] = {}
        self.top = self._add("0", "全部类目", 0, "", None, "1")
        for position, row in enumerate(roots_data()):
            self._grow(position, row)

    def _add(
        self, category_id: str, name: str, level: int, english: str, parent: CatalogueNode | None, category_type: str
    ) -> CatalogueNode:
        root_id = category_id if level == 1 or parent is None else parent.root_id
        group = names()["roots"][root_id]["group"] if level else "home"
        node = CatalogueNode(
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

    def get(self, category_id: str) -> CatalogueNode | None:
        """The category of an id, or `None`."""
        return self._by_id.get(category_id or "0")

    def numbered(self, number: int) -> CatalogueNode:
        """The category with this `number`. Raises IndexError."""
        return self._numbered[number]

    def __iter__(self) -> Iterator[CatalogueNode]:
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


_CITIES = ("义乌市", "广州市", "杭州市", "深圳市", "泉州市", "东莞市", "温州市", "金华市", "汕头市", "佛山市")
_FIRST = "锦鸿瑞恒盛嘉欣华博雅优卓凯润亿达尚美益佳"
_SECOND = "源泰丰翔宇森诚悦霖彩腾祥铭维帆语格希洋途"
_FORMS = ("有限公司", "有限公司", "有限公司", "有限公司", "商行", "厂")


def make_title(category: CatalogueNode, year: int, random: Random) -> tuple[str, str]:
    """A title and its translation, for an offer of this category that was first listed in `year`."""
    words = names()["groups"][category.group]
    picked = [random.choice(words[part]) for part in ("lead", "style", "feature", "use")]
    lead, style, feature, use = (chinese for chinese, _ in picked)
    noun = category.name.replace("/", "").replace("、", "")
    chinese = f"{year}{lead}{style}{feature}{noun}{use}{random.choice(('', '批发', '厂家直供', '一件代发', '货源'))}"
    lead, style, feature, use = (english for _, english in picked)
    return chinese, f"{year} {lead} {style} {feature} {category.english} {use}"


def make_supplier(category: CatalogueNode, random: Random) -> str:
    """A supplier of this category's goods, such as 义乌市锦源服饰有限公司."""
    trade = names()["groups"][category.group]["trade"]
    return f"{random.choice(_CITIES)}{random.choice(_FIRST)}{random.choice(_SECOND)}{trade}{random.choice(_FORMS)}"
