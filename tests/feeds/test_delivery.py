import errno
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import BinaryIO

import pytest

from tests.feeds.feed_samples import DAY, an_entry, some_entries
from toplist.feeds.delivery import Delivered, Failed, deliver, deliver_file
from toplist.feeds.formats import ExistingFeed, Format, read_existing
from toplist.feeds.uris import parse_target, parse_targets
from toplist.items import Entry, Source


def delivered_to(
    uris: str, entries: Iterable[Entry], spool: Path, *, day: date = DAY, allow_fewer: bool = False
) -> list[Delivered | Failed]:
    targets = parse_targets(uris, day)
    return deliver(targets, lambda: entries, snapshot_date=day, spool=spool, allow_fewer=allow_fewer)


def rows(count: int, **changes: object) -> list[Entry]:
    return [an_entry(rank, **changes) for rank in range(1, count + 1)]


def test_every_target_gets_the_whole_feed_in_one_pass(tmp_path: Path) -> None:
    uris = " ".join(f"{tmp_path}/snapshot_date=%(snapshot_date)s/lists.{format_}" for format_ in Format)
    passes = []

    def entries() -> Iterator[Entry]:
        passes.append(1)
        yield from some_entries()

    outcomes = deliver(parse_targets(uris, DAY), entries, snapshot_date=DAY, spool=tmp_path / "spool")
    assert passes == [1]
    for outcome, format_ in zip(outcomes, Format, strict=True):
        path = tmp_path / "snapshot_date=2026-11-23" / f"lists.{format_}"
        assert isinstance(outcome, Delivered)
        assert (outcome.rows, outcome.size) == (4, path.stat().st_size)
        assert read_existing(path, format_) == ExistingFeed(4, "2026-11-23", "sandbox")
    assert len(list((tmp_path / "snapshot_date=2026-11-23").iterdir())) == len(Format), "nothing else is left there"
    assert not (tmp_path / "spool").exists()


@pytest.mark.parametrize("format_", Format)
def test_less_never_replaces_more_of_the_same_snapshot(format_: Format, tmp_path: Path) -> None:
    uri = f"{tmp_path}/feed.{format_}"
    delivered_to(uri, rows(5), tmp_path)
    before = (tmp_path / f"feed.{format_}").read_bytes()
    (refused,) = delivered_to(uri, rows(4), tmp_path)
    assert refused == Failed(uri, f"{uri} was not delivered: the existing feed has more rows (5) than the new one (4).")
    assert (tmp_path / f"feed.{format_}").read_bytes() == before
    assert os.listdir(tmp_path) == [f"feed.{format_}"]
    (allowed,) = delivered_to(uri, rows(4), tmp_path, allow_fewer=True)
    assert isinstance(allowed, Delivered)
    assert read_existing(tmp_path / f"feed.{format_}", format_) == ExistingFeed(4, "2026-11-23", "sandbox")


def test_the_same_and_more_replace(tmp_path: Path) -> None:
    for count in (3, 3, 4):
        (outcome,) = delivered_to(f"{tmp_path}/feed.csv", rows(count), tmp_path)
        assert isinstance(outcome, Delivered)
        assert outcome.rows == count


def test_a_file_for_the_latest_snapshot_follows_the_days(tmp_path: Path) -> None:
    uri, tomorrow = f"{tmp_path}/latest.jsonl", DAY + timedelta(1)
    delivered_to(uri, rows(5), tmp_path)
    (outcome,) = delivered_to(uri, rows(4, snapshot_date=tomorrow), tmp_path, day=tomorrow)
    assert isinstance(outcome, Delivered)
    (empty,) = delivered_to(uri, [], tmp_path, day=tomorrow + timedelta(1))
    assert isinstance(empty, Failed), "an empty snapshot is less than any"
    assert read_existing(tmp_path / "latest.jsonl", Format.JSONL) == ExistingFeed(4, "2026-11-24", "sandbox")


