"""The monitors on the sandbox's market: silent on 28 days of it, and each fires on such a day made wrong."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from tests.sandbox_days import CATEGORIES, PROTOCOL, store_sandbox_days
from toplist.alerts.day_figures import read_day_figures
from toplist.alerts.monitors import CrawlFigures, run_monitors
from toplist.items import Source
from toplist.ranktypes import rank_types_of
from toplist.storage.database import open_database

DAYS = 28
LISTS = len(CATEGORIES) * len(rank_types_of(PROTOCOL))


@pytest.fixture(scope="module")
def four_weeks(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[date]]:
    """A database of 28 days, closed, and its days."""
    path = tmp_path_factory.mktemp("sandbox") / "days.db"
    engine = open_database(f"sqlite:///{path}")
    days = store_sandbox_days(engine, date(2026, 10, 28), DAYS)
    engine.dispose()
    return path, days


@pytest.fixture
def engine(four_weeks: tuple[Path, list[date]], tmp_path: Path) -> Iterator[Engine]:
    """A copy that a test may change."""
    shutil.copy(four_weeks[0], tmp_path / "days.db")
    engine = open_database(f"sqlite:///{tmp_path / 'days.db'}")
    yield engine
    engine.dispose()


def failed(engine: Engine, day: date) -> list[str]:
    today, earlier = read_day_figures(engine, Source.SANDBOX, PROTOCOL, day)
    return [each.name for each in run_monitors(today, earlier, CrawlFigures(requests=60)) if not each.passed]


def test_every_monitor_is_silent_on_28_days(engine: Engine, four_weeks: tuple[Path, list[date]]) -> None:
    days = four_weeks[1]
    for day in days:
        today, earlier = read_day_figures(engine, Source.SANDBOX, PROTOCOL, day)
        assert (today.lists, today.ended, len(earlier)) == (LISTS, LISTS, min(days.index(day), 14)), day
        assert failed(engine, day) == [], day
    # The comparisons had something to compare: nothing above passed for want of figures.
    assert today.rows > 400
    assert today.new_share is not None
    assert today.compared_lists == LISTS


ON_THE_DAY = "list_id % 2 = 0 AND snapshot_date = :day"
WRONG: dict[str, str] = {
    "completeness": f"UPDATE list_snapshot SET status = 'failed', code = '500' WHERE {ON_THE_DAY}",
    "rows": "DELETE FROM observation WHERE rank > 10 AND snapshot_date = :day",
    "nulls": f"UPDATE observation SET price = NULL WHERE {ON_THE_DAY}",
    "new_entries": f"UPDATE observation SET movement = 'new_entry' WHERE {ON_THE_DAY}",
    "unchanged": """
        UPDATE observation SET (version_id, sale_count, price) = (
            SELECT o.version_id, o.sale_count, o.price FROM observation o
            WHERE o.list_id = observation.list_id AND o.rank = observation.rank AND o.snapshot_date = :before)
        WHERE snapshot_date = :day""",
}


@pytest.mark.parametrize("name", WRONG)
def test_a_day_made_wrong_in_the_database_fires_the_monitor(
    name: str, engine: Engine, four_weeks: tuple[Path, list[date]]
) -> None:
    before, day = four_weeks[1][-2:]
    with engine.begin() as connection:
        values = {"day": str(day)} | ({"before": str(before)} if name == "unchanged" else {})
        assert connection.execute(text(WRONG[name]), values).rowcount > 0
    assert name in failed(engine, day)
