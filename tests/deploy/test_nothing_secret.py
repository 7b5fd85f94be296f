"""A faulty crawl under Scrapyd, at its most talkative, leaves no key, secret, token or signature anywhere."""

from __future__ import annotations

import html
import json
import re
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import requests

from tests.deployment import Deployed, clone
from tests.feeds.s3_server import KEY_ID, SECRET, S3Server, serve_s3
from tests.scrapyd_server import PASSWORD, USER, Scrapyd, serve_scrapyd
from toplist.sandbox.process import SandboxProcess

GATEWAY = {
    "SANDBOX_APP_KEY": "73051946",
    "SANDBOX_APP_SECRET": "s3cr3t/密+sign=",
    "SANDBOX_ACCESS_TOKEN": "9b1f6c1e-token-4d55",
}
ECHO = " ".join(GATEWAY.values())
FAULTS = [
    {"kind": "403", "nth": 4},
    {"kind": "throttle", "nth": 5},
    {"kind": "5xx", "nth": 6},
    {"kind": "truncated", "nth": 7},
    {"kind": "timeout", "nth": 8},
    {"kind": "reset", "nth": 9},
    {"kind": "html", "nth": 10},
    {"kind": "code", "nth": 11, "code": "777", "message": f"of {ECHO}"},
    {"kind": "code", "nth": 12, "code": f"gw.{ECHO}", "message": json.dumps(ECHO)},
    {"kind": "redirect", "nth": 13},
    {"kind": "echo", "nth": 14},
    {"kind": "broken", "nth": 15},
    {"kind": "code", "nth": 30, "code": "778", "message": f"of {ECHO}"},
]
SIGNATURES = re.compile(
    rb"(?i:_aop_signature|x-amz-signature|\bsignature|credential|access_token|refresh_token|client_secret)"
    rb"(?:=|%3D|\":\s*\")(?!\*\*\*)[^\s&\"']{4}|\b[0-9A-F]{40}\b|(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{27}=(?!=)"
)


def test_a_faulty_crawl_under_scrapyd_leaves_nothing_secret(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with SandboxProcess("--total=20", environment=GATEWAY) as gateway, serve_s3(tmp_path) as s3:
        known = [*GATEWAY.values(), gateway.refresh_token, KEY_ID, SECRET, PASSWORD]
        with serve_scrapyd(tmp_path / "scrapyd", environment(gateway, s3, data)) as server:
            deployed = Deployed(server, clone(tmp_path / "clone", server.url), gateway, s3)
            assert deployed.run("scrapyd-deploy", "-v", "1").status == 0
            gateway.faults(FAULTS)
            gateway.expire_token()  # the crawl renews it
            job, arguments = crawl(server)
            log = server.log(job)
            told = [answers(server), log, *server.said]
    assert "] DEBUG: " in log
    assert "] ERROR: " in log
    assert "777" in log
    assert "The access token was renewed" in log
    kept = json.loads((data / "tokens.json").read_text(encoding="utf-8"))
    known += [value for value in kept.values() if isinstance(value, str) and not value.startswith("20")]
    written = [path for path in data.rglob("*") if path.is_file()]
    assert {path.name for path in written} >= {"history.db", "feed.csv", "feed.html", "tokens.json"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in written} == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (data, *data.rglob("*")) if path.is_dir()} <= {0o700}
    assert list((tmp_path / "feeds").rglob("*.jsonl"))
    files = [*written, *(tmp_path / "feeds").rglob("*.*"), *(tmp_path / "scrapyd").rglob("*.*")]
    texts = [("what was said", "\n".join(told).encode()), ("process arguments", arguments)]
    texts += [(str(path), path.read_bytes()) for path in files if path.is_file() and path.name != "tokens.json"]
    scrapyds_own = {"scrapyd.conf"}
    found = [(name, each) for name, text in texts if Path(name).name not in scrapyds_own for each in leaks(text, known)]
    assert found == []
    assert [line for line in log.encode().splitlines() if SIGNATURES.search(line)] == []


def environment(gateway: SandboxProcess, s3: S3Server, data: Path) -> dict[str, str]:
    """Of Scrapyd, and so of its jobs."""
    data.mkdir(mode=0o700)
    return {
        "TOPLIST_APP_KEY": gateway.app_key,
        "TOPLIST_APP_SECRET": gateway.app_secret,
        "TOPLIST_ACCESS_TOKEN": gateway.access_token,
        "TOPLIST_REFRESH_TOKEN": gateway.refresh_token,
        "TOPLIST_TOKEN_FILE": str(data / "tokens.json"),
        "TOPLIST_GATEWAY_URL": gateway.url,
        "TOPLIST_DATABASE_URL": f"sqlite:///{data / 'history.db'}",
        "TOPLIST_FEED_URI": f"{data / 'feed.csv'} s3://feeds/daily/%(snapshot_date)s.jsonl",
        "TOPLIST_PAUSE_403": "0.2",
        "TOPLIST_QPS": "0",
        "TOPLIST_DOWNLOAD_DELAY": "0",
        "TOPLIST_DOWNLOAD_TIMEOUT": "2",
        "AWS_ENDPOINT_URL_S3": str(s3.options.endpoint_url),
        "AWS_ACCESS_KEY_ID": KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
    }


def crawl(server: Scrapyd) -> tuple[str, bytes]:
    """Run a crawl to its end. Returns the job, and the arguments of every process that it was seen to have."""
    lists = {"categories": "311,312,54,67", "rank_types": "hot,complex,goodPrice", "details": "1"}
    job, seen = server.start("LOG_LEVEL=DEBUG", 'FEEDS={"s3://feeds/own.csv": {"format": "csv"}}', **lists), set()
    while server.state(job) != "finished":
        seen |= set(arguments(job))
        time.sleep(0.2)
    assert seen
    return job, b"\n".join(seen)


def arguments(job: str) -> Iterator[bytes]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ")
        except OSError:  # it has just ended
            continue
        if job.encode() in line:
            yield line


def answers(server: Scrapyd) -> str:
    """What Scrapyd's API and its pages tell of the job."""
    names = ("listjobs.json?project=toplist", "listspiders.json?project=toplist", "daemonstatus.json", "jobs")
    return "\n".join(requests.get(f"{server.url}/{name}", auth=(USER, PASSWORD), timeout=10).text for name in names)


def leaks(text: bytes, known: list[str]) -> list[str]:
    forms = {each: {each, quote(each, safe=""), json.dumps(each)[1:-1], html.escape(each)} for each in known}
    return [each for each, spellings in forms.items() if any(one.encode() in text for one in spellings)]