def test_the_sandbox_never_replaces_1688_and_1688_replaces_the_sandbox(tmp_path: Path) -> None:
    uri = f"{tmp_path}/feed.jsonl"
    delivered_to(uri, rows(5), tmp_path)
    (real,) = delivered_to(uri, rows(2, source=Source.GATEWAY), tmp_path)
    assert isinstance(real, Delivered)
    (made_up,) = delivered_to(uri, rows(5), tmp_path, allow_fewer=True)
    assert isinstance(made_up, Failed)
    assert "these are the sandbox's" in made_up.reason
    assert read_existing(tmp_path / "feed.jsonl", Format.JSONL) == ExistingFeed(2, "2026-11-23", "1688")


@pytest.mark.parametrize("format_", Format)
def test_what_is_no_feed_is_replaced(format_: Format, tmp_path: Path) -> None:
    (tmp_path / f"feed.{format_}").write_bytes(b"\xff\x00 cut off")
    (outcome,) = delivered_to(f"{tmp_path}/feed.{format_}", rows(1), tmp_path)
    assert isinstance(outcome, Delivered)


def test_a_feed_that_fails_leaves_the_others_and_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    outcomes = delivered_to(f"{tmp_path}/file/a.csv {tmp_path}/b.csv", rows(2), tmp_path)
    assert outcomes[0] == Failed(f"{tmp_path}/file/a.csv", f"{tmp_path}/file/a.csv was not delivered: File exists.")
    assert isinstance(outcomes[1], Delivered)


def test_entries_that_cannot_be_read_fail_every_feed_and_say_no_secret(tmp_path: Path) -> None:
    delivered_to(f"{tmp_path}/a.csv", rows(1), tmp_path)
    before = (tmp_path / "a.csv").read_bytes()

    def entries() -> Iterator[Entry]:
        yield from rows(3)
        raise ConnectionError("postgresql://me:hidden@host/toplist is gone")

    outcomes = deliver(
        parse_targets(f"{tmp_path}/a.csv {tmp_path}/b.parquet", DAY), entries, snapshot_date=DAY, spool=tmp_path
    )
    assert [type(outcome) for outcome in outcomes] == [Failed, Failed]
    assert "hidden" not in str(outcomes)
    assert "the entries could not be read (ConnectionError)" in str(outcomes[1])
    assert os.listdir(tmp_path) == ["a.csv"]
    assert (tmp_path / "a.csv").read_bytes() == before


def test_a_source_that_does_not_even_open_is_a_failure_too(tmp_path: Path) -> None:
    def entries() -> Iterable[Entry]:
        raise OSError("no database")

    (outcome,) = deliver(parse_targets(f"{tmp_path}/a.csv", DAY), entries, snapshot_date=DAY, spool=tmp_path)
    assert isinstance(outcome, Failed)
    assert os.listdir(tmp_path) == []


def test_a_missing_library_is_said_and_the_other_feeds_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "toplist.feeds.parquet", raising=False)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "boto3", None)
    monkeypatch.setitem(sys.modules, "boto3.exceptions", None)
    lines, parquet, s3 = delivered_to(f"{tmp_path}/a.jsonl {tmp_path}/b.parquet s3://b/c.csv", rows(1), tmp_path / "s")
    assert isinstance(lines, Delivered)
    assert isinstance(parquet, Failed)
    assert isinstance(s3, Failed)
    assert "pyarrow is missing: pip install pyarrow." in parquet.reason
    assert "boto3 is missing: pip install boto3; it is kept in" in s3.reason
    assert s3.kept is not None
    assert read_existing(s3.kept, Format.CSV) == ExistingFeed(1, "2026-11-23", "sandbox")


