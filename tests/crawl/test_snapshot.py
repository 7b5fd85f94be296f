"""One snapshot, end to end."""

import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.harness import Project, asked
from toplist.items import ENTRY_FIELDS
from toplist.sandbox.process import SandboxProcess

Gateway = Callable[..., SandboxProcess]
TWO = "categories=10166,311"


def test_a_sandbox_crawl_brings_every_list_whole(project: Project) -> None:
    done = project.crawl(None, "gateway=sandbox")
    assert done.status == 0, done.log
    assert done.verdict.endswith("Verdict: complete")
    assert done.stat("toplist/verdict") == "'complete'"
    feed = project.feed("sandbox")
    lists = project.query("SELECT rank_type, category_id, status, reported_total FROM ledger", "sandbox")
    assert len(lists) == 2 * 11
    assert {status for *_, status, _ in lists} == {"complete"}
    per_list = Counter((entry["rank_type"], entry["category_id"]) for entry in feed)
    assert per_list == {(kind, category): total for kind, category, _, total in lists}
    assert {entry["source"] for entry in feed} == {"sandbox"}
    assert tuple(feed[0]) == ENTRY_FIELDS
    assert {entry["category_name"] for entry in feed} == {"女装", "童装"}
    assert [entry["rank"] for entry in feed][:3] == [1, 2, 3]


def test_the_feed_is_the_entries_of_the_database_in_a_fixed_order(project: Project, gateway: Gateway) -> None:
    sandbox = gateway()
    assert project.crawl(sandbox, TWO, "rank_types=hot,best").status == 0
    columns = "source, protocol, rank_type, category_id, rank, offer_id, price, collected_at"
    stored = project.query(f"SELECT {columns} FROM entries ORDER BY 1, 2, 3, 4, 5")
    feed = [tuple(entry[name] for name in columns.split(", ")[:-1]) for entry in project.feed()]
    assert feed == [row[:-1] for row in stored]
    assert [entry["collected_at"][:19] for entry in project.feed()] == [row[-1][:19] for row in stored]


