from __future__ import annotations

from collections import Counter

from toplist.sandbox.catalogue import RETIRED, catalogue


def test_the_tree_has_the_real_roots_three_levels_and_3000_leaves() -> None:
    tree = list(catalogue())
    roots = [node for node in tree if node.level == 1]
    assert len(roots) == 52
    assert {node.level for node in tree} == {1, 2, 3}
    assert sum(1 for _ in catalogue().top.leaves()) >= 3052
    assert len({node.category_id for node in tree}) == len(tree)
    assert [(root.category_id, root.name, root.category_type) for root in roots][:2] == [
        ("67", "办公、文化", "3"),
        ("1038378", "鞋", "3"),
    ]


def test_known_shelves_have_their_names_and_ids() -> None:
    dresses = catalogue().get("1031910")
    assert dresses
    assert (dresses.name, dresses.level, dresses.parent_id) == ("连衣裙", 2, "10166")
    assert dresses.children
    assert all("连衣裙" in leaf.name and leaf.is_leaf for leaf in dresses.children)


def test_names_are_unique_below_a_parent() -> None:
    for node in [catalogue().top, *catalogue()]:
        assert max(Counter(child.name for child in node.children).values(), default=1) == 1, node.name


def test_some_branches_end_early_and_some_are_retired() -> None:
    ended = Counter(node.level for node in catalogue() if node.is_leaf)
    assert ended[1] >= 1
    assert ended[2] >= 10
    retired = Counter(node.level for node in catalogue() if node.is_retired)
    assert retired[2] >= 3
    assert retired[3] >= 3
    assert sum(retired.values()) < 60
    assert not any(RETIRED in leaf.name for leaf in catalogue().top.leaves())
