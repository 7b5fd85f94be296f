"""Another project's spider beside ours, and Scrapy's own commands, work as in any project."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.harness import Project

SPIDER = """
import gc

import scrapy

class QuotesSpider(scrapy.Spider):
    name = "quotes"

    def parse(self, response):
        cookie = response.request.headers.get("Cookie", b"").decode()
        self.crawler.stats.set_value("objects between searches for cycles", gc.get_threshold()[0])
        yield {"title": response.css("h1::text").get(), "status": response.status, "cookie": cookie}
        if response.url.endswith("/moved-here"):
            yield response.follow("/page/2")
            yield response.follow("/missing")
"""


class _Site(BaseHTTPRequestHandler):
    """/start leads to /moved-here and sets a cookie; /missing is a 404; any other page has a heading."""

    def do_GET(self) -> None:
        status = {"/start": 302, "/missing": 404}.get(self.path, 200)
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/moved-here")
            self.send_header("Set-Cookie", "seen=yes; Path=/")
        body = f"<html><h1>{self.path}</h1></html>".encode()
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def neighbours(project: Project) -> Project:
    """The project with a package of somebody else's spiders beside ours."""
    package = project.folder / "neighbour"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "quotes.py").write_text(SPIDER, encoding="utf-8")
    return project


def scrapy(project: Project, *words: str) -> subprocess.CompletedProcess[str]:
    environment = project.environment(None)
    environment["PYTHONPATH"] += f":{project.folder}"
    return subprocess.run(
        [sys.executable, "-m", "scrapy", *words],
        cwd=project.folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


BESIDE = ("-s", "SPIDER_MODULES=toplist.spiders,neighbour")


def test_another_spider_crawls_with_scrapys_defaults(neighbours: Project, site: str, tmp_path: Path) -> None:
    feed = tmp_path / "quotes.jsonl"
    script = SPIDER.replace('name = "quotes"', f'name = "quotes"\n    start_urls = ["{site}/start"]')
    (neighbours.folder / "neighbour" / "quotes.py").write_text(script, encoding="utf-8")
    done = scrapy(neighbours, "crawl", "quotes", *BESIDE, "-O", str(feed))
    assert done.returncode == 0, done.stderr
    assert "ERROR" not in done.stderr
    assert "toplist/" not in done.stderr.partition("Dumping Scrapy stats")[2]
    assert f"'objects between searches for cycles': {gc.get_threshold()[0]}" in done.stderr
    found = [json.loads(line) for line in feed.read_text(encoding="utf-8").splitlines()]
    # A redirect was followed, the cookie sent, the 404 kept from the callback, and the items are the spider's own.
    assert found == [
        {"title": "/moved-here", "status": 200, "cookie": "seen=yes"},
        {"title": "/page/2", "status": 200, "cookie": "seen=yes"},
    ]
    assert not (neighbours.folder / "exports").exists()
    assert not list(neighbours.folder.glob(".scrapy/*.db"))


def test_fetch_shell_and_parse_follow_a_redirect(neighbours: Project, site: str) -> None:
    fetched = scrapy(neighbours, "fetch", "--nolog", f"{site}/start")
    assert (fetched.returncode, fetched.stdout.strip()) == (0, "<html><h1>/moved-here</h1></html>"), fetched.stderr
    shown = scrapy(neighbours, "shell", "--nolog", "-c", "response.css('h1::text').get()", f"{site}/start")
    assert (shown.returncode, shown.stdout.strip()) == (0, "/moved-here"), shown.stderr
    parsed = scrapy(neighbours, "parse", *BESIDE, "--spider=quotes", "--nolinks", "--nocolour", f"{site}/page/1")
    assert parsed.returncode == 0, parsed.stderr
    assert "'title': '/page/1'" in parsed.stdout
    assert "Traceback" not in parsed.stderr


def test_bench_is_not_slowed_down(neighbours: Project) -> None:
    done = scrapy(neighbours, "bench", "-s", "CLOSESPIDER_TIMEOUT=2")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    counted = [line for line in done.stderr.splitlines() if "'downloader/response_count'" in line]
    assert int(counted[0].split(": ")[1].rstrip(",")) > 20  # with the gateway's delay it would be 2
