"""From a clean clone to a running Scrapyd: what a deploy, a schedule and a cancel lead to."""

from __future__ import annotations

import json
import time
import zipfile
from datetime import date
from pathlib import Path

from tests.deployment import Deployed, clone
from tests.feeds.s3_server import SECRET
from toplist.sandbox.process import SandboxProcess

DAY = "2026-11-20"
UNLIMITED = ("TOPLIST_QPS=0", "DOWNLOAD_DELAY=0")


def verdict(log: str) -> str:
    return log.strip().splitlines()[-1].partition("Verdict: ")[2]


def broken(deployed: Deployed, folder: Path, file: str, line: str) -> Path:
    """A clone with a line that fails."""
    copy = clone(folder, deployed.server.url)
    path = copy / "toplist" / file
    path.write_text(f"{path.read_text(encoding='utf-8')}\n{line}\n", encoding="utf-8")
    return copy


def test_the_egg_holds_every_file_of_the_package(deployed: Deployed) -> None:
    (egg,) = (deployed.server.folder / "eggs" / "toplist").glob("1.egg")
    packed = {name for name in zipfile.ZipFile(egg).namelist() if name.startswith("toplist/")}
    there = {
        str(path.relative_to(deployed.clone))
        for path in (deployed.clone / "toplist").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert there - packed == set()


def test_a_scheduled_sandbox_crawl_leaves_its_feed_on_s3_and_its_verdict_in_the_log(deployed: Deployed) -> None:
    feed = "s3://feeds/sandbox/snapshot_date=%(snapshot_date)s/toplist.jsonl"
    log = deployed.server.crawl(
        *UNLIMITED,
        f"TOPLIST_FEED_URI={feed}",
        gateway="sandbox",
        categories="311,10166",
        rank_types="hot",
        snapshot_date=DAY,
        pages="1",
    )
    assert verdict(log) == "complete", log
    lines = deployed.stored(f"sandbox/snapshot_date={DAY}/toplist.jsonl").splitlines()
    entries = [json.loads(line) for line in lines]
    assert {each["category_id"] for each in entries} == {"311", "10166"}
    assert {(each["snapshot_date"], each["source"]) for each in entries} == {(DAY, "sandbox")}


def test_secrets_come_by_environment_and_stay_there(deployed: Deployed) -> None:
    server = deployed.server
    log = server.crawl(*UNLIMITED, categories="311", rank_types="best")
    assert verdict(log) == "complete", log
    today = f"{date.today():%Y}"  # noqa: DTZ011 - the year will do to find the feed's own line
    assert f'"snapshot_date":"{today}' in deployed.stored(_feed_key(log)).decode().replace(" ", "")
    secrets = [deployed.gateway.app_secret.encode(), SECRET.encode()]
    files = [path for path in server.folder.rglob("*") if path.is_file()]
    assert any(path.suffix == ".log" for path in files)
    assert [path for path in files for secret in secrets if secret in path.read_bytes()] == []
    assert not any(secret.decode() in line for secret in secrets for line in server.said)


def _feed_key(log: str) -> str:
    line = next(line for line in log.splitlines() if "Feed delivered: s3://feeds/" in line)
    return line.partition("s3://feeds/")[2].partition(",")[0]


def test_outside_a_project_database_and_feed_must_be_set(deployed: Deployed) -> None:
    for name in ("TOPLIST_DATABASE_URL", "TOPLIST_FEED_URI"):
        log = deployed.server.crawl(f"{name}=", categories="311", rank_types="hot")
        errors = [line for line in log.splitlines() if f"{name} is not set" in line]
        assert len(errors) == 1, log
        assert "outside a project directory" in errors[0]


def test_a_cancelled_crawl_ends_in_order_and_says_so(deployed: Deployed) -> None:
    with SandboxProcess("--total=20", "--latency=200") as slow:
        job = deployed.server.start(
            f"TOPLIST_GATEWAY_URL={slow.url}", f"TOPLIST_APP_SECRET={slow.app_secret}", rank_types="hot,best,rise,new"
        )
        while slow.state()["arrivals"] < 3:
            time.sleep(0.05)
        deployed.server.ask("POST", "cancel", project="toplist", job=job)
        log = deployed.server.log(job)
        arrived = slow.state()["arrivals"]
    assert verdict(log).startswith("incomplete: it was stopped"), log
    assert arrived < 50


def test_an_egg_that_does_not_run_is_taken_back(deployed: Deployed, tmp_path: Path) -> None:
    versions = deployed.server.versions()
    for number, (file, line) in enumerate(
        [("spiders/toplist.py", "import no_such_module"), ("pipelines.py", "import no_such_module")]
    ):
        copy = broken(deployed, tmp_path / str(number), file, line)
        name = str(100 + number)
        deploy = deployed.run("scrapyd-deploy", "-v", name, folder=copy)
        assert deploy.status == 0  # this is why there is a check
        assert deployed.server.versions()[-1] == name
        check = deployed.run("scrapy", "deploycheck", folder=copy if number else deployed.clone)
        assert check.status == 3, check.said
        assert f"version {name} does not run" in check.said
        assert "no_such_module" in check.said
        assert deployed.server.versions() == versions


def test_an_egg_that_runs_stays(deployed: Deployed) -> None:
    before = deployed.gateway.state()["arrivals"]
    check = deployed.run("scrapy", "deploycheck", "-a", "categories=311")
    assert (check.status, check.said) == (0, "Version 1 of toplist runs.\n")
    assert deployed.server.versions() == ["1"]
    assert deployed.gateway.state()["arrivals"] == before


def test_a_wrong_password_deploys_nothing(deployed: Deployed) -> None:
    done = deployed.run("scrapyd-deploy", "-v", "200", password="wrong")
    assert done.status == 1
    check = deployed.run("scrapy", "deploycheck", password="wrong")
    assert check.status == 3
    assert "does not answer" in check.said
    assert deployed.server.versions() == ["1"]
