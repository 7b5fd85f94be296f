"""Messages: what they say, and what arrives at a service through apprise."""

from __future__ import annotations

import base64
import hmac
import json
import logging
import threading
from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit, urlunsplit

import pytest
import requests

from tests.alerts.test_watching import an_entry
from toplist.alerts.messages import (
    MAX_HITS,
    SnapshotNews,
    address_secrets,
    check_addresses,
    send_message,
    write_message,
)
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

TOKEN = "0123456789abcdef" * 4


class Service:
    """A local HTTP server that keeps what is posted to it. `answer` is what it replies, with HTTP 200."""

    def __init__(self) -> None:
        self.received: list[dict[str, object]] = []
        self.paths: list[str] = []
        self.answer = b""
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                service.paths.append(self.path)
                service.received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.send_header("Content-Length", str(len(service.answer)))
                self.end_headers()
                self.wfile.write(service.answer)

            def log_message(self, *args: object) -> None: ...

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


@pytest.fixture
def redirected(service: Service, monkeypatch: pytest.MonkeyPatch) -> Service:
    """The service, in the place of every host: apprise's forms for DingTalk and Feishu have a fixed one."""
    post = requests.post

    def post_to_service(url: str, **options: Any) -> requests.Response:
        local = urlsplit(url)._replace(scheme="http", netloc=f"127.0.0.1:{service.port}")
        return post(urlunsplit(local), **options)

    monkeypatch.setattr(requests, "post", post_to_service)
    return service


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


def test_what_arrives_at_dingtalk(redirected: Service) -> None:
    title, body = write_message(NEWS, Language.CHINESE)
    assert send_message([f"dingtalk://{TOKEN}/13800138000"], title, body) == 0
    assert redirected.received == [
        {
            "msgtype": "text",
            "text": {"content": f"{title}\r\n{body}"},
            "at": {"atMobiles": ["13800138000"], "isAtAll": False},
        }
    ]
    assert redirected.paths == [f"/robot/send?access_token={TOKEN}"]


def test_a_dingtalk_robot_with_a_secret_gets_a_signature(redirected: Service) -> None:
    secret = "SEC" + "s" * 32
    assert send_message([f"dingtalk://{secret}@{TOKEN}"], *write_message(NEWS, Language.CHINESE)) == 0
    sent = parse_qs(urlsplit(redirected.paths[0]).query)
    expected = hmac.digest(secret.encode(), f"{sent['timestamp'][0]}\n{secret}".encode(), "sha256")
    # apprise quotes the signature, and requests quotes it again
    assert base64.b64decode(unquote(sent["sign"][0])) == expected
    assert secret not in redirected.paths[0] + json.dumps(redirected.received)


@pytest.mark.parametrize(("scheme", "line_end"), [("feishu", "\r\n"), ("lark", "\n")])
def test_what_arrives_at_feishu(scheme: str, line_end: str, redirected: Service) -> None:
    title, body = write_message(NEWS, Language.CHINESE)
    assert send_message([f"{scheme}://{TOKEN}"], title, body) == 0
    assert redirected.received == [{"msg_type": "text", "content": {"text": f"{title}{line_end}{body}"}}]
    assert redirected.paths[0].rstrip("/") == f"/open-apis/bot/v2/hook/{TOKEN}"


def test_a_message_that_feishu_refuses_is_said(redirected: Service, caplog: pytest.LogCaptureFixture) -> None:
    redirected.answer = b'{"code": 19024, "msg": "Key Words Not Found"}'
    with caplog.at_level(logging.DEBUG):
        assert send_message([f"feishu://{TOKEN}"], "t", "b") == 1
    assert "could not be delivered to address 1 (feishu) of TOPLIST_NOTIFY_URLS" in caplog.text
    assert TOKEN not in caplog.text


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


def test_what_may_be_a_secret_in_an_address_is_hidden_from_every_log() -> None:
    urls = [
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ",
        "mailto://user:pass-word@mail.example.com?to=a@b.cn",
    ]
    secrets = address_secrets(urls)
    assert {*urls, "T1JJ3T3L2", "A1BRTD4JD", "TIiajkdnlazkcOXrIdevi7FQ", "pass-word"} <= set(secrets)
    assert not {"mail.example.com", "slack", "user", "b.cn"} & set(secrets)
