"""Against a real server that checks signatures; what a real one does not do on demand, `Odd` does."""

import base64
import gzip
import hashlib
import random
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar

import pytest
from scrapy.settings import BaseSettings

from tests.feeds.feed_samples import DAY, an_entry
from tests.feeds.s3_server import KEY_ID, SECRET, OneObject, serve_s3
from toplist.feeds.delivery import Delivered, Failed, check_access, deliver, deliver_file
from toplist.feeds.formats import ExistingFeed, Format, read_existing
from toplist.feeds.s3 import PART, S3Options, S3Store
from toplist.feeds.uris import Target, parse_target, parse_targets
from toplist.items import Entry, Source

Look = Callable[[str], bytes]


def rows(count: int, **changes: object) -> list[Entry]:
    return [an_entry(rank, **changes) for rank in range(1, count + 1)]


def sent(
    uris: str, entries: list[Entry], spool: Path, options: S3Options, *, allow_fewer: bool = False
) -> list[Delivered | Failed]:
    targets = parse_targets(uris, DAY)
    return deliver(targets, lambda: entries, snapshot_date=DAY, spool=spool, s3=options, allow_fewer=allow_fewer)


def target(uri: str) -> Target:
    return parse_targets(uri, DAY)[0]


@pytest.mark.parametrize("format_", Format)
def test_a_feed_is_uploaded_verified_and_gone_from_the_spool(
    format_: Format, s3: S3Options, stored: Look, tmp_path: Path
) -> None:
    key = f"toplist/snapshot_date=2026-11-23/up.{format_}"
    (outcome,) = sent(f"s3://feeds/toplist/snapshot_date=%(snapshot_date)s/up.{format_}", rows(3), tmp_path, s3)
    assert isinstance(outcome, Delivered)
    assert (outcome.uri, outcome.rows) == (f"s3://feeds/{key}", 3)
    assert hashlib.sha256(stored(key)).hexdigest() == outcome.sha256
    assert list(tmp_path.iterdir()) == []


