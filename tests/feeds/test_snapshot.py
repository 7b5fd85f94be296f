"""A snapshot's files from a history: what the database holds is given, as lists."""

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from scrapy.settings import BaseSettings

from tests.feeds.feed_samples import DAY, an_entry
from tests.feeds.s3_server import SECRET
from toplist.config import Places
from toplist.errors import InputError
from toplist.feeds.delivery import Delivered, Failed, S3Options
from toplist.feeds.snapshot import check_before_crawl, check_feeds, deliver_snapshot, write_snapshot
from toplist.items import Entry, ListKey, RejectedRow, Source
from toplist.ranktypes import Protocol
from toplist.storage.history import History

KEY = ListKey(Source.SANDBOX, Protocol.BASE64, "hot", "10166")
REJECTED = (KEY, RejectedRow(position=3, reason="no offer_id", row={"subject": "连衣裙"}))


@dataclass
class Stored:
    """What a history says of the snapshot."""

    kept: list[Entry] = field(default_factory=lambda: [an_entry(1)])
    aside: list[Any] = field(default_factory=lambda: [REJECTED])

    def rows(self, day: date, source: Source) -> int:
        return len(self.kept)

    def entries(self, day: date, source: Source) -> Iterator[Entry]:
        return iter(self.kept)

    def rejected(self, day: date, source: Source) -> list[Any]:
        return self.aside

    def dropped_out(self, day: date, source: Source) -> list[Any]:
        return []


def places(feed: str, folder: Path, **others: str) -> Places:
    settings = BaseSettings({"TOPLIST_FEED_URI": feed, "TOPLIST_DATABASE_URL": "sqlite:///none.db"})
    return replace(Places.load(settings, sandbox=True), spool=folder / "spool", **others)


def written(at: Places, stored: Stored, s3: S3Options | None = None) -> list[Delivered | Failed]:
    return write_snapshot(at, cast(History, stored), DAY, Source.SANDBOX, s3 or S3Options())


def test_rejected_rows_stand_beside_the_feed_that_was_named(tmp_path: Path) -> None:
    at = places(f"{tmp_path}/elsewhere/lists-%(snapshot_date)s.csv", tmp_path)
    assert [type(outcome) for outcome in written(at, Stored())] == [Delivered]
    assert {path.name for path in (tmp_path / "elsewhere").iterdir()} == {
        "lists-2026-11-23.csv",
        "lists-rejected-2026-11-23.jsonl",
    }
    (line,) = (tmp_path / "elsewhere" / "lists-rejected-2026-11-23.jsonl").read_text().splitlines()
    assert json.loads(line) == {
        "snapshot_date": "2026-11-23",
        "source": "sandbox",
        "protocol": "base64",
        "rank_type": "hot",
        "category_id": "10166",
        "position": 3,
        "reason": "no offer_id",
        "row": {"subject": "连衣裙"},
    }


def test_a_refresh_without_rejected_rows_empties_the_file_and_without_one_makes_none(tmp_path: Path) -> None:
    at = places(f"{tmp_path}/lists.jsonl", tmp_path)
    written(at, Stored())
    assert (tmp_path / "lists-rejected.jsonl").stat().st_size > 0
    written(at, Stored(aside=[]))
    assert (tmp_path / "lists-rejected.jsonl").read_bytes() == b""
    assert not (tmp_path / "lists-dropped-out.jsonl").exists()


def test_a_row_that_cannot_be_written_leaves_the_old_file_and_is_a_failure(tmp_path: Path) -> None:
    class Broken(RejectedRow):
        def model_dump(self, **options: Any) -> dict[str, Any]:
            raise OSError(28, "No space left on device")

    at = places(f"{tmp_path}/lists.jsonl", tmp_path)
    written(at, Stored())
    before = (tmp_path / "lists-rejected.jsonl").read_bytes()
    feed, failed = written(at, Stored(aside=[REJECTED, (KEY, Broken(position=1, reason="", row={}))]))
    assert isinstance(failed, Failed)
    assert failed.reason == f"{tmp_path}/lists-rejected.jsonl was not delivered: the disk is full."
    assert isinstance(feed, Delivered)
    assert (tmp_path / "lists-rejected.jsonl").read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"lists-rejected.jsonl", "lists.jsonl"}


