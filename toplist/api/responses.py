"""Answers to the calls of lists and of categories → typed pages and nodes, or the `ApiError` that the answer is.

Rows of a list stay raw here; `toplist.api.rows` reads them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from toplist.api.error_rules import check_refusal
from toplist.api.parse_issues import ParseIssues
from toplist.api.values import read_flag, read_id, read_text, read_total
from toplist.errors import TransientApiError
from toplist.ranktypes import Endpoint, Protocol

#: The outermost key of a `base64` list.
WRAPPERS = {
    Endpoint.NEW: "alibaba_product_top_list_query_response",
    Endpoint.CLASSIC: "alibaba_item_search_best_response",
}

#: In the name of a category that the platform has retired.
RETIRED = "停用"

#: The id that stands for the root; no category has it.
ROOT_ID = "0"

_CHILDREN_KEYS = ("childCategorys", "childCategories")  # the first is the platform's own spelling
_MAX_TREE_DEPTH = 4


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page of a list. `rows` is `None` where the gateway has no such list, and ``[]`` where it is empty.

    `total` is the rows of the whole list; `base64` alone gives it. `rank_type` and `category_id` are those that the
    answer names; `openplatform` alone names them.
    """

    rows: list[Any] | None
    total: int | None
    rank_type: str | None = None
    category_id: str | None = None

    def other_list(self, rank_type: str, category_id: str) -> str | None:
        """Which list the answer is about, where that is not the requested one; `None` where nothing contradicts it.

        The empty category is not compared: the gateway names the category that it chose.
        """
        is_other_type = self.rank_type is not None and self.rank_type.casefold() != rank_type.casefold()
        is_other_category = None not in (self.category_id, read_id(category_id)) and self.category_id != category_id
        if not is_other_type and not is_other_category:
            return None
        return f"the answer is about {self.rank_type or rank_type} in {self.category_id or category_id}"


def read_list_page(
    protocol: Protocol, endpoint: Endpoint, status: int, body: bytes, issues: ParseIssues | None = None
) -> ListPage:
    """Read an answer to `list_call`. Raises an `ApiError` for everything that is not a list.

    The outermost key must be the endpoint's. Below it, a missing or null value makes the list absent. Any other type
    raises TransientApiError. `issues` counts a total that can't be read.
    """
    value = check_refusal(status, body, protocol)
    issues = ParseIssues() if issues is None else issues
    if protocol is Protocol.BASE64:
        result = _object(_outermost(value, WRAPPERS[endpoint]), "result")
        return ListPage(_rows(result, "itemList"), issues.keep("total", read_total(result.get("total"))))
    outer = _outermost(value, "result")
    # One `result` is accepted too: not every observed answer has the second one that the documentation has.
    inner = outer if "rankProductModels" in outer else _object(outer, "result")
    return ListPage(
        _rows(inner, "rankProductModels"),
        None,
        issues.keep("rank_type", read_text(inner.get("rankType"))),
        issues.keep("category_id", read_id(inner.get("rankId"))),
    )


def _outermost(value: Any, key: str) -> dict[str, Any]:
    if not isinstance(value, dict) or key not in value:
        raise TransientApiError("unreadable", f"JSON without {key}")
    return _object(value, key)


def _object(parent: dict[str, Any], key: str) -> dict[str, Any]:
    inner = parent.get(key)
    if inner is None:
        return {}
    if not isinstance(inner, dict):
        raise TransientApiError("unreadable", f"{key} is not an object")
    return inner


def _rows(parent: dict[str, Any], key: str) -> list[Any] | None:
    rows = parent.get(key)
    if rows is not None and not isinstance(rows, list):
        raise TransientApiError("unreadable", f"{key} is not a list")
    return rows


@dataclass(frozen=True, slots=True)
class CategoryNode:
    """One category. `children` holds only what this answer says about them; a call for a child returns more.

    `name` is Chinese; `is_leaf` is `None` where the gateway did not say. `unreadable_children` names the children that
    have no readable id: the lists below them can't be planned.
    """

    category_id: str
    name: str | None
    is_leaf: bool | None
    parent_ids: tuple[str, ...] = ()
    children: list[CategoryNode] = field(default_factory=list)
    unreadable_children: tuple[str, ...] = ()

    @property
    def retired(self) -> bool:
        """Whether its name contains 停用."""
        return RETIRED in (self.name or "")


def read_categories(body: bytes, status: int = 200, issues: ParseIssues | None = None) -> list[CategoryNode]:
    """Read an answer to `category_call`: the requested categories, with their children.

    Raises an `ApiError` as the lists do. A category without a readable id is left out and counted in `issues`
    (``category_id``). For id 0 the answer is one node, whose children are the roots.
    """
    value = check_refusal(status, body, Protocol.OPENPLATFORM)
    found = value.get("categoryInfo") if isinstance(value, dict) else None
    if isinstance(found, dict):
        found = [found]
    if not isinstance(found, list):
        raise TransientApiError("unreadable", "JSON without categoryInfo")
    issues = ParseIssues() if issues is None else issues
    nodes = [_node(raw, "categoryID", issues, _MAX_TREE_DEPTH) for raw in found]
    return [node for node in nodes if node is not None]


def _node(raw: Any, id_key: str, issues: ParseIssues, depth: int) -> CategoryNode | None:
    if not isinstance(raw, dict):
        issues["category_id", "not_an_object"] += 1
        return None
    category_id = _category_id(raw, id_key, issues)
    if category_id is None:
        return None
    parents = raw.get("parentIDs")
    parent_ids = [read_id(parent) for parent in parents] if isinstance(parents, list) else []
    raw_children = _raw_children(raw) if depth > 1 else []
    children = [_node(child, "id", issues, depth - 1) for child in raw_children]
    pairs = zip(raw_children, children, strict=True)
    return CategoryNode(
        category_id,
        issues.keep("category_name", read_text(raw.get("name"))),
        issues.keep("is_leaf", read_flag(raw.get("isLeaf"))),
        tuple(parent for parent in parent_ids if isinstance(parent, str)),
        [child for child in children if child is not None],
        tuple(_label(raw_child, number) for number, (raw_child, child) in enumerate(pairs, 1) if child is None),
    )


def _raw_children(raw: dict[str, Any]) -> list[Any]:
    children = next((raw[key] for key in _CHILDREN_KEYS if raw.get(key)), None)
    if children is None:
        return []
    return children if isinstance(children, list) else [children]


def _label(raw_child: Any, number: int) -> str:
    name = read_text(raw_child.get("name")) if isinstance(raw_child, dict) else None
    return name if isinstance(name, str) else f"child {number}"


def _category_id(raw: dict[str, Any], id_key: str, issues: ParseIssues) -> str | None:
    """A node's own id is `categoryID`, a child's is `id`; each is accepted for the other."""
    given = raw.get(id_key, raw.get("id", raw.get("categoryID")))
    if not isinstance(given, bool) and given in (0, ROOT_ID):
        return ROOT_ID
    category_id = issues.keep("category_id", read_id(given))
    if category_id is None and (given is None or (isinstance(given, str) and not given.strip())):
        issues["category_id", "missing"] += 1
    return category_id
