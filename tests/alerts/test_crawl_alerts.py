"""Alerts of a crawl: the watch feed, the message that arrives, and what a monitor does to the verdict."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.alerts.test_messages import Service
from tests.harness import Crawled, Project
from toplist.sandbox.process import SandboxProcess

WATCH = """
[[watch]]
name = "everything new"
categories = ["10166"]
rank_within = 50
new_on_list = true
"""


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()
    yield service
    service.stop()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path / "project")
    (project.folder / "watch.toml").write_text(WATCH, encoding="utf-8")
    return project


def crawl(project: Project, day: str, *arguments: str, **settings: str) -> Crawled:
    return project.crawl(
        None,
        "gateway=sandbox",
        "categories=10166",
        "rank_types=hot,new,rise",
        f"snapshot_date={day}",
        *arguments,
        TOPLIST_WATCH="watch.toml",
        **settings,
    )


def feed(project: Project, day: str) -> list[dict[str, object]]:
    path = project.folder / "exports" / f"sandbox-{day}.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_what_is_watched_is_found_written_and_told(project: Project, service: Service) -> None:
    address = f"json://127.0.0.1:{service.port}/hook"
    first = crawl(project, "2026-11-20", TOPLIST_NOTIFY_URLS=address, LANG="zh_CN.UTF-8")
    second = crawl(project, "2026-11-21", TOPLIST_NOTIFY_URLS=address, TOPLIST_LANGUAGE="en")
    assert (first.status, second.status) == (0, 0), second.log
    path = project.folder / "exports" / "sandbox-watch-2026-11-21.jsonl"
    hits = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    new = {each["offer_id"] for each in feed(project, "2026-11-21") if each["movement"] == "new_entry"}
    assert new
    assert {hit["entry"]["offer_id"] for hit in hits if "new_on_list" in hit["triggers"]} == new
    chinese, english = service.received
    assert str(chinese["title"]).endswith("完整")
    assert english["title"] == "1688 ranking lists 2026-11-21 (sandbox): complete"
    assert f"{len(hits)} watched entries met a threshold" in str(english["message"])


def test_a_service_that_is_gone_does_not_change_the_verdict(project: Project, service: Service) -> None:
    service.stop()
    done = crawl(project, "2026-11-20", TOPLIST_NOTIFY_URLS=f"json://u:tok3n@127.0.0.1:{service.port}/")
    assert (done.status, done.verdict.endswith("Verdict: complete")) == (0, True)
    assert "The message could not be delivered to address 1 (json) of TOPLIST_NOTIFY_URLS" in done.log
    assert "tok3n" not in done.log


def test_a_monitor_warns_or_fails_as_it_is_set(project: Project, gateway: Callable[..., SandboxProcess]) -> None:
    options = ("--total=5", "--fault=kind=throttle,times=3")
    lists = ("categories=10166", "rank_types=hot")
    warned = project.crawl(gateway(*options), *lists)
    assert (warned.status, warned.stat("toplist/monitors/throttles")) == (0, "1"), warned.log
    assert re.search(r"Verdict: complete \(warning: throttles: 3 of \d requests were throttled\)$", warned.verdict)
    failed = project.crawl(gateway(*options), *lists, "refresh=1", TOPLIST_MONITORS_FAIL="rows throttles")
    assert failed.status == 3
    assert re.search(r"Verdict: incomplete: throttles: 3 of \d requests were throttled$", failed.verdict)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"TOPLIST_MONITORS_FAIL": "rows nosuch"}, "TOPLIST_MONITORS_FAIL=nosuch is not accepted: it takes some of"),
        ({"TOPLIST_NOTIFY_URLS": "nosuch://tok3n"}, "TOPLIST_NOTIFY_URLS: address 1 is not accepted"),
        ({"TOPLIST_WATCH": "none.toml"}, "TOPLIST_WATCH=none.toml can't be read: No such file or directory."),
    ],
)
def test_bad_input_is_refused_before_the_first_request(project: Project, settings: dict[str, str], said: str) -> None:
    done = project.crawl(None, "gateway=sandbox", **settings)
    assert done.status == 2
    assert said in done.log
    assert "tok3n" not in done.log
