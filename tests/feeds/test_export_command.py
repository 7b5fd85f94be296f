"""What could not be delivered, delivered later: `scrapy export`, after crawls whose feed met a dead or full place."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import boto3
import pytest

from tests.feeds.s3_server import KEY_ID, SECRET, S3Server, serve_s3
from tests.harness import QUICK, Crawled, Project
from toplist.sandbox.process import SandboxProcess

Gateway = Callable[..., SandboxProcess]
PLAN = ("categories=311,10166", "rank_types=hot")
FEED = "s3://feeds/toplist/snapshot_date=%(snapshot_date)s/all.jsonl"


def at(server: S3Server, secret: str = SECRET) -> dict[str, str]:
    """The environment of who uploads there."""
    return {
        "TOPLIST_FEED_URI": FEED,
        "AWS_ENDPOINT_URL_S3": str(server.options.endpoint_url),
        "AWS_ACCESS_KEY_ID": KEY_ID,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_DEFAULT_REGION": "us-east-1",
    }


def export(project: Project, *arguments: str, **settings: str) -> Crawled:
    done = subprocess.run(
        [sys.executable, "-m", "scrapy", "export", *arguments],
        cwd=project.folder,
        env=project.environment(None, **settings),
        capture_output=True,
        text=True,
    )
    return Crawled(done.returncode, done.stdout, done.stderr)


def day(project: Project) -> str:
    """The day that the crawl stored."""
    (row,) = project.query("SELECT DISTINCT snapshot_date FROM entries")
    return str(row[0])


def uploaded(server: S3Server, of: str) -> list[bytes]:
    client = boto3.client(
        "s3",
        endpoint_url=server.options.endpoint_url,
        aws_access_key_id=KEY_ID,
        aws_secret_access_key=SECRET,
        region_name="us-east-1",
    )
    key = f"toplist/snapshot_date={of}/all.jsonl"
    lines: list[bytes] = client.get_object(Bucket="feeds", Key=key)["Body"].read().splitlines()
    return lines


def kept(project: Project) -> list[Path]:
    return [path for path in (project.folder / ".scrapy" / "spool").glob("*") if path.is_file()]


def test_s3_that_goes_away_in_the_middle(project: Project, gateway: Gateway, tmp_path: Path) -> None:
    sandbox = gateway("--total=20", "--latency=200")
    with serve_s3(tmp_path) as server:
        crawl = project.start(sandbox, *PLAN, **QUICK, **at(server))
        while not sandbox.state()["arrivals"]:
            time.sleep(0.02)
        server.process.kill()
        out, log = crawl.communicate(timeout=120)
    done = Crawled(crawl.returncode, out, log)
    assert done.status == 3
    assert "the endpoint does not answer" in done.verdict
    assert project.query("SELECT count(*) FROM entries") == [(40,)]
    assert len(kept(project)) == 1
    with serve_s3(tmp_path) as server:
        late = export(project, f"--snapshot-date={day(project)}", **at(server))
        assert (late.status, late.log) == (0, "")
        assert ": 40 entries, " in late.out
        assert len(uploaded(server, day(project))) == 40
    assert kept(project) == []


def test_a_wrong_key(project: Project, gateway: Gateway, tmp_path: Path) -> None:
    with serve_s3(tmp_path) as server:
        sandbox = gateway("--total=20")
        done = project.crawl(sandbox, *PLAN, **at(server, "not-the-secret"))
        assert done.status == 2
        assert "AWS_SECRET_ACCESS_KEY" in done.log.splitlines()[-1]
        assert "not-the-secret" not in done.log
        assert sandbox.state()["arrivals"] == 0
        assert project.crawl(sandbox, *PLAN).status == 0
        again = export(project, f"--snapshot-date={day(project)}", **at(server, "not-the-secret"))
        assert again.status == 3
        assert len(again.log.splitlines()) == 1
        assert export(project, f"--snapshot-date={day(project)}", **at(server)).status == 0
        assert len(uploaded(server, day(project))) == 40


@pytest.mark.skipif(sys.platform == "win32", reason="no limit of a file's size there")
def test_a_full_disk(project: Project, gateway: Gateway, postgres: Callable[[], str]) -> None:
    """The crawl may write no file of more than 8 KiB, so that its feed does not fit; its database is elsewhere."""
    sandbox, url = gateway("--total=20"), postgres()
    limited = ["sh", "-c", 'ulimit -f 16; exec "$@"', "sh", sys.executable, "-m", "scrapy", "crawl", "toplist"]
    environment = project.environment(sandbox, **QUICK, TOPLIST_DATABASE_URL=url)
    arguments = [part for each in PLAN for part in ("-a", each)]
    crawl = subprocess.run([*limited, *arguments], cwd=project.folder, env=environment, capture_output=True, text=True)
    assert crawl.returncode == 3, crawl.stderr
    assert "the disk is full" in crawl.stderr.splitlines()[-1]
    assert list((project.folder / "exports").iterdir()) == []
    today = next(line for line in crawl.stderr.splitlines() if "Snapshot of " in line).split("Snapshot of ")[1][:10]
    assert export(project, f"--snapshot-date={today}", TOPLIST_DATABASE_URL=url).status == 0
    assert len(project.feed()) == 40


def test_any_past_snapshot_again_to_any_place(project: Project, gateway: Gateway) -> None:
    for date in ("2026-11-20", "2026-11-21"):
        assert project.crawl(None, "gateway=sandbox", *PLAN, f"snapshot_date={date}", "pages=1").status == 0
    again = export(project, "--gateway=sandbox", "--snapshot-date=2026-11-20", "--feed=again-%(snapshot_date)s.jsonl")
    assert again.status == 0, again.log
    exported = project.folder / "again-2026-11-20.jsonl"
    crawled = project.folder / "exports" / "sandbox-2026-11-20.jsonl"
    assert exported.read_bytes() == crawled.read_bytes()
    before = sorted((project.folder / "exports").iterdir())
    (project.folder / "exports" / "sandbox-dropped-out-2026-11-21.jsonl").unlink()
    named = ["--gateway=sandbox", "--snapshot-date=2026-11-21", "--feed=other/all.csv"]
    elsewhere = export(project, *named, TOPLIST_DROPPED_OUT_URI=str(project.folder / "exports" / "own.jsonl"))
    assert (elsewhere.status, elsewhere.log) == (0, "")
    assert {path.name for path in (project.folder / "other").iterdir()} == {"all.csv", "all-dropped-out.jsonl"}
    assert len(list((project.folder / "exports").iterdir())) == len(before) - 1
    nothing = export(project, "--gateway=sandbox", "--snapshot-date=2026-11-19")
    assert (nothing.status, nothing.out) == (3, "")
    assert nothing.log == (
        "toplist: The history has no entry of sandbox for 2026-11-19: it has 2026-11-20 to 2026-11-21.\n"
    )


def test_bad_input_to_an_export(project: Project) -> None:
    for arguments, says in [
        (["--snapshot-date=yesterday"], "'yesterday' is no date"),
        ([], "--snapshot-date"),
        (["--snapshot-date=2026-11-20", "--feed=feed.txt"], "TOPLIST_FEED_URI"),
    ]:
        done = export(project, *arguments)
        assert done.status == 2
        assert says in done.log
        assert "Traceback" not in done.log
