"""What changed, day by day, through crawls of the sandbox's market days."""

import json
import subprocess
import sys
from math import log
from pathlib import Path
from typing import Any

import pytest

from tests.harness import Project

LIST = ("gateway=sandbox", "categories=311", "rank_types=hot,rise,new")
COLUMNS = "rank_type, offer_id, rank, sale_count, movement, rank_change, sale_growth, trend_notes"


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Four days in a row, a day missed, and one more."""
    project = Project(tmp_path_factory.mktemp("trends") / "project")
    for day in ("01", "02", "03", "04", "06"):
        done = project.crawl(None, *LIST, f"snapshot_date=2026-11-{day}")
        assert done.status == 0, done.log
    return project


def entries(project: Project, day: str) -> dict[tuple[str, str], dict[str, Any]]:
    names = COLUMNS.split(", ")
    rows = project.query(f"SELECT {COLUMNS} FROM entries WHERE snapshot_date = '2026-11-{day}'", "sandbox")
    return {(row[0], row[1]): dict(zip(names, row, strict=True)) for row in rows}


def test_the_first_day_has_nothing_to_compare_with_and_says_so(week: Project) -> None:
    first = entries(week, "01").values()
    assert {entry["movement"] for entry in first} == {"unknown"}
    assert {entry["sale_growth"] for entry in first} == {None}
    assert all("movement:first_snapshot" in json.loads(entry["trend_notes"]) for entry in first)


def test_every_entry_says_what_changed_since_the_day_before(week: Project) -> None:
    before, after = entries(week, "02"), entries(week, "03")
    stayed = before.keys() & after.keys()
    assert len(stayed) > 20
    for key in stayed:
        gained = before[key]["rank"] - after[key]["rank"]
        assert after[key]["rank_change"] == gained
        assert after[key]["movement"] == ("up" if gained > 0 else "down" if gained < 0 else "steady")
        if before[key]["sale_count"] and after[key]["sale_count"]:
            growth = log(after[key]["sale_count"] / before[key]["sale_count"])
            assert after[key]["sale_growth"] == pytest.approx(growth)
    came = after.keys() - before.keys()
    earlier = entries(week, "01")
    for key in came:
        assert after[key]["movement"] == ("re_entry" if key in earlier else "new_entry")


def test_offers_that_left_are_recorded_and_have_a_file_of_their_own(week: Project) -> None:
    before, after = entries(week, "03"), entries(week, "04")
    path = week.folder / "exports" / "sandbox-dropped-out-2026-11-04.jsonl"
    gone = [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]
    assert {(each["rank_type"], each["offer_id"]) for each in gone} == before.keys() - after.keys()
    assert all(before[each["rank_type"], each["offer_id"]]["rank"] == each["rank"] for each in gone)
    assert {each["base_date"] for each in gone} == {"2026-11-03"}


def test_a_missed_day_is_a_gap_and_never_a_new_entry(week: Project) -> None:
    before, after = entries(week, "04"), entries(week, "06")
    came = after.keys() - before.keys()
    assert came
    assert {after[key]["movement"] for key in came} <= {"unknown", "re_entry"}
    gaps = [after[key] for key in came if after[key]["movement"] == "unknown"]
    assert all("movement:missed_day" in json.loads(entry["trend_notes"]) for entry in gaps)
    assert {after[key]["movement"] for key in before.keys() & after.keys()} <= {"up", "down", "steady"}


def test_a_day_crawled_again_has_the_same_rows_and_trends(week: Project) -> None:
    path = week.folder / "exports" / "sandbox-2026-11-06.jsonl"
    once = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    done = week.crawl(None, *LIST, "snapshot_date=2026-11-06", "refresh=1")
    assert done.status == 0, done.log
    again = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert once[0]["collected_at"] != again[0]["collected_at"]
    assert [{**entry, "collected_at": ""} for entry in again] == [{**entry, "collected_at": ""} for entry in once]


def test_a_list_asked_less_deep_makes_nobody_new_or_gone(week: Project) -> None:
    assert week.crawl(None, *LIST, "snapshot_date=2026-11-07", "pages=1", "page_size=10").status == 0
    shallow = entries(week, "07")
    assert {entry["movement"] for entry in shallow.values()} & {"up", "down", "steady"}
    assert not (week.folder / "exports" / "sandbox-dropped-out-2026-11-07.jsonl").exists()
    assert week.crawl(None, *LIST, "snapshot_date=2026-11-08").status == 0
    deep = entries(week, "08")
    unseen = [entry for key, entry in deep.items() if key not in shallow]
    assert unseen
    assert {entry["movement"] for entry in unseen} == {"unknown"}


def test_the_backtest_says_when_there_is_too_little_history(week: Project) -> None:
    command = [sys.executable, "-m", "scrapy", "backtest", "--gateway=sandbox"]
    done = subprocess.run(
        command, cwd=week.folder, env=week.environment(None), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "too little history" in done.stdout
