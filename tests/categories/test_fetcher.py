"""Faults of the gateway's tree that a fetch survives: circles, a fourth level, parents that lead nowhere."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from toplist.api.responses import CategoryNode
from toplist.categories.fetcher import CategoryFetcher
from toplist.categories.tree import TOP, Category, Tree
from toplist.circuit_breaker import CircuitBreaker
from toplist.errors import ListError, PermissionDenied
from toplist.items import Source
from toplist.ratelimit.limiter import LimiterClosed
from toplist.requests import RequestFactory
from toplist.storage.categories import Categories
from toplist.storage.database import open_database
from toplist.storage.storage import Storage

NOW = datetime(2026, 11, 24, tzinfo=UTC)
ROOT = Category("1", TOP, "one", 1)


def node(category_id: str, *children: str, parents: tuple[str, ...] = (), name: str = "some") -> CategoryNode:
    return CategoryNode(category_id, name, False, parents, [CategoryNode(each, f"n{each}", False) for each in children])


class Gateway:
    """A fetcher with what it needs; `answers` are the gateway's, by category."""

    def __init__(self, folder: Path, answers: dict[str, CategoryNode | Exception]):
        self.storage = Storage(open_database(f"sqlite:///{folder / 'tree.db'}"))
        self.categories = Categories(self.storage.engine, Source.GATEWAY)
        self.counts: Counter[str] = Counter()
        self.tree = Tree([ROOT])
        self.now = NOW
        self.answers = answers
        self.asked: list[str] = []
        self.stopping = False

    def inc_value(self, name: str, times: int = 1) -> None:
        self.counts[name] += times

    def is_stopping(self) -> bool:
        return self.stopping

    async def download(self, request: Any) -> Any:
        await asyncio.sleep(0)
        category_id = request.meta["toplist_call"].params["categoryID"]
        self.asked.append(category_id)
        answer = self.answers[category_id]
        if isinstance(answer, Exception):
            raise answer
        return SimpleNamespace(answer=[answer])

    def fetch(self, ids: list[str], level: int) -> CategoryFetcher:
        """Read the tree down to a level, as a crawl does."""
        session: Any = SimpleNamespace(
            url="http://127.0.0.1", clock=SimpleNamespace(now=lambda: self.now), redact=lambda text: text
        )
        options: Any = SimpleNamespace()
        this: Any = self
        fetcher = CategoryFetcher(
            self.tree,
            self.now - timedelta(days=7),
            categories=self.categories,
            storage=self.storage,
            session=session,
            requests=RequestFactory(session, options),
            download=self.download,
            control=this,
            breaker=CircuitBreaker(lambda: 0.0),
            stats=this,
        )
        asyncio.run(fetcher.down_to(ids, level))
        return fetcher


def stored(gateway: Gateway) -> dict[str, str]:
    return {each.category_id: each.parent_id for each in gateway.categories.load([ROOT]).below("1")}


def test_a_category_below_itself_is_left_out_and_counted(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path, {"1": node("1", "1", "11"), "11": node("11", "1", "11", "111")})
    gateway.fetch(["1"], 3)
    assert gateway.tree.at_level(["1"], 3) == ["111"]
    assert gateway.counts["toplist/tree/cycles"] == 3
    assert stored(gateway) == {"11": "1", "111": "11"}


def test_nothing_is_asked_below_the_third_level(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path, {"1": node("1", "11"), "11": node("11", "111"), "111": node("111", "1111")})
    gateway.fetch(["1"], 3)
    assert gateway.asked == ["1", "11"]
    gateway = Gateway(tmp_path, {"111": node("111", "1111", parents=("11",)), "11": node("11", "111", parents=("1",))})
    gateway.fetch(["111"], 3)
    assert gateway.tree.at_level(["111"], 3) == ["111"]
    assert gateway.counts["toplist/tree/too_deep"] == 1


