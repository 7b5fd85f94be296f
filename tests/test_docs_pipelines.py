"""docs/pipelines.md: every attribute of the item stands there, and the pipeline that it shows works."""

import asyncio
import logging
import re
from datetime import UTC, date, datetime
from typing import Any

import pytest

from tests.harness import ROOT
from toplist import settings
from toplist.items import Entry, ListKey, RankList, Source, Status
from toplist.ranktypes import Protocol

PAGE = (ROOT / "docs" / "pipelines.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
KEY = ListKey(Source.GATEWAY, Protocol.BASE64, "hot", "311")
DAY = date(2026, 11, 24)


def an_entry(rank: int, price_change: float | None) -> Entry:
    place: dict[str, Any] = {"snapshot_date": DAY, "collected_at": datetime(2026, 11, 24, tzinfo=UTC), "rank": rank}
    return Entry(**place, **KEY._asdict(), offer_id=f"offer {rank}", price=9.9, price_change=price_change)


def test_every_attribute_of_the_item_stands_on_the_page() -> None:
    rows = [line.split("|")[1] for line in PAGE.splitlines() if line.startswith("| `")]
    assert sorted(name for row in rows for name in re.findall(r"`(\w+)`", row)) == sorted(RankList.model_fields)


def test_the_pipeline_of_the_page_logs_what_is_cheaper(caplog: pytest.LogCaptureFixture) -> None:
    names: dict[str, Any] = {}
    exec(BLOCKS[0], names)
    entries = [an_entry(rank, change) for rank, change in enumerate((-0.2, -0.05, None, 0.3), 1)]
    item = RankList(key=KEY, snapshot_date=DAY, status=Status.COMPLETE, page_size=20, entries=entries)
    with caplog.at_level(logging.INFO):
        assert asyncio.run(names["PriceAlertPipeline"]().process_item(item)) is item
    assert caplog.messages == ["offer 1 is cheaper: 9.9 yuan"]


def test_the_pipelines_of_the_page_are_those_of_the_settings() -> None:
    names: dict[str, Any] = {}
    exec(BLOCKS[1], names)
    del names["ITEM_PIPELINES"]["mine.PriceAlertPipeline"]
    assert names["ITEM_PIPELINES"] == {
        name: order for name, order in settings.ITEM_PIPELINES.items() if name.startswith("toplist.")
    }
