"""What the gateway may say of its tree that a walk must bear: circles, a fourth level, parents that lead nowhere."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from toplist.api.parse_issues import ParseIssues
from toplist.api.responses import CategoryNode
from toplist.categories.fetcher import CategoryFetcher
from toplist.categories.tree import TOP, Category, Tree
from toplist.circuit_breaker import CircuitBreaker
from toplist.errors import ListError, PermissionDenied
from toplist.items import Source
from toplist.ratelimit.limiter import LimiterClosed
from toplist.storage.categories import Categories
from toplist.storage.database import open_database

NOW = datetime(2026, 11, 24, tzinfo=UTC)
ROOT = Category("1", TOP, "one", 1)


def node(category_id: str, *children: str, parents: tuple[str, ...] = (), name: str = "some") -> CategoryNode:
    return CategoryNode(category_id, name, False, parents, [CategoryNode(each, f"n{each}", False) for each in children])


class FakeRun:
    """What a walk needs of a run; `answers` are the gateway's, by category."""

    def __init__(self, folder: Path, answers: dict[str, CategoryNode | Exception]):
        self.engine = open_database(f"sqlite:///{folder / 'tree.db'}")
        self.source = Source.GATEWAY
        self.gateway_url = "http://127.0.0.1"
        self.config = SimpleNamespace(category_cache_days=7.0)
        self.clock = SimpleNamespace(now=lambda: NOW)
        self.patience = CircuitBreaker(lambda: 0.0)
        self.credentials = SimpleNamespace(redact=lambda text: text)
        self.counts: Counter[str] = Counter()
        self.stats = SimpleNamespace(inc_value=self._count)
        self.tree = Tree([ROOT])
        self.crawler = SimpleNamespace(engine=SimpleNamespace(download_async=self._download))
        self.answers = answers
        self.asked: list[str] = []
        self.stopping = False

    def _count(self, name: str, times: int = 1) -> None:
        self.counts[name] += times

    def is_stopping(self) -> bool:
        return self.stopping

    async def in_thread(self, work: Any) -> Any:
        return work()

    async def _download(self, request: Any) -> Any:
        await asyncio.sleep(0)
        category_id = request.meta["toplist_call"].params["categoryID"]
        self.asked.append(category_id)
        answer = self.answers[category_id]
        if isinstance(answer, Exception):
            raise answer
        request.cb_kwargs.update(answer=[answer], notes=ParseIssues())
        return SimpleNamespace(request=request)

    def walk(self, ids: list[str], level: int) -> CategoryFetcher:
        walk = CategoryFetcher(self)  # type: ignore[arg-type]
        asyncio.run(walk.down_to(ids, level))
        return walk


def kept(run: FakeRun) -> dict[str, str]:
    return {each.category_id: each.parent_id for each in Categories(run.engine, run.source).load([ROOT]).below("1")}


def test_a_category_below_itself_is_left_out_and_counted(tmp_path: Path) -> None:
    run = FakeRun(tmp_path, {"1": node("1", "1", "11"), "11": node("11", "1", "11", "111")})
    run.walk(["1"], 3)
    assert run.tree.at_level(["1"], 3) == ["111"]
    assert run.counts["toplist/tree/cycles"] == 3
    assert kept(run) == {"11": "1", "111": "11"}


def test_nothing_is_asked_below_the_third_level(tmp_path: Path) -> None:
    run = FakeRun(tmp_path, {"1": node("1", "11"), "11": node("11", "111"), "111": node("111", "1111")})
    run.walk(["1"], 3)
    assert run.asked == ["1", "11"]
    run = FakeRun(tmp_path, {"111": node("111", "1111", parents=("11",)), "11": node("11", "111", parents=("1",))})
    run.walk(["111"], 3)
    assert run.tree.at_level(["111"], 3) == ["111"]
    assert run.counts["toplist/tree/too_deep"] == 1


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
    run = FakeRun(tmp_path, answers)
    walk = run.walk(["5"], 3)
    assert "5" in walk.failed
    assert len(run.asked) <= 4
    assert run.tree.at_level(["5"], 3) == []


def test_a_root_that_is_new_is_found_among_the_roots(tmp_path: Path) -> None:
    run = FakeRun(tmp_path, {"9": node("9", "91", name="new"), TOP: node(TOP, "1", "9"), "91": node("91")})
    walk = run.walk(["9"], 2)
    assert walk.failed == {}
    assert run.tree.at_level(["9"], 2) == ["91"]
    assert run.tree.path("91") == "n9 > n91"


def test_a_retired_category_is_left_out_with_all_below_it_and_can_not_be_asked_for(tmp_path: Path) -> None:
    parent = node("1", "11", "12")
    parent.children.append(CategoryNode("13", "旧款(停用)", False))
    run = FakeRun(tmp_path, {"1": parent, "11": node("11"), "12": node("12")})
    run.walk(["1"], 3)
    assert run.tree.at_level(["1"], 3) == ["11", "12"]
    assert run.tree.retired(["1"], 3) == 1
    assert Categories(run.engine, run.source).load([ROOT]).retired(["1"], 3) == 1
    run.answers["13"] = node("13", parents=("1",), name="旧款(停用)")
    assert "停用" in run.walk(["13"], 3).failed["13"]


def test_the_first_refusal_ends_the_walk_and_a_failure_does_not(tmp_path: Path) -> None:
    many = [str(n) for n in range(100, 140)]
    run = FakeRun(tmp_path, {"1": node("1", *many), **{each: PermissionDenied("gw.APIACLDecline") for each in many}})
    assert isinstance(run.walk(["1"], 3).refused, PermissionDenied)
    assert len(run.asked) <= 1 + 8
    run = FakeRun(tmp_path / "other", {"1": node("1", *many), **{each: ListError("40") for each in many}})
    assert run.walk(["1"], 3).failed.keys() == set(many)


def test_a_walk_ends_when_the_crawl_is_told_to_stop(tmp_path: Path) -> None:
    run = FakeRun(tmp_path, {"1": LimiterClosed("stop")})
    run.stopping = True
    with pytest.raises(LimiterClosed):
        run.walk(["1"], 3)
    assert run.asked == []


def test_what_was_read_is_kept_even_if_the_walk_does_not_end(tmp_path: Path) -> None:
    run = FakeRun(tmp_path, {"1": node("1", "11", "12"), "11": node("11", "111"), "12": ListError("40")})
    run.walk(["1"], 3)
    later = FakeRun(tmp_path, {"12": node("12", "121")})
    later.tree = Categories(later.engine, later.source).load([ROOT])
    later.clock.now = lambda: NOW + timedelta(days=6)
    later.walk(["1"], 3)
    assert later.asked == ["12"]
    assert later.tree.at_level(["1"], 3) == ["111", "121"]
