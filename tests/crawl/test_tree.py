"""The category tree in a crawl: walked within the limits, kept, and made do with."""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.harness import QUICK, Crawled, Project, asked
from toplist.sandbox.process import SandboxProcess

Gateway = Callable[..., SandboxProcess]
DRESSES = "1031910"  # 连衣裙, level 2, below 10166 女装
BRANCH = ("1100703", "2")  # ends at level 2, with its root


def tree_requests(sandbox: SandboxProcess) -> list[dict[str, Any]]:
    return [each for each in sandbox.state()["requests"] if each["api"] == "alibaba.category.get"]


def categories(project: Project, sandbox: SandboxProcess | None, *options: str, **settings: str) -> Crawled:
    done = subprocess.run(
        [sys.executable, "-m", "scrapy", "categories", *options],
        cwd=project.folder,
        env=project.environment(sandbox, **QUICK | settings),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Crawled(done.returncode, done.stdout, done.stderr)


def test_level_3_asks_for_every_leaf_below_with_its_path(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--total=2")
    done = project.crawl(sandbox, "categories=10166", "level=3", "rank_types=hot")
    assert done.status == 0, done.log
    lists = project.query("SELECT category_id, category_level, category_path, category_name FROM ledger")
    assert len(lists) == 100
    assert {level for _, level, *_ in lists} == {2, 3}  # one branch ends at level 2
    assert ("126060000", 3, "女装 > 连衣裙 > 印花连衣裙", "印花连衣裙") in lists
    assert len(tree_requests(sandbox)) == 1 + 10
    assert not any("停用" in name for *_, name in lists)
    assert "99 categories on level 3, 1 that end before it; 1 retired (停用) left out" in done.out
    assert done.stat("toplist/tree/retired") == "1"
    assert "Only level 1" not in done.out
    entry = next(each for each in project.feed() if each["category_id"] == "126060000")
    assert (entry["category_level"], entry["category_path"]) == (3, "女装 > 连衣裙 > 印花连衣裙")
    assert project.query("SELECT DISTINCT category_path FROM entries WHERE category_id = '126060000'") == [
        ("女装 > 连衣裙 > 印花连衣裙",)
    ]


def test_a_kept_tree_is_not_read_again_until_it_is_too_old(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--total=2")
    below = (f"categories={DRESSES}", "level=3", "rank_types=hot")
    assert project.crawl(sandbox, *below).status == 0
    assert len(project.ledger()) == 10
    assert [each["category_id"] for each in tree_requests(sandbox)] == [DRESSES]  # its parent is a known root
    assert project.crawl(sandbox, *below).status == 0
    assert len(tree_requests(sandbox)) == 1
    assert project.crawl(sandbox, *below, TOPLIST_CATEGORY_CACHE_DAYS="0").status == 0
    assert len(tree_requests(sandbox)) == 2


def test_ids_without_a_level_cost_no_tree_request_and_have_names_where_they_are_kept(
    project: Project, gateway: Gateway
) -> None:
    sandbox = gateway("--total=2")
    one = (f"categories={DRESSES}", "rank_types=hot")
    about = "SELECT category_name, category_level, category_path FROM ledger"
    assert project.crawl(sandbox, *one).status == 0
    assert tree_requests(sandbox) == []
    assert project.query(about) == [(None, None, None)]
    assert categories(project, sandbox, "--level=2").status == 0
    read = len(tree_requests(sandbox))
    assert project.crawl(sandbox, *one, "refresh=1").status == 0
    assert len(tree_requests(sandbox)) == read
    assert project.query(about) == [("连衣裙", 2, "女装 > 连衣裙")]


def test_the_summary_says_when_only_level_1_was_asked(project: Project, gateway: Gateway) -> None:
    done = project.crawl(gateway("--total=2"), "categories=10166,311", "rank_types=hot")
    assert "Only level 1 was asked" in done.out
    assert project.query("SELECT category_level, category_path FROM ledger ORDER BY 2") == [(1, "女装"), (1, "童装")]


def test_a_refused_tree_leads_to_the_kept_one(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--total=2")
    below = (f"categories={DRESSES}", "level=3", "rank_types=hot")
    assert project.crawl(sandbox, *below).status == 0
    sandbox.without_grants(["alibaba.category.get"])
    done = project.crawl(sandbox, *below, TOPLIST_CATEGORY_CACHE_DAYS="0")
    assert done.status == 0, done.log
    assert "The kept category tree is used" in done.log
    assert "gw.APIACLDecline" in done.log
    assert "(10 of them" not in done.out
    assert done.stat("deltafetch/skipped") == "10"


def test_a_refused_tree_that_is_not_kept_stops_the_crawl_before_a_list(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--no-grant=alibaba.category.get")
    done = project.crawl(sandbox, "categories=10166", "level=3")
    assert done.status == 3
    assert "the category tree was refused and is not kept" in done.verdict
    assert "gw.APIACLDecline" in done.verdict
    assert asked(sandbox) == []
    assert "Traceback" not in done.log
    assert len(tree_requests(sandbox)) == 1


def test_a_refused_secret_ends_the_walk_in_order(project: Project, gateway: Gateway) -> None:
    sandbox = gateway()
    done = project.crawl(sandbox, "level=3", TOPLIST_APP_SECRET="wrong")
    assert done.status == 3
    assert "TOPLIST_APP_SECRET" in done.verdict
    assert "Traceback" not in done.log
    assert sandbox.state()["arrivals"] == 1


def test_a_refused_tree_leaves_the_known_roots(project: Project, gateway: Gateway) -> None:
    done = project.crawl(gateway("--total=1", "--no-grant=alibaba.category.get"), "rank_types=hot")
    assert done.status == 0, done.log
    assert len(project.ledger()) == 52
    assert "the known root categories are asked for" in done.log


@pytest.mark.parametrize(
    "fault", ["kind=403,nth=1", "kind=throttle,nth=1", "kind=5xx,nth=1,times=2", "kind=reset,nth=1"]
)
def test_a_tree_request_that_fails_is_asked_again(project: Project, gateway: Gateway, fault: str) -> None:
    sandbox = gateway("--total=1")
    sandbox.faults([f"{fault},api=alibaba.category.get"])
    done = project.crawl(sandbox, f"categories={DRESSES}", "level=3", "rank_types=hot", TOPLIST_PAUSE_403="0.1")
    assert done.status == 0, done.log
    assert len(project.ledger()) == 10
    assert sandbox.state()["faults"][0]["fired"] > 0
    assert len(tree_requests(sandbox)) > 1


def test_an_answer_without_categories_is_asked_again(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--total=1")
    sandbox.faults(["kind=echo,nth=1,api=alibaba.category.get"])
    done = project.crawl(sandbox, f"categories={DRESSES}", "level=3", "rank_types=hot")
    assert (done.status, len(tree_requests(sandbox))) == (0, 2)


def test_a_branch_that_can_not_be_read_is_named_and_the_rest_goes_on(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--total=1")
    sandbox.faults([f"kind=code,code=500_9,category={DRESSES}"])
    done = project.crawl(sandbox, "categories=10166", "level=3", "rank_types=hot")
    assert done.status == 3
    assert "1 categories could not be read, so the lists below them are not planned" in done.verdict
    assert re.search(rf"category {DRESSES} could not be read: .*500_9", done.out)
    assert len(project.ledger()) == 90


def test_a_category_that_the_gateway_does_not_know_is_named(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--total=1")
    done = project.crawl(sandbox, f"categories=999999,{BRANCH[0]}", "level=3", "rank_types=hot")
    assert done.status == 3
    assert "category 999999 could not be read" in done.out
    assert list(project.ledger()) == [("hot", BRANCH[0])]


def test_a_category_whose_parent_can_not_be_read_is_named(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--total=1")
    sandbox.faults([f"kind=code,code=500_9,category={DRESSES}"])
    done = project.crawl(sandbox, "categories=126060000,126120000", "level=3", "rank_types=hot")
    assert done.status == 3
    assert "category 126060000 could not be read" in done.out
    assert "Traceback" not in done.log
    assert list(project.ledger()) == [("hot", "126120000")]


def test_a_category_below_the_level_is_bad_input(project: Project, gateway: Gateway) -> None:
    sandbox = gateway()
    done = project.crawl(sandbox, f"categories={DRESSES}", "level=1")
    assert done.status == 2
    assert "toplist: level=1 is not accepted with categories=1031910: 连衣裙 is on level 2" in done.log
    assert asked(sandbox) == []
    assert project.ledger() == {}
    both = project.crawl(sandbox, "categories=all", "level=3")
    assert both.status == 2
    assert "categories=all" in both.log


def test_the_walk_keeps_the_budget_and_uses_it(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--qps=20", "--latency=200", "--category-interval=1.5")
    done = categories(project, sandbox, "--level=2", TOPLIST_QPS="20", DOWNLOAD_DELAY="1.5")
    assert done.status == 0, done.log
    state = sandbox.state()
    assert state["violations"] == 0, state["violation_descriptions"]
    at = sorted(each["at"] for each in tree_requests(sandbox))[1:]  # after the one for the roots
    assert len(at) == 50
    assert (len(at) - 1) / (at[-1] - at[0]) > 12  # neither one at a time (5/s) nor one a category's interval (0.7/s)


def test_a_walk_that_was_stopped_goes_on_where_it_was(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--total=1", "--latency=20")
    process = project.start(sandbox, "level=3", "rank_types=hot", TOPLIST_QPS="20", DOWNLOAD_DELAY="0")
    while len(tree_requests(sandbox)) < 10:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, log = process.communicate(timeout=30)
    assert process.returncode == 3, log
    assert "it was stopped" in log.splitlines()[-1]
    assert "Traceback" not in log
    before = len(tree_requests(sandbox))
    assert before < 100
    assert asked(sandbox) == []
    assert categories(project, sandbox, "--level=2").status == 0
    again = [each["category_id"] for each in tree_requests(sandbox)]
    assert len(again) - len(set(again)) <= 8  # what was in flight
    assert len(set(again)) == 51


def test_a_dry_run_says_the_cost_and_asks_for_no_list(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--total=45")
    below = (f"categories={DRESSES}", "level=3", "rank_types=hot,best")
    dry = project.crawl(sandbox, *below, "dry_run=1", TOPLIST_QPS="2", DOWNLOAD_DELAY="1.5")
    assert dry.status == 0, dry.log
    assert asked(sandbox) == []
    assert project.ledger() == {}
    assert not list((project.folder / "exports").glob("*")) if (project.folder / "exports").exists() else True
    assert re.search(r"all +20 +0 +20 +20\n", dry.out)
    assert "Time by the limits: at least 11 s, at 2 requests a second and 1.5 s between two of a category." in dry.out
    assert "at least 20 requests" in dry.log
    assert len(dry.out.splitlines()) < 24
    assert project.crawl(sandbox, f"categories={DRESSES}", "level=3", "rank_types=hot").status == 0
    again = project.crawl(sandbox, *below, "dry_run=1")
    assert re.search(r"hot 热销榜 +10 +10 +0 +0\n", again.out)
    assert re.search(r"all +20 +10 +10 +10\n", again.out)


def test_the_cost_knows_how_long_the_lists_were_the_day_before(project: Project, gateway: Gateway) -> None:
    one = ("gateway=sandbox", "rank_types=hot")
    assert project.crawl(None, *one, "snapshot_date=2026-11-23").status == 0
    rows = project.query("SELECT reported_total FROM ledger", "sandbox")
    requests = sum(-(-total // 20) for (total,) in rows)
    done = project.crawl(None, *one, "snapshot_date=2026-11-24", "dry_run=1")
    assert f"2 lists, 0 of them complete already; about {requests} requests" in done.log
    capped = project.crawl(None, *one, "snapshot_date=2026-11-24", "dry_run=1", "pages=1")
    assert "about 2 requests" in capped.log


def test_what_a_stopped_crawl_never_reached_is_pending_and_counted(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--total=1")
    sandbox.faults(["kind=code,code=25,nth=5"])  # the secret is refused from the fifth request on
    done = project.crawl(sandbox, "level=1")
    assert done.status == 3
    statuses = [status for status, _, _ in project.ledger().values()]
    ended = len(statuses) - statuses.count("pending")
    assert len(statuses) == 52 * 11
    assert 0 < ended < 20
    assert f"{52 * 11 - ended} lists were not asked for or not stored" in done.verdict


def test_the_tree_is_printed_and_searched(project: Project, gateway: Gateway) -> None:
    sandbox = gateway()
    found = categories(project, sandbox, "--search", "连衣裙", "--json")
    assert found.status == 0, found.log
    rows = json.loads(found.out)
    assert len(rows) == 11
    assert rows[0] == {
        "category_id": DRESSES,
        "name": "连衣裙",
        "level": 2,
        "path": "女装 > 连衣裙",
        "is_leaf": False,
        "parent_id": "10166",
    }
    assert all(row["is_leaf"] and "连衣裙" in row["name"] for row in rows[1:])
    read = len(tree_requests(sandbox))
    whole = json.loads(categories(project, sandbox, "--json").out)
    assert len([row for row in whole if row["level"] == 1]) == 52
    assert len([row for row in whole if row["is_leaf"]]) >= 3000
    lines = categories(project, sandbox, "--level=2", "--search=连衣裙").out.splitlines()
    assert lines == [f"{DRESSES:<12} 2        女装 > 连衣裙"]
    assert len(tree_requests(sandbox)) == read
    assert json.loads(categories(project, None, "--search=连衣裙", "--json").out) == rows  # kept: no credentials needed


def test_the_command_says_what_went_wrong(project: Project, gateway: Gateway) -> None:
    without = categories(project, None)
    assert without.status == 2
    assert len([line for line in without.log.splitlines() if line.startswith("toplist: No credentials")]) == 1
    bad = categories(project, gateway(), TOPLIST_CATEGORY_CACHE_DAYS="soon")
    assert bad.status == 2
    assert "TOPLIST_CATEGORY_CACHE_DAYS='soon' is not accepted" in bad.log
    refused = categories(project, gateway("--no-grant=alibaba.category.get"))
    assert refused.status == 3
    assert "toplist: There is no category tree" in refused.log
    assert categories(project, gateway(), "--level=4").status == 2


def test_the_sandboxs_tree_and_the_gateways_do_not_mix(project: Project, gateway: Gateway) -> None:
    both = {"TOPLIST_DATABASE_URL": f"sqlite:///{project.folder / 'both.db'}"}
    assert categories(project, None, "--gateway=sandbox", "--level=1", **both).status == 0
    sandbox = gateway()
    assert categories(project, sandbox, "--level=1", **both).status == 0
    assert len(tree_requests(sandbox)) == 1


def test_categories_says_how_far_it_is_and_leaves_the_log_out(project: Project, gateway: Gateway) -> None:
    done = categories(project, gateway(), "--level=2")
    assert done.status == 0, done.log
    assert "Reading the category tree: 0 categories read" in done.log
    assert "INFO" not in done.log
    known = categories(project, gateway(), "--level=2", TOPLIST_GATEWAY_URL="http://127.0.0.1:1")
    assert (known.status, "Reading" in known.log) == (0, False)  # what is stored is printed at once


def test_categories_gives_advice_that_it_accepts(project: Project) -> None:
    done = categories(project, None)
    assert done.status == 2
    assert "--gateway=sandbox" in done.log
    assert "-a gateway" not in done.log
