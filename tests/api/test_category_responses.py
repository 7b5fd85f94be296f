"""Answers of the category tree: two spellings of everything, and what is no tree."""

from __future__ import annotations

import json
from typing import Any

import pytest

from toplist.api.parse_issues import ParseIssues
from toplist.api.responses import CategoryNode, read_categories
from toplist.errors import ListError, PermissionDenied, TransientApiError


def body(*nodes: Any) -> bytes:
    return json.dumps({"succes": "true", "categoryInfo": list(nodes)}, ensure_ascii=False).encode()


def test_a_node_is_known_by_categoryID_and_a_child_by_id_and_each_by_the_other() -> None:
    mended = {"id": "7", "childCategories": [{"categoryID": "8"}]}
    for node in ({"categoryID": 7, "childCategorys": [{"id": 8}]}, mended):
        assert read_categories(body(node)) == [CategoryNode("7", None, None, (), [CategoryNode("8", None, None)])]


@pytest.mark.parametrize(
    ("name", "retired"), [("女装", False), ("女装（停用）", True), ("停用-女装", True), (None, False)]
)
def test_a_retired_category_says_so_in_its_name(name: str | None, retired: bool) -> None:
    assert read_categories(body({"categoryID": 7, "name": name}))[0].retired is retired


def test_no_category_found_is_an_empty_list() -> None:
    assert read_categories(body()) == []


@pytest.mark.parametrize(
    "value", [{}, [], None, {"succes": "true"}, {"succes": "true", "categoryInfo": None}, {"categoryInfo": "x"}]
)
def test_what_is_no_tree_is_unreadable_and_not_an_empty_one(value: Any) -> None:
    with pytest.raises(TransientApiError):
        read_categories(json.dumps(value).encode())


def test_refusals_are_raised() -> None:
    with pytest.raises(PermissionDenied):
        read_categories(b'{"error_code": "gw.APIACLDecline"}', 400)
    with pytest.raises(ListError, match="500_1"):
        read_categories(b'{"succes": "false", "errorCode": "500_1", "errorMsg": "bad id"}')


def test_nesting_beyond_the_levels_of_the_platform_ends() -> None:
    node: dict[str, Any] = {"id": 300}
    for category_id in range(299, 0, -1):
        node = {"id": category_id, "childCategorys": [node]}
    (top,) = read_categories(body(node))
    depth = 1
    while top.children:
        (top,) = top.children
        depth += 1
    assert depth == 4


def test_what_has_no_id_is_left_out_with_a_reason() -> None:
    issues = ParseIssues()
    nodes = [{"categoryID": 7}, {"name": "x"}, {"categoryID": "y"}, {"categoryID": -1}, {"categoryID": []}, None, "z"]
    assert [node.category_id for node in read_categories(body(*nodes), issues=issues)] == ["7"]
    assert issues == {
        ("category_id", "missing"): 1,
        ("category_id", "not_an_id"): 2,
        ("category_id", "wrong_type"): 1,
        ("category_id", "not_an_object"): 2,
    }


def test_children_without_a_readable_id_are_named_and_counted() -> None:
    issues = ParseIssues()
    children = [{"id": 8, "name": "连衣裙"}, {"name": "裤子"}, {"id": "x"}, None, {"id": [], "name": ["y"]}]
    (node,) = read_categories(body({"categoryID": 7, "childCategorys": children}), issues=issues)
    assert [child.category_id for child in node.children] == ["8"]
    assert node.unreadable_children == ("裤子", "child 3", "child 4", "child 5")
    assert sum(times for (field, _), times in issues.items() if field == "category_id") == 4


@pytest.mark.parametrize("children", ["x", 5, True, {"name": "裤子"}])
def test_children_that_are_no_list_are_not_dropped_without_a_word(children: Any) -> None:
    issues = ParseIssues()
    (node,) = read_categories(body({"categoryID": 7, "childCategorys": children}), issues=issues)
    assert node.unreadable_children
    assert issues


def test_an_only_child_may_come_without_its_list() -> None:
    (node,) = read_categories(body({"categoryID": 7, "childCategorys": {"id": 8}}))
    assert [child.category_id for child in node.children] == ["8"]


def test_odd_parents_cost_nothing_but_themselves() -> None:
    node = {"categoryID": 7, "name": "女装", "isLeaf": "?", "parentIDs": [23, "24", None, "x"]}
    assert read_categories(body(node)) == [CategoryNode("7", "女装", None, ("23", "24"))]
    assert read_categories(body({**node, "parentIDs": 23})) == [CategoryNode("7", "女装", None)]


@pytest.mark.parametrize(("given", "found"), [(0, "0"), ("0", "0"), (1, "1"), ("1", "1"), (False, None), (-1, None)])
def test_the_root_is_0_in_either_spelling(given: Any, found: str | None) -> None:
    assert [node.category_id for node in read_categories(body({"categoryID": given}))] == ([found] if found else [])


def test_an_id_that_is_blank_is_missing_and_counted_once() -> None:
    for blank in ("", "  ", None):
        assert read_categories(body({"categoryID": blank}), issues=(issues := ParseIssues())) == []
        assert issues == {("category_id", "missing"): 1}


def test_the_first_spelling_of_children_that_holds_any_counts() -> None:
    node = {"categoryID": 7, "childCategorys": [], "childCategories": [{"id": 8, "isLeaf": "true", "name": "裤子"}]}
    (found,) = read_categories(body(node))
    assert found.children == [CategoryNode("8", "裤子", True)]
    assert found.unreadable_children == ()