def test_rejected_rows_follow_the_feed_to_s3(s3: S3Options, stored: Callable[[str], bytes], tmp_path: Path) -> None:
    at = places("s3://feeds/day=%(snapshot_date)s/all.jsonl.gz", tmp_path)
    written(at, Stored(), s3)
    assert stored("day=2026-11-23/all-rejected.jsonl").count(b"\n") == 1
    written(at, Stored(aside=[]), s3)
    assert stored("day=2026-11-23/all-rejected.jsonl") == b""


def test_a_place_that_was_named_is_taken(tmp_path: Path) -> None:
    at = places(f"{tmp_path}/lists.jsonl", tmp_path, rejected_uri=f"{tmp_path}/bad rows/%(snapshot_date)s.jsonl")
    written(at, Stored())
    assert (tmp_path / "bad rows" / "2026-11-23.jsonl").exists()
    with pytest.raises(InputError, match=r"^TOPLIST_REJECTED_URI: .*\.csv' is not accepted.* ends in \.jsonl"):
        check_feeds(replace(at, rejected_uri="bad.csv"), DAY)


def test_a_crawl_hears_of_each_failure_and_of_a_snapshot_without_entries(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    at = places(f"{tmp_path}/a.jsonl {tmp_path}/file/b.jsonl", tmp_path)

    def told(stored: Stored) -> list[str]:
        return deliver_snapshot(at, cast(History, stored), DAY, Source.SANDBOX, S3Options())

    assert told(Stored()) == [f"feed not delivered: {tmp_path}/file/b.jsonl was not delivered: File exists."]
    assert told(Stored(kept=[], aside=[])) == ["the feed was not written, the snapshot has no entry"]


def test_a_feed_that_the_next_day_replaces_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for uri in ("%(snapshot_date)s/all.jsonl", "all-20261123.csv"):
        check_before_crawl(places(f"{tmp_path}/{uri}", tmp_path), DAY, S3Options())
    assert caplog.messages == []
    check_before_crawl(places(f"{tmp_path}/latest.jsonl", tmp_path), DAY, S3Options())
    assert caplog.messages == [f"The next day's feed will replace {tmp_path}/latest.jsonl: its address has no date"]
    written(places(f"{tmp_path}/latest.jsonl", tmp_path), Stored())
    outcomes = write_snapshot(
        places(f"{tmp_path}/latest.jsonl", tmp_path),
        cast(History, Stored(kept=[an_entry(1, snapshot_date=DAY + timedelta(1))])),
        DAY + timedelta(1),
        Source.SANDBOX,
        S3Options(),
    )
    assert [type(outcome) for outcome in outcomes] == [Delivered]


def test_a_wrong_secret_is_refused_before_the_first_request(s3: S3Options, tmp_path: Path) -> None:
    at = places("s3://feeds/%(snapshot_date)s.jsonl", tmp_path)
    check_before_crawl(at, DAY, s3)
    with pytest.raises(InputError, match="the secret key is wrong: check AWS_SECRET_ACCESS_KEY") as refused:
        check_before_crawl(at, DAY, replace(s3, secret_access_key="not-the-secret"))
    assert SECRET not in str(refused.value)
    assert "not-the-secret" not in str(refused.value)


def test_an_s3_that_does_not_answer_yet_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    at = places("s3://feeds/%(snapshot_date)s.jsonl", tmp_path)
    with caplog.at_level(logging.WARNING, "toplist"):
        check_before_crawl(at, DAY, S3Options("http://me:hidden@127.0.0.1:1", "key", "secret", region_name="us-east-1"))
    assert "the endpoint does not answer" in caplog.text
    assert "hidden" not in caplog.text
