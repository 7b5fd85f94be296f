"""Log lines of a list: one short line, whatever becomes of it."""

import logging
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from scrapy.exceptions import DropItem

from toplist.items import Entry, ListKey, RankList, Source, Status
from toplist.logformatter import LogFormatter
from toplist.ranktypes import Protocol

KEY = ListKey(Source.GATEWAY, Protocol.BASE64, "hot", "311")
DAY = date(2026, 11, 24)
SPIDER: Any = SimpleNamespace(crawler=SimpleNamespace(settings={"DEFAULT_DROPITEM_LOG_LEVEL": "WARNING"}))


def a_list() -> RankList:
    place = {"snapshot_date": DAY, "collected_at": datetime(2026, 11, 24, tzinfo=UTC), **KEY._asdict()}
    entries = [Entry(**place, rank=rank, offer_id=str(rank), title="连衣裙" * 20) for rank in range(1, 21)]
    return RankList(key=KEY, snapshot_date=DAY, status=Status.COMPLETE, page_size=20, entries=entries)


def line(result: Any) -> str:
    return str(result["msg"] % result["args"])


@pytest.mark.parametrize("level", [None, "DEBUG"])
def test_a_dropped_list_is_one_line_with_the_reason(level: str | None) -> None:
    said = LogFormatter().dropped(a_list(), DropItem("no use for it", log_level=level), None, SPIDER)
    assert line(said) == "Dropped complete list hot in 311, 20 rows: no use for it"
    assert said["level"] == (logging.DEBUG if level else logging.WARNING)


def test_a_list_that_a_pipeline_fails_on_is_one_line() -> None:
    said = LogFormatter().item_error(a_list(), ValueError("no"), None, SPIDER)
    assert line(said) == "Error processing complete list hot in 311, 20 rows"


def test_items_of_other_spiders_are_logged_as_scrapy_does() -> None:
    assert "{'a': 1}" in line(LogFormatter().item_error({"a": 1}, ValueError("no"), None, SPIDER))
    assert "{'a': 1}" in line(LogFormatter().dropped({"a": 1}, DropItem("no"), None, SPIDER))
