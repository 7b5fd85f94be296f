"""Messages: what they say, and what arrives at a service through apprise."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.alerts.test_watching import an_entry
from toplist.alerts.messages import MAX_HITS, SnapshotNews, check_addresses, send_message, write_message
from toplist.alerts.monitors import MonitorResult
from toplist.alerts.watching import Trigger, WatchHit
from toplist.errors import InputError
from toplist.language import Language

NEWS = SnapshotNews(
    date(2026, 11, 24),
    "1688",
    False,
    ["1 of 22 lists failed"],
    {"complete": 21, "failed": 1, "partial": 0},
    420,
    [WatchHit(watch="裙", triggers=[Trigger.PRICE_DOWN, Trigger.NEW_ON_LIST], entry=an_entry(price=9.5))],
    [MonitorResult("rows", False, "15.0 rows per list")],
    "exports/toplist-2026-11-24.html",
)


class Service:
    """A local HTTP server that keeps what is posted to it."""

    def __init__(self) -> None:
        received: list[dict[str, object]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None: ...

        self.received = received
        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()
    yield service
    service.stop()


def test_a_message_tells_the_verdict_the_counts_the_hits_and_the_page() -> None:
    title, body = write_message(NEWS, Language.ENGLISH)
    assert title == "1688 ranking lists 2026-11-24 (1688): incomplete"
    assert body.splitlines() == [
        "Lists: complete 21, failed 1. Entries: 420.",
        "✗ 1 of 22 lists failed",
        "Warning, rows: 15.0 rows per list",
        "1 watched entries met a threshold:",
        "- [裙] 碎花连衣裙 夏季 Floral (连衣裙, hot #3 ¥9.5): price down, new on the list",
        "Page: exports/toplist-2026-11-24.html",
    ]


def test_a_message_in_chinese() -> None:
    title, body = write_message(NEWS, Language.CHINESE)
    assert title == "1688 榜单 2026-11-24（1688）：不完整"
    assert "降价，新上榜" in body
    assert body.endswith("页面：exports/toplist-2026-11-24.html")


def test_many_hits_are_cut_and_counted() -> None:
    hits = [*NEWS.hits] * (MAX_HITS + 3)
    news = SnapshotNews(NEWS.snapshot_date, "1688", True, [], {"complete": 22}, 440, hits)
    lines = write_message(news, Language.ENGLISH)[1].splitlines()
    assert len([line for line in lines if line.startswith("- [")]) == MAX_HITS
    assert lines[-1] == "… and 3 more, on the page and in the watch feed"


def test_what_arrives_at_a_json_service(service: Service) -> None:
    title, body = write_message(NEWS, Language.CHINESE)
    assert send_message([f"json://127.0.0.1:{service.port}/hook"], title, body) == 0
    (received,) = service.received
    assert (received["title"], received["message"]) == (title, body)


def test_a_service_that_is_gone_is_said_without_its_address(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    service.stop()
    with caplog.at_level(logging.DEBUG):
        assert send_message([f"json://user:secret-token@127.0.0.1:{service.port}/hook"], "t", "b") == 1
    assert "could not be delivered to address 1 (json) of TOPLIST_NOTIFY_URLS" in caplog.text
    assert "secret-token" not in caplog.text


def test_an_unknown_address_is_refused_without_showing_it() -> None:
    check_addresses(["json://localhost/hook", "dingtalk://" + "a" * 64])
    with pytest.raises(InputError, match="address 2 is not accepted") as refused:
        check_addresses(["json://localhost/hook", "nosuch://secret-token"])
    assert "secret-token" not in str(refused.value)