def test_a_large_feed_goes_up_in_parts(s3: S3Options, stored: Look, tmp_path: Path) -> None:
    big = "".join(random.Random(1).choices("连衣裙女装批发", k=PART // 12))
    (outcome,) = sent("s3://feeds/large.jsonl", rows(8, title=big), tmp_path, s3)
    assert isinstance(outcome, Delivered)
    assert outcome.size > 2 * PART
    assert hashlib.sha256(stored("large.jsonl")).hexdigest() == outcome.sha256


def test_the_object_says_its_rows_its_day_and_its_source(s3: S3Options, tmp_path: Path) -> None:
    sent("s3://feeds/says.csv", rows(3), tmp_path, s3)
    assert S3Store(s3).existing_feed(target("s3://feeds/says.csv"), tmp_path / "not used") == ExistingFeed(
        3, "2026-11-23", "sandbox"
    )
    assert S3Store(s3).existing_feed(target("s3://feeds/none.csv"), tmp_path / "not used") is None


def test_less_never_replaces_more(s3: S3Options, stored: Look, tmp_path: Path) -> None:
    sent("s3://feeds/more.jsonl", rows(5), tmp_path, s3)
    before = stored("more.jsonl")
    (refused,) = sent("s3://feeds/more.jsonl", rows(4), tmp_path, s3)
    assert isinstance(refused, Failed)
    assert "the existing feed has more rows (5) than the new one (4)" in refused.reason
    assert (refused.kept, list(tmp_path.iterdir())) == (None, [])
    assert stored("more.jsonl") == before
    (allowed,) = sent("s3://feeds/more.jsonl", rows(4), tmp_path, s3, allow_fewer=True)
    assert isinstance(allowed, Delivered)
    (more,) = sent("s3://feeds/more.jsonl", rows(2, source=Source.GATEWAY), tmp_path, s3)
    assert isinstance(more, Delivered), "1688's entries replace the sandbox's"


@pytest.mark.parametrize("format_", [Format.JSONL_GZ, Format.PARQUET])
def test_an_object_without_metadata_is_read(format_: Format, tmp_path: Path) -> None:
    with serve_s3(tmp_path) as server:
        sent(f"s3://feeds/old.{format_}", rows(5), tmp_path / "spool", server.options)
    with serve_s3(tmp_path) as server:  # it kept metadata in its memory
        (refused,) = sent(f"s3://feeds/old.{format_}", rows(4), tmp_path / "spool", server.options)
    assert isinstance(refused, Failed)
    assert "more rows (5)" in refused.reason
    assert list((tmp_path / "spool").iterdir()) == []


def test_the_endpoint_and_the_keys_may_come_from_boto3s_own_places(
    s3: S3Options, stored: Look, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert s3.endpoint_url
    for name, value in [("ENDPOINT_URL_S3", s3.endpoint_url), ("ACCESS_KEY_ID", KEY_ID), ("SECRET_ACCESS_KEY", SECRET)]:
        monkeypatch.setenv(f"AWS_{name}", value)
    (outcome,) = sent("s3://feeds/own.csv", rows(1), tmp_path, S3Options())
    assert isinstance(outcome, Delivered)


def test_scrapys_settings_are_the_options() -> None:
    names = ["ENDPOINT_URL", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "REGION_NAME"]
    settings = {f"AWS_{name}": name for name in names}
    assert S3Options.from_settings(BaseSettings(settings)) == S3Options(*names)
    assert S3Options.from_settings(BaseSettings({"AWS_ENDPOINT_URL": ""})) == S3Options()
    assert "SECRET_ACCESS_KEY" not in repr(S3Options(*names))


@pytest.mark.parametrize(
    ("change", "uri", "why"),
    [
        ({"secret_access_key": "wrong"}, "s3://feeds/a.csv", "the secret key is wrong: check AWS_SECRET_ACCESS_KEY"),
        ({"access_key_id": "AKIAOTHER"}, "s3://feeds/a.csv", "the access key is unknown there"),
        ({"access_key_id": None, "secret_access_key": None}, "s3://feeds/a.csv", "no keys: set AWS_ACCESS_KEY_ID and"),
        ({"secret_access_key": None}, "s3://feeds/a.csv", "half of the keys"),
        ({}, "s3://no-such-bucket/a.csv", "there is no such bucket"),
        ({"endpoint_url": "not a url"}, "s3://feeds/a.csv", "the endpoint is no URL"),
        ({"endpoint_url": "http://me:hidden@127.0.0.1:1"}, "s3://feeds/a.csv", "the endpoint does not answer"),
    ],
)
def test_what_is_wrong_is_one_sentence_without_secrets_and_nothing_is_lost(
    s3: S3Options, tmp_path: Path, change: dict[str, str | None], uri: str, why: str
) -> None:
    (outcome,) = sent(uri, rows(3), tmp_path, replace(s3, **change))
    assert isinstance(outcome, Failed)
    assert outcome.reason.startswith(f"{uri} was not delivered: {why}")
    assert outcome.reason.endswith(f"; it is kept in {outcome.kept}.")
    assert outcome.kept is not None
    assert read_existing(outcome.kept, Format.CSV) == ExistingFeed(3, "2026-11-23", "sandbox")
    (before,) = check_access([target(uri)], s3=replace(s3, **change))
    assert why in before.reason
    for text in (outcome.reason, before.reason):
        assert not any(secret in text for secret in (SECRET, "wrong;", "hidden"))


def test_a_target_that_can_be_reached_passes_the_check_access(s3: S3Options) -> None:
    assert check_access([target("s3://feeds/never-was.csv"), target("/nowhere/a.csv")], s3=s3) == []


def test_what_was_kept_is_delivered_by_the_next_run(s3: S3Options, stored: Look, tmp_path: Path) -> None:
    (failed,) = sent("s3://feeds/again.jsonl.gz", rows(3), tmp_path, replace(s3, secret_access_key="wrong"))
    assert isinstance(failed, Failed)
    assert list(tmp_path.iterdir()) == [failed.kept]
    (delivered,) = sent("s3://feeds/again.jsonl.gz", rows(3), tmp_path, s3)
    assert isinstance(delivered, Delivered)
    assert gzip.decompress(stored("again.jsonl.gz")).count(b"\n") == 3
    assert list(tmp_path.iterdir()) == []


def test_any_file_is_uploaded_with_its_media_type(s3: S3Options, stored: Look, tmp_path: Path) -> None:
    page = parse_target("s3://feeds/page.html", DAY, setting="SETTING", suffix=".html")
    outcome = deliver_file(page, lambda file: file.write(b"<html>"), spool=tmp_path, s3=s3)
    assert isinstance(outcome, Delivered)
    assert stored("page.html") == b"<html>"
    assert list(tmp_path.iterdir()) == []
    wrong = replace(s3, secret_access_key="wrong")
    failed = deliver_file(page, lambda file: file.write(b"<body>"), spool=tmp_path, s3=wrong)
    assert isinstance(failed, Failed)
    assert failed.kept is not None
    assert failed.kept.read_bytes() == b"<body>"


class Odd(OneObject):
    """A server with faults: answers nothing that `behaviour` does not say."""

    behaviour: ClassVar[str]
    requests: ClassVar[list[str]]
    checksum: ClassVar[str | None]

    def do_GET(self) -> None:
        if self.held is None:
            code = "AccessDenied" if self.behaviour == "write only" else "NoSuchKey"
            return self._answer(403 if code == "AccessDenied" else 404, f"<Error><Code>{code}</Code></Error>".encode())
        return self._answer(200, self.held)

    def do_HEAD(self) -> None:
        assert self.held is not None
        self._answer(200, self.held)

    def do_PUT(self) -> None:
        if self.behaviour == "goes away":
            self.rfile.read(1000)
            self.connection.close()
            self.close_connection = True
            return
        body = self.rfile.read(int(self.headers["Content-Length"]))
        type(self).checksum = self.headers["x-amz-checksum-crc32"]
        type(self).held = {"cuts": body[:-1], "alters": body[:-1] + b"?"}.get(self.behaviour, body)
        self._answer(200, b"")

    def _answer(self, status: int, body: bytes) -> None:
        self.requests.append(self.command)
        headers = {}
        if self.command == "HEAD" and self.held is not None:
            headers["x-amz-checksum-crc32"] = base64.b64encode(zlib.crc32(self.held).to_bytes(4, "big")).decode()
        self.answer(status, body, headers)


@pytest.fixture
def odd(request: pytest.FixtureRequest) -> Iterator[S3Options]:
    Odd.behaviour, Odd.held, Odd.requests = request.param, None, []
    with ThreadingHTTPServer(("127.0.0.1", 0), Odd) as server:
        Thread(target=server.serve_forever, args=(0.01,)).start()
        yield S3Options(f"http://127.0.0.1:{server.server_port}", KEY_ID, SECRET)
        server.shutdown()


@pytest.mark.parametrize("odd", ["keeps"], indirect=True)
def test_an_object_is_read_back_where_the_server_may_not_check_sums(odd: S3Options, tmp_path: Path) -> None:
    (outcome,) = sent("s3://feeds/a.jsonl", rows(3), tmp_path, odd)
    assert isinstance(outcome, Delivered)
    assert Odd.requests == ["GET", "PUT", "HEAD", "GET"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("odd", "arrives"), [("keeps", True), ("alters", False)], indirect=["odd"])
def test_the_checksum_that_aws_computes_is_compared(
    odd: S3Options, arrives: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("toplist.feeds.s3._is_aws", lambda url: True)
    (outcome,) = sent("s3://feeds/a.jsonl", rows(3), tmp_path, odd)
    assert isinstance(outcome, Delivered) is arrives
    assert arrives or "the uploaded object differs from the file" in outcome.reason  # type: ignore[union-attr]
    assert Odd.requests == ["GET", "PUT", "HEAD"]
    assert Odd.checksum


@pytest.mark.parametrize(
    ("odd", "why"),
    [
        ("cuts", r"the uploaded object has \d+ bytes instead of \d+"),
        ("alters", "the uploaded object differs from the file"),
        ("goes away", "the endpoint does not answer"),
        ("write only", "the key may not do this: it needs s3:PutObject, s3:GetObject and s3:ListBucket"),
    ],
    indirect=["odd"],
)
def test_what_did_not_arrive_whole_is_kept(odd: S3Options, why: str, tmp_path: Path) -> None:
    (outcome,) = sent("s3://feeds/a.jsonl", rows(2000), tmp_path, odd)
    assert isinstance(outcome, Failed)
    assert outcome.kept is not None
    assert re.search(why, outcome.reason)
    assert read_existing(outcome.kept, Format.JSONL) == ExistingFeed(2000, "2026-11-23", "sandbox")
