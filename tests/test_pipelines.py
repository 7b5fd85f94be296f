"""Storing a list: counted when it is stored, and left pending when the database stays away."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from scrapy.exceptions import DropItem
from sqlalchemy.exc import OperationalError

from tests.fakes import DAY, FakeStats, a_key
from toplist.errors import StorageUnavailable
from toplist.items import RankList, Status
from toplist.pipelines import StorePipeline
from toplist.storage.database import open_database
from toplist.storage.storage import Storage
from toplist.summary import CrawlSummary


class FakeHistory:
    """`failures` come before the list is stored."""

    def __init__(self, *failures: Exception):
        self.failures = list(failures)
        self.stored: list[RankList] = []

    def store(self, ended: RankList, *, refresh: bool) -> bool:
        if self.failures:
            raise self.failures.pop(0)
        self.stored.append(ended)
        return True


def away() -> OperationalError:
    return OperationalError("INSERT", {}, Exception("connection refused"))


def ended(**about: Any) -> RankList:
    return RankList(key=a_key(), snapshot_date=DAY, page_size=20, **{"status": Status.COMPLETE, **about})


class Harness:
    def __init__(self, folder: Path, *failures: Exception):
        self.now = 0.0
        engine = open_database(f"sqlite:///{folder / 'store.db'}")
        self.storage = Storage(engine, retry_for=60, clock=lambda: self.now, sleep=self._sleep)
        self.told: list[StorageUnavailable] = []
        self.storage.on_unavailable = self.told.append
        self.history, self.summary, stats = FakeHistory(*failures), CrawlSummary(), FakeStats()
        history: Any = self.history
        counts: Any = stats
        self.summary.plan(a_key())
        self.pipeline = StorePipeline(self.storage, history, self.summary, counts, refresh=False)

    def _sleep(self, seconds: float) -> None:
        self.now += seconds

    def process(self, item: RankList) -> Any:
        return asyncio.run(self.pipeline.process_item(item))


def test_a_list_waits_for_a_database_that_comes_back(tmp_path: Path) -> None:
    harness = Harness(tmp_path, *(away() for _ in range(10)))
    harness.process(ended())
    assert len(harness.history.stored) == 1
    assert harness.summary.pending == 0
    assert harness.told == []


def test_a_list_that_can_not_be_stored_is_dropped_and_the_crawl_told(tmp_path: Path) -> None:
    harness = Harness(tmp_path, *(away() for _ in range(1000)))
    with pytest.raises(DropItem):
        harness.process(ended())
    assert harness.summary.pending == 1
    assert len(harness.told) == 1
    assert "connection refused" in str(harness.told[0])


def test_a_list_that_lost_its_rows_is_a_warning(tmp_path: Path) -> None:
    harness = Harness(tmp_path)
    harness.process(ended(status=Status.EMPTY))
    assert harness.summary.all_warnings() == []
    harness.process(ended(status=Status.ABSENT, message="0 rows came, 60 on its last complete day"))
    assert harness.summary.all_warnings() == ["1 lists are empty or absent and had rows on their last complete day"]


def test_a_complete_list_that_is_unlike_its_last_day_is_a_warning(tmp_path: Path) -> None:
    harness = Harness(tmp_path)
    harness.process(ended())
    assert harness.summary.all_warnings() == []
    harness.process(ended(message="17 rows came, 20 on its last complete day"))
    assert harness.summary.all_warnings() == [
        "1 complete lists have fewer rows or none of the offers of their last complete day"
    ]
