"""The tree, pure: what lies at which level, what has to be read, and what hangs below what."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest

from toplist.categories.tree import TOP, Category, ChildrenReading, Tree

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def grown(tree: Tree, parent_id: str, *children: str, leaves: Iterable[str] = (), read_at: datetime = NOW) -> None:
    parent = tree.get(parent_id)
    assert parent is not None
    tree.grow(
        parent_id,
        [Category(each, parent_id, f"name{each}", parent.level + 1, each in leaves) for each in children],
        ChildrenReading(read_at, retired=1),
    )


@pytest.fixture
def tree() -> Tree:
    """Two roots; 1 has 11 (with 111 and 112) and the leaf 12, and 2 ends at once."""
    tree = Tree()
    grown(tree, TOP, "1", "2", leaves=["2"])
    grown(tree, "1", "11", "12", leaves=["12"])
    grown(tree, "11", "111", "112")
    return tree


@pytest.mark.parametrize(
    ("given", "level", "found"),
    [
        ([TOP], 1, ["1", "2"]),
        ([TOP], 2, ["11", "12", "2"]),
        ([TOP], 3, ["111", "112", "12", "2"]),
        (["1"], 3, ["111", "112", "12"]),
        (["11", "1"], 3, ["111", "112", "12"]),  # each once
        (["12"], 3, ["12"]),
        (["112"], 3, ["112"]),
        (["99"], 3, []),
    ],
)
def test_the_lists_of_a_level_are_its_categories_and_what_ends_before_it(
    tree: Tree, given: list[str], level: int, found: list[str]
) -> None:
    assert tree.at_level(given, level) == found


def test_a_category_that_was_read_and_has_no_children_ends(tree: Tree) -> None:
    grown(tree, "11")
    assert tree.at_level(["1"], 3) == ["11", "12"]


def test_a_category_that_was_never_read_yields_nothing_and_is_named(tree: Tree) -> None:
    grown(tree, "1", "11", "13", leaves=[])
    assert tree.at_level(["1"], 3) == ["111", "112"]
    assert tree.unread(["1"], 3) == ["13"]
    assert tree.unread(["1"], 2) == []


def test_what_is_old_is_due_and_a_leaf_never_is(tree: Tree) -> None:
    grown(tree, "11", "111", read_at=NOW - timedelta(days=8))
    assert tree.due([TOP], 3, NOW - timedelta(days=7)) == ["11"]
    assert tree.due([TOP], 3, NOW + timedelta(days=1)) == [TOP, "1", "11"]


def test_a_path_names_every_level_and_needs_every_level(tree: Tree) -> None:
    assert tree.path("112") == "name1 > name11 > name112"
    tree.place(Category("500", "50", "lost", 3))
    assert tree.path("500") is None
    assert tree.path("nowhere") is None


def test_known_roots_have_names_and_are_not_read() -> None:
    tree = Tree([Category("10166", TOP, "女装", 1)])
    assert tree.path("10166") == "女装"
    assert tree.unread([TOP], 2) == [TOP]
    assert tree.at_level([TOP], 1) == []


def test_retired_categories_are_counted_as_far_down_as_is_asked(tree: Tree) -> None:
    assert [tree.retired([TOP], level) for level in (1, 2, 3)] == [1, 2, 3]


def test_a_category_that_moved_counts_where_it_is_now(tree: Tree) -> None:
    grown(tree, "2", "112")
    assert tree.at_level(["1"], 3) == ["111", "12"]
    assert tree.is_below("112", "2")
    assert not tree.is_below("112", "1")


def test_a_circle_of_parents_ends() -> None:
    tree = Tree()
    tree.place(Category("5", "6", "a", 1))
    tree.place(Category("6", "5", "b", 2))
    assert tree.path("5") is None
    assert tree.is_below("5", "6")
    assert not tree.is_below("5", "7")
