"""Two crawls at once on one database: one budget, one pause, and every list fetched by one of them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from tests.harness import Crawled, Project, asked
from toplist.sandbox.process import SandboxProcess

Gateway = Callable[..., SandboxProcess]
FAST = {"TOPLIST_QPS": "20", "DOWNLOAD_DELAY": "0.3"}
LIMITS = ("--total=20", "--qps=20", "--category-interval=0.3", "--latency=60")
PLAN = ("categories=10166,311,54,67,312", "rank_types=hot,best,rise,new")


@pytest.fixture
def projects(tmp_path: Path) -> list[Project]:
    return [Project(tmp_path / name) for name in ("first", "second")]


def together(projects: list[Project], sandbox: SandboxProcess, url: str, *plans: tuple[str, ...]) -> list[Crawled]:
    """Crawls that run at the same time."""
    started = [
        project.start(sandbox, *plan, TOPLIST_DATABASE_URL=url, **FAST, TOPLIST_PAUSE_403="2")
        for project, plan in zip(projects, plans, strict=True)
    ]
    ended = [(*process.communicate(timeout=120), process) for process in started]
    return [Crawled(process.returncode, out, log) for out, log, process in ended]


def outcomes(url: str) -> Counter[str]:
    engine = create_engine(url)
    with engine.connect() as connection:
        found = connection.execute(text("SELECT status FROM ledger")).scalars().all()
    engine.dispose()
    return Counter(found)


def test_two_crawls_of_one_plan_fetch_each_list_once_within_one_budget(
    projects: list[Project], gateway: Gateway, database_url: str
) -> None:
    sandbox = gateway(*LIMITS)
    done = together(projects, sandbox, database_url, PLAN, PLAN)
    assert [each.status for each in done] == [0, 0], [each.log for each in done]
    assert [each.verdict.endswith("Verdict: complete") for each in done] == [True, True]
    times = Counter((each["rank_type"], each["category_id"]) for each in asked(sandbox))
    assert times == dict.fromkeys(times, 1)
    assert len(times) == 20
    assert sandbox.state()["violations"] == 0, sandbox.state()["violation_descriptions"]
    assert outcomes(database_url) == {"complete": 20}
    assert [len(project.feed()) for project in projects] == [400, 400]


def test_a_403_to_one_crawl_stops_the_other(
    projects: list[Project], gateway: Gateway, postgres: Callable[[], str]
) -> None:
    sandbox = gateway(*LIMITS, "--pause=2", "--fault=kind=403,nth=8")
    plans = [(PLAN[0], "rank_types=hot"), (PLAN[0], "rank_types=best")]
    done = together(projects, sandbox, postgres(), *plans)
    assert [each.status for each in done] == [0, 0], [each.log for each in done]
    requests = sorted(sandbox.state()["requests"], key=lambda each: each["at"])
    refused = next(each for each in requests if each["status"] == 403)
    after = [each["at"] - refused["sent_at"] for each in requests if each["at"] > refused["sent_at"] + 0.1]
    assert min(after) >= 2.0


def test_a_list_that_a_dead_crawl_held_is_taken_over(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--total=20")
    one = ("categories=311", "rank_types=hot,best")
    sandbox.faults(["kind=code,code=40"])
    assert project.crawl(sandbox, *one).status == 3
    sandbox.faults([])
    with project.database() as connection:
        connection.execute(
            "UPDATE list_snapshot SET lease_owner = 'crawl-dead', lease_expires_at = ? WHERE list_id = 1",
            [time.monotonic() + 6],
        )
        assert connection.total_changes == 1
        connection.commit()
    done = project.crawl(sandbox, *one)
    assert done.status == 0, done.log
    assert done.stat("toplist/leases/waited") == "1"
    assert done.stat("toplist/leases/taken_over") == "1"
    assert {status for status, *_ in project.ledger().values()} == {"complete"}
    assert project.query("SELECT count(*) FROM list_snapshot WHERE lease_owner IS NOT NULL") == [(0,)]