def test_a_second_crawl_asks_only_for_what_is_missing(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--total=20")
    sandbox.faults([{"kind": "code", "code": "40", "rank_type": "hot", "category": "311"}])
    first = project.crawl(sandbox, TWO, "rank_types=hot,best")
    assert first.status == 3
    assert project.ledger()["hot", "311"][:2] == ("failed", "40")
    assert "1 of 4 lists failed" in first.verdict
    sandbox.faults([])
    before = len(asked(sandbox))
    second = project.crawl(sandbox, TWO, "rank_types=hot,best")
    assert second.status == 0, second.log
    assert [(each["rank_type"], each["category_id"]) for each in asked(sandbox)[before:]] == [("hot", "311")]
    assert second.stat("deltafetch/skipped") == "3"
    assert len(project.feed()) == 4 * 20
    third = project.crawl(sandbox, TWO, "rank_types=hot,best")
    assert third.status == 0
    assert "Task was destroyed" not in third.log


def test_refresh_asks_for_everything_again_and_replaces_it(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--total=20")
    assert project.crawl(sandbox, "categories=311", "rank_types=hot").status == 0
    first = project.feed()
    for again in ("refresh=1", "--set=DELTAFETCH_RESET=1"):
        before = len(asked(sandbox))
        assert project.crawl(sandbox, "categories=311", "rank_types=hot", again).status == 0
        assert len(asked(sandbox)) == before + 1
        feed = project.feed()
        assert [{**entry, "collected_at": ""} for entry in feed] == [{**entry, "collected_at": ""} for entry in first]
        assert feed[0]["collected_at"] > first[0]["collected_at"]


def test_a_list_that_was_asked_less_deep_is_asked_again(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--total=45")
    one = ("categories=311", "rank_types=hot")
    assert project.crawl(sandbox, *one, "pages=1").status == 0
    assert project.ledger()["hot", "311"] == ("complete", None, 20)
    assert project.crawl(sandbox, *one).status == 0
    assert project.ledger()["hot", "311"] == ("complete", None, 45)
    before = len(asked(sandbox))
    assert project.crawl(sandbox, *one, "pages=2").status == 0
    assert len(asked(sandbox)) == before


def test_fewer_rows_never_replace_more(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--total=20")
    one = ("categories=311", "rank_types=hot")
    sandbox.faults([{"kind": "short", "rows": 5}])
    assert project.crawl(sandbox, *one).status == 0
    assert project.ledger()["hot", "311"] == ("partial", None, 15)
    sandbox.faults([{"kind": "short", "rows": 9}])
    assert project.crawl(sandbox, *one).status == 0
    assert project.ledger()["hot", "311"] == ("partial", None, 15)
    assert project.crawl(sandbox, *one, "refresh=1").status == 0
    assert project.ledger()["hot", "311"] == ("partial", None, 11)
    sandbox.faults([])
    assert project.crawl(sandbox, *one).status == 0
    assert project.ledger()["hot", "311"] == ("complete", None, 20)


def test_openplatform_by_the_token_alone(project: Project, gateway: Gateway) -> None:
    sandbox = gateway()
    done = project.crawl(sandbox, TWO, TOPLIST_ACCESS_TOKEN=sandbox.access_token)
    assert done.status == 0, done.log
    feed = project.feed()
    assert {entry["protocol"] for entry in feed} == {"openplatform"}
    assert len({entry["rank_type"] for entry in feed}) == 8
    assert {entry["price"] for entry in feed} == {None}
    assert all(entry["buyer_count"] is not None and entry["total"] is None for entry in feed)


def test_a_sandbox_crawl_and_a_crawl_of_a_gateway_do_not_mix(project: Project, gateway: Gateway) -> None:
    assert project.crawl(None, "gateway=sandbox", "rank_types=hot").status == 0
    sandbox = gateway("--seed=2")
    assert project.crawl(sandbox, TWO, "rank_types=hot").status == 0
    assert {entry["source"] for entry in project.feed()} == {"1688"}
    assert {entry["source"] for entry in project.feed("sandbox")} == {"sandbox"}
    assert len(asked(sandbox)) > 0
    assert project.query("SELECT DISTINCT source FROM ledger") == [("1688",)]
    assert project.query("SELECT DISTINCT source FROM ledger", "sandbox") == [("sandbox",)]


def test_without_categories_every_root_category_is_asked(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--total=5")
    assert project.crawl(sandbox, "rank_types=hot").status == 0
    assert len(project.ledger()) == 52


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "xml"])
def test_scrapys_own_feeds_hold_an_entry_a_line(project: Project, gateway: Gateway, suffix: str) -> None:
    sandbox = gateway("--total=20")
    done = project.crawl(sandbox, TWO, "rank_types=hot", "-o", f"own.{suffix}")
    assert done.status == 0, done.log
    text = (project.folder / f"own.{suffix}").read_text(encoding="utf-8-sig")
    assert text.count("detail.1688.com") == 40


def test_rows_that_can_not_be_read_are_set_aside_and_the_list_stands(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--total=20")
    sandbox.faults([{"kind": "broken", "rank_type": "hot"}])
    done = project.crawl(sandbox, "categories=311", "rank_types=hot")
    status, _, received = project.ledger()["hot", "311"]
    assert (status, received) == ("complete", 20)
    aside = list((project.folder / "exports").glob("toplist-rejected-*.jsonl"))
    assert len(aside) == 1
    lines = aside[0].read_text(encoding="utf-8").splitlines()
    assert 0 < len(lines) < 20
    assert len(project.feed()) == 20 - len(lines)
    assert "toplist/rows/rejected/" in done.log
    again = project.crawl(sandbox, "categories=311", "rank_types=hot")
    assert again.stat("deltafetch/skipped") == "1"
    shown = [each.out.splitlines()[1].split()[-1] for each in (done, again)]
    assert shown == [str(len(project.feed()))] * 2  # rows mean the feed's on every run


def test_the_same_offer_twice_is_counted_and_kept_once(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--total=20")
    sandbox.faults([{"kind": "duplicate"}])
    done = project.crawl(sandbox, "categories=311", "rank_types=hot")
    assert done.stat("toplist/rows/duplicates") == "1"
    offers = [entry["offer_id"] for entry in project.feed()]
    assert len(offers) == len(set(offers))


def test_bad_input_sends_nothing_and_says_what_is_accepted(project: Project, gateway: Gateway, tmp_path: Path) -> None:
    sandbox = gateway()
    (tmp_path / "file").touch()
    cases: list[tuple[list[str], dict[str, str], str]] = [
        (["rank_types=hottest"], {}, "goodPrice"),
        (["categories=abc"], {}, "category ids"),
        (["pages=0"], {}, "pages=0"),
        (["colour=red"], {}, "colour"),
        ([], {"TOPLIST_GATEWAY_URL": "http://gw.open.1688.com/openapi"}, "https://"),
        ([], {"TOPLIST_APP_KEY": "", "TOPLIST_APP_SECRET": ""}, "gateway=sandbox"),
        ([], {"TOPLIST_FEED_URI": str(tmp_path / "file" / "feed.jsonl")}, "TOPLIST_FEED_URI"),
        ([], {"TOPLIST_DATABASE_URL": f"sqlite:///{tmp_path / 'file' / 'a.db'}"}, "TOPLIST_DATABASE_URL"),
    ]
    for arguments, settings, says in cases:
        done = project.crawl(sandbox, *arguments, **settings)
        assert done.status == 2, (arguments, settings, done.log)
        sentences = [line for line in done.log.splitlines() if line.startswith("toplist: ")]
        assert len(sentences) == 1
        assert says in sentences[0]
        assert "Traceback" not in done.log
    assert sandbox.state()["arrivals"] == 0


def test_only_a_real_crawl_prunes_its_own_source_by_todays_date(project: Project, gateway: Gateway) -> None:
    today = datetime.now(UTC).date()
    both = {"TOPLIST_DATABASE_URL": f"sqlite:///{project.folder / 'both.db'}", "TOPLIST_RETENTION_DAYS": "800"}
    sandbox, one = gateway("--total=2"), ("categories=311", "rank_types=hot")
    days = [str(today - timedelta(days=back)) for back in (900, 500)]
    for day in days:
        done = project.crawl(
            None, *one, "gateway=sandbox", f"snapshot_date={day}", **both | {"TOPLIST_RETENTION_DAYS": ""}
        )
        assert done.status == 0, done.log

    def snapshots() -> list[tuple[str, str]]:
        with closing(sqlite3.connect(project.folder / "both.db")) as connection:
            return connection.execute("SELECT source, snapshot_date FROM ledger ORDER BY snapshot_date").fetchall()

    assert project.crawl(sandbox, *one, **both).status == 0  # another source
    dry = ("gateway=sandbox", "dry_run=1")
    assert project.crawl(None, *one, *dry, **both).status == 0
    assert [day for source, day in snapshots() if source == "sandbox"] == days
    far = str(today + timedelta(days=400))  # as a demonstration of the future may ask
    done = project.crawl(None, *one, "gateway=sandbox", f"snapshot_date={far}", **both)
    assert done.status == 0, done.log
    assert [day for source, day in snapshots() if source == "sandbox"] == [days[1], far]
    assert [source for source, _ in snapshots()].count("1688") == 1