def test_a_disk_that_is_full_is_said_and_the_old_feed_stays(tmp_path: Path) -> None:
    delivered_to(f"{tmp_path}/a.jsonl", rows(5), tmp_path)
    before = (tmp_path / "a.jsonl").read_bytes()
    script = f"""
import resource, sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from tests.feeds.feed_samples import DAY, an_entry
from toplist.feeds.delivery import deliver
from toplist.feeds.uris import parse_target, parse_targets
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))  # a file of more is refused as a full disk refuses it
targets = parse_targets("{tmp_path}/a.jsonl {tmp_path}/b.parquet s3://b/c.csv", DAY)
entries = [an_entry()] * 2500
for outcome in deliver(targets, lambda: entries, snapshot_date=DAY, spool=Path({str(tmp_path / "spool")!r})):
    print(getattr(outcome, "reason", "delivered"))
"""
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    lines, _, s3 = said.splitlines()
    assert lines == f"{tmp_path}/a.jsonl was not delivered: the disk is full."
    assert s3 == "s3://b/c.csv was not delivered: the disk is full."
    assert (tmp_path / "a.jsonl").read_bytes() == before
    assert list(tmp_path.rglob("*part*")) == []
    assert list((tmp_path / "spool").iterdir()) == []


def test_a_link_stays_a_link_and_the_mode_stays_the_mode(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    delivered_to(f"{tmp_path}/real/a.csv", rows(1), tmp_path)
    (tmp_path / "real" / "a.csv").chmod(0o640)
    (tmp_path / "a.csv").symlink_to(tmp_path / "real" / "a.csv")
    (outcome,) = delivered_to(f"{tmp_path}/a.csv", rows(2), tmp_path)
    assert isinstance(outcome, Delivered)
    assert (tmp_path / "a.csv").is_symlink()
    assert (tmp_path / "real" / "a.csv").stat().st_mode & 0o777 == 0o640
    assert read_existing(tmp_path / "real" / "a.csv", Format.CSV) == ExistingFeed(2, "2026-11-23", "sandbox")


def test_any_file_is_delivered_whole_or_not_at_all(tmp_path: Path) -> None:
    page = parse_target(f"{tmp_path}/new/page.html", DAY, setting="SETTING", suffix=".html")
    outcome = deliver_file(page, lambda file: [file.write(chunk) for chunk in (b"<html>", b"</html>")], spool=tmp_path)
    assert isinstance(outcome, Delivered)
    assert (outcome.uri, outcome.size) == (f"{tmp_path}/new/page.html", 13)
    assert outcome.sha256 == hashlib.sha256(b"<html></html>").hexdigest()

    def broken(file: BinaryIO) -> None:
        file.write(b"<html>")
        raise OSError(errno.ENOSPC, "")

    assert deliver_file(page, broken, spool=tmp_path) == Failed(
        page.uri, f"{page.uri} was not delivered: the disk is full."
    )
    assert (tmp_path / "new" / "page.html").read_bytes() == b"<html></html>"
    assert os.listdir(tmp_path / "new") == ["page.html"]


def test_a_feed_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    delivered_to(f"{tmp_path}/new/a.csv", rows(1), tmp_path)
    assert (tmp_path / "new" / "a.csv").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700


def test_what_a_killed_delivery_left_is_gone_after_the_next_one(tmp_path: Path) -> None:
    script = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from pathlib import Path
from tests.feeds.feed_samples import DAY, an_entry
from toplist.feeds.delivery import deliver
from toplist.feeds.uris import parse_targets

def entries():
    yield from [an_entry()] * 1000
    print("half", flush=True)
    sys.stdin.read()

targets = parse_targets("{tmp_path}/out/a.jsonl {tmp_path}/out/b.parquet s3://feeds/c.csv", DAY)
deliver(targets, entries, snapshot_date=DAY, spool=Path("{tmp_path}/spool"))
"""
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.kill()
    assert len(os.listdir(tmp_path / "out")) == 2
    assert len(os.listdir(tmp_path / "spool")) == 1
    tomorrow = f"{tmp_path}/out/tomorrow.jsonl s3://feeds/tomorrow.csv"
    _, kept = delivered_to(tomorrow, rows(1), tmp_path / "spool", day=DAY + timedelta(1))
    assert isinstance(kept, Failed)
    assert kept.kept is not None
    assert os.listdir(tmp_path / "out") == ["tomorrow.jsonl"]
    assert os.listdir(tmp_path / "spool") == [kept.kept.name]