@pytest.mark.parametrize(
    "answers",
    [
        {"5": node("5", parents=("6",)), "6": node("6", parents=("5",))},
        {"5": node("5", parents=("5",))},
        {"5": node("5", parents=("0",)), TOP: node(TOP, "1", "2")},
        {str(n): node(str(n), parents=(str(n + 1),)) for n in range(5, 20)},
    ],
    ids=["circle", "itself", "a root that is none", "endless"],
)
def test_parents_that_lead_nowhere_are_a_failure_by_name(
    tmp_path: Path, answers: dict[str, CategoryNode | Exception]
) -> None:
    gateway = Gateway(tmp_path, answers)
    fetched = gateway.fetch(["5"], 3)
    assert "5" in fetched.failed
    assert len(gateway.asked) <= 4
    assert gateway.tree.at_level(["5"], 3) == []


def test_a_root_that_is_new_is_found_among_the_roots(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path, {"9": node("9", "91", name="new"), TOP: node(TOP, "1", "9"), "91": node("91")})
    fetched = gateway.fetch(["9"], 2)
    assert fetched.failed == {}
    assert gateway.tree.at_level(["9"], 2) == ["91"]
    assert gateway.tree.path("91") == "n9 > n91"


def test_a_retired_category_is_left_out_with_all_below_it_and_can_not_be_asked_for(tmp_path: Path) -> None:
    parent = node("1", "11", "12")
    parent.children.append(CategoryNode("13", "旧款(停用)", False))
    gateway = Gateway(tmp_path, {"1": parent, "11": node("11"), "12": node("12")})
    gateway.fetch(["1"], 3)
    assert gateway.tree.at_level(["1"], 3) == ["11", "12"]
    assert gateway.tree.retired(["1"], 3) == 1
    assert gateway.categories.load([ROOT]).retired(["1"], 3) == 1
    gateway.answers["13"] = node("13", parents=("1",), name="旧款(停用)")
    assert "停用" in gateway.fetch(["13"], 3).failed["13"]


def test_the_first_refusal_ends_the_fetch_and_a_failure_does_not(tmp_path: Path) -> None:
    many = [str(n) for n in range(100, 140)]
    gateway = Gateway(
        tmp_path, {"1": node("1", *many), **{each: PermissionDenied("gw.APIACLDecline") for each in many}}
    )
    assert isinstance(gateway.fetch(["1"], 3).refused, PermissionDenied)
    assert len(gateway.asked) <= 1 + 8
    gateway = Gateway(tmp_path / "other", {"1": node("1", *many), **{each: ListError("40") for each in many}})
    assert gateway.fetch(["1"], 3).failed.keys() == set(many)


def test_a_fetch_ends_when_the_crawl_is_told_to_stop(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path, {"1": LimiterClosed("stop")})
    gateway.stopping = True
    with pytest.raises(LimiterClosed):
        gateway.fetch(["1"], 3)
    assert gateway.asked == []


def test_what_was_read_is_kept_even_if_the_fetch_does_not_end(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path, {"1": node("1", "11", "12"), "11": node("11", "111"), "12": ListError("40")})
    gateway.fetch(["1"], 3)
    later = Gateway(tmp_path, {"12": node("12", "121")})
    later.tree = later.categories.load([ROOT])
    later.now = NOW + timedelta(days=6)
    later.fetch(["1"], 3)
    assert later.asked == ["12"]
    assert later.tree.at_level(["1"], 3) == ["111", "121"]


def test_a_child_without_a_readable_id_is_named_and_its_parent_is_read_again_by_the_next_crawl(tmp_path: Path) -> None:
    answer = CategoryNode("1", "one", False, (), [CategoryNode("11", "n11", True)], ("裤子",))
    gateway = Gateway(tmp_path, {"1": answer})
    fetcher = gateway.fetch(["1"], 2)
    assert gateway.tree.at_level(["1"], 2) == ["11"]
    assert list(fetcher.nameless) == ["裤子 below 1"]
    assert gateway.counts["toplist/tree/no_id"] == 1
    assert not fetcher.outdated(["1"], 2)
    gateway.tree = gateway.categories.load([ROOT])
    assert list(gateway.fetch(["1"], 2).nameless) == ["裤子 below 1"]
    gateway.answers["1"] = node("1", "11", "12")
    gateway.tree = gateway.categories.load([ROOT])
    assert not gateway.fetch(["1"], 2).nameless
    gateway.tree = gateway.categories.load([ROOT])
    gateway.fetch(["1"], 2)
    assert gateway.asked == ["1", "1", "1"]
