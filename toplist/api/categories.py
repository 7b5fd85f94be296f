"""Answers of `alibaba.category.get`: a category and its children, one level an answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from toplist.api.error_rules import check_refusal
from toplist.api.parse_issues import ParseIssues
from toplist.api.values import read_flag, read_id, read_text
from toplist.errors import TransientApiError
from toplist.ranktypes import Protocol

#: In the name of a category that the platform has retired.
RETIRED = "停用"

#: The id that stands for the root; no category has it.
ROOT_ID = "0"

_CHILDREN_KEYS = ("childCategorys", "childCategories")  # the first is the platform's own spelling


@dataclass(frozen=True, slots=True)
class CategoryNode:
    """One category. `children` is what this answer tells of them: asking for one of them tells more.

    `name` is Chinese; `is_leaf` is `None` where the gateway did not say.
    """

    category_id: str
    name: str | None
    is_leaf: bool | None
    parent_ids: tuple[str, ...] = ()
    children: list[CategoryNode] = field(default_factory=list)

    @property
    def retired(self) -> bool:
        """Whether its name says 停用."""
        return RETIRED in (self.name or "")


def read_categories(body: bytes, status: int = 200, notes: ParseIssues | None = None) -> list[CategoryNode]:
    """Read an answer to `category_call`: the categories asked for, with their children.

    Raises a `ApiError` as the lists do. A category without a readable id is left out with a note
    (``category_id``); for id 0 the roots are the children of the one node that comes.
    """
    value = check_refusal(status, body, Protocol.OPENPLATFORM)
    found = value.get("categoryInfo") if isinstance(value, dict) else None
    if isinstance(found, dict):
        found = [found]
    if not isinstance(found, list):
        raise TransientApiError("unreadable", "JSON without categoryInfo")
    return _nodes(found, "categoryID", ParseIssues() if notes is None else notes, depth=4)


def _nodes(raw_nodes: Any, id_key: str, notes: ParseIssues, depth: int) -> list[CategoryNode]:
    if not isinstance(raw_nodes, list) or not depth:
        return []
    nodes = (_node(raw, id_key, notes, depth) for raw in raw_nodes)
    return [node for node in nodes if node is not None]


def _node(raw: Any, id_key: str, notes: ParseIssues, depth: int) -> CategoryNode | None:
    if not isinstance(raw, dict):
        notes["category_id", "not_an_object"] += 1
        return None
    category_id = _category_id(raw, id_key, notes)
    if category_id is None:
        return None
    children = next((raw[key] for key in _CHILDREN_KEYS if raw.get(key)), None)
    parents = raw.get("parentIDs")
    parent_ids = [read_id(parent) for parent in parents] if isinstance(parents, list) else []
    return CategoryNode(
        category_id,
        notes.keep("category_name", read_text(raw.get("name"))),
        notes.keep("is_leaf", read_flag(raw.get("isLeaf"))),
        tuple(parent for parent in parent_ids if isinstance(parent, str)),
        _nodes(children, "id", notes, depth - 1),
    )


def _category_id(raw: dict[str, Any], id_key: str, notes: ParseIssues) -> str | None:
    """A node's own id is `categoryID`, a child's is `id`; each is accepted for the other."""
    given = raw.get(id_key, raw.get("id", raw.get("categoryID")))
    if given in (0, ROOT_ID):
        return ROOT_ID
    category_id = notes.keep("category_id", read_id(given))
    if category_id is None and given in (None, ""):
        notes["category_id", "missing"] += 1
    return category_id
