"""Scrapy's own `FEEDS`, through its real FeedExporter, in a process of its own."""

import errno
import gzip
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from scrapy.exporters import JsonLinesItemExporter
from scrapy.extensions.feedexport import ItemFilter

from tests.feeds.feed_samples import an_entry
from tests.harness import Project
from tests.test_exporters import READERS
from toplist import settings as project_settings
from toplist.sandbox.process import SandboxProcess

CRAWL = """
import json, sys
from scrapy import Spider
from scrapy.crawler import AsyncCrawlerProcess
from tests.feeds.feed_samples import a_list, an_entry
from toplist import settings as project
from toplist.items import Status


class Lists(Spider):
    name = "lists"

    async def start(self):
        yield a_list([an_entry(1), an_entry(2)])
        yield a_list([], Status.EMPTY)
        yield a_list([an_entry(3)])


ours = {"FEED_EXPORTERS": project.FEED_EXPORTERS, "FEED_EXPORT_ENCODING": project.FEED_EXPORT_ENCODING}
process = AsyncCrawlerProcess({**ours, "LOG_LEVEL": "ERROR", "TELNETCONSOLE_ENABLED": False, **json.loads(sys.argv[1])})
crawler = process.create_crawler(Lists)
process.crawl(crawler)
process.start()
print(json.dumps({name: value for name, value in crawler.stats.get_stats().items() if "feedexport" in name}))
"""
HERE = Path(__file__).parent


def crawled(feeds: dict[str, Any], **settings: Any) -> dict[str, int]:
    """Crawl three lists into the feeds. Returns the stats of Scrapy's feed exporter."""
    done = subprocess.run(
        [sys.executable, "-c", CRAWL, json.dumps({"FEEDS": feeds, **settings})],
        env={"PYTHONPATH": str(HERE.parent), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    stats: dict[str, int] = json.loads(done.stdout)
    return {**stats, "errors": done.stderr.count("ERROR")}


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one crawl made of every kind of feed."""
    folder = tmp_path_factory.mktemp("exports")
    feeds: dict[str, Any] = {f"{folder}/feed.{format_}": {"format": format_} for format_ in READERS}
    feeds[f"{folder}/feed.gz"] = {"format": "jsonl", "postprocessing": ["scrapy.extensions.postprocessing.GzipPlugin"]}
    feeds[f"{folder}/some.csv"] = {"format": "csv", "fields": {"offer_id": "id", "price": "price"}}
    feeds[f"{folder}/batch-%(batch_id)d.jsonl"] = {"format": "jsonl", "batch_item_count": 1}
    stats = crawled(feeds)
    assert stats == {"feedexport/success_count/FileFeedStorage": len(READERS) + 2 + 3, "errors": 0}
    return folder


@pytest.mark.parametrize("format_", READERS)
def test_every_format_has_an_entry_a_line(exports: Path, format_: str) -> None:
    rows = READERS[format_]((exports / f"feed.{format_}").read_bytes())
    assert [row["offer_id"] for row in rows] == [an_entry(rank).offer_id for rank in (1, 2, 3)]


def test_scrapys_gzip_works_on_top(exports: Path) -> None:
    assert gzip.decompress((exports / "feed.gz").read_bytes()) == (exports / "feed.jsonl").read_bytes()


def test_fields_of_one_feed_are_its_own(exports: Path) -> None:
    assert (exports / "some.csv").read_text(encoding="utf-8-sig").splitlines()[:2] == ["id,price", "699123456701,25.8"]


def test_a_batch_counts_lists(exports: Path) -> None:
    counts = [len((exports / f"batch-{number}.jsonl").read_bytes().splitlines()) for number in (1, 2, 3)]
    assert counts == [2, 0, 1]


def test_a_second_crawl_appends_or_overwrites_and_what_it_can_do_neither_is_counted(
    exports: Path, tmp_path: Path
) -> None:
    for name in ("feed.csv", "feed.jsonl", "feed.parquet"):
        shutil.copy(exports / name, tmp_path / name)
    shutil.copy(exports / "feed.csv", tmp_path / "over.parquet")
    feeds: dict[str, Any] = {
        f"{tmp_path}/feed.{format_}": {"format": format_} for format_ in ("csv", "jsonl", "parquet")
    }
    stats = crawled({**feeds, f"{tmp_path}/over.parquet": {"format": "parquet", "overwrite": True}})
    assert len(READERS["csv"]((tmp_path / "feed.csv").read_bytes())) == 6
    assert len(READERS["jsonl"]((tmp_path / "feed.jsonl").read_bytes())) == 6
    assert pq.read_metadata(tmp_path / "over.parquet").num_rows == 3
    assert stats["feedexport/failed_count/EntryParquetExporter"] == 1
    assert (tmp_path / "feed.parquet").read_bytes() == (exports / "feed.parquet").read_bytes(), "left as it was"


def test_a_second_crawl_of_the_day_says_where_the_snapshot_is(
    project: Project, gateway: Callable[..., SandboxProcess]
) -> None:
    sandbox, plan = gateway("--total=20"), ("categories=311", "rank_types=hot", "--overwrite-output=own.jsonl")
    first = project.crawl(sandbox, *plan)
    assert "No entries in" not in first.log
    assert len((project.folder / "own.jsonl").read_bytes().splitlines()) == 20
    second = project.crawl(sandbox, *plan)
    assert second.status == 0
    assert (project.folder / "own.jsonl").read_bytes() == b""
    (feed,) = (project.folder / "exports").glob("toplist-2*.jsonl")
    assert f"No entries in own.jsonl: nothing new was fetched; the whole snapshot is in {feed}\n" in second.log


class FullDisk(JsonLinesItemExporter):
    """An exporter of somebody else's that can't end its file."""

    def finish_exporting(self) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_feed_that_could_not_be_ended_or_opened_is_counted(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    feeds: dict[str, Any] = {
        f"{tmp_path}/whole.jsonl": {"format": "jsonl"},
        f"{tmp_path}/cut.jsonl": {"format": "cut"},
        f"{tmp_path}/cut-%(batch_id)d.jsonl": {"format": "cut", "batch_item_count": 2},
        f"{tmp_path}/file/none.jsonl": {"format": "jsonl", "item_filter": f"{__name__}.Nothing"},
    }
    stats = crawled(
        feeds,
        EXTENSIONS={"scrapy.extensions.feedexport.FeedExporter": None, "toplist.exporters.CountingFeedExporter": 0},
        FEED_EXPORTERS={**project_settings.FEED_EXPORTERS, "cut": f"{__name__}.FullDisk"},
    )
    assert stats["feedexport/success_count/FileFeedStorage"] == 1
    assert stats["feedexport/failed_count/close"] == 4, "one, two batches, and the one that has no file"


class Nothing(ItemFilter):
    """Lets no item through."""

    def accepts(self, item: Any) -> bool:
        return False
