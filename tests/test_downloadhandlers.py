"""The download handler between a real limiter and a tiny gateway: what is sent, what comes back, what is given back."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from scrapy import Request
from scrapy.exceptions import (
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    ResponseDataLossError,
)
from scrapy.settings import Settings
from scrapy.statscollectors import MemoryStatsCollector
from twisted.internet.asyncioreactor import AsyncioSelectorReactor

from tests.ratelimit.simulation import InlineExecutor
from toplist.api.calls import Call, category_call, list_call
from toplist.api.credentials import Credentials
from toplist.downloadhandlers import RateLimitedDownloadHandler
from toplist.errors import InputError
from toplist.ranktypes import Protocol
from toplist.ratelimit.connections import AnswerTooLarge
from toplist.ratelimit.limiter import LimiterFailed, RateLimiter
from toplist.ratelimit.shared_state import DatabaseRow, SharedState
from toplist.session import Clock
from toplist.storage.database import open_database

SECRET = "s3cret-of-the-app"
CREDENTIALS = Credentials("4242", SECRET)
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
Reply = Callable[[asyncio.StreamWriter], Awaitable[None]]


def answer(body: bytes, head: bytes = OK) -> Reply:
    async def reply(writer: asyncio.StreamWriter) -> None:
        writer.write(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)

    return reply


class Gateway:
    """Answers each request with the next reply; the last one stays."""

    def __init__(self, *replies: Reply):
        self._replies = list(replies)
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).decode():
                first, *lines = head.strip().split("\r\n")
                fields = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
                body = await reader.readexactly(int(fields["content-length"]))
                self.requests.append((first, fields, body))
                reply = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
                await reply(writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


class Crawl:
    """What the handler takes from a crawl."""

    def __init__(self, folder: Path, url: str, **settings: Any):
        self.stopped: str | None = None
        self.stats = MemoryStatsCollector(SimpleNamespace(settings=Settings()))  # type: ignore[arg-type]
        self.limiter = RateLimiter(0, lambda: False, executor=InlineExecutor())
        self._folder = folder
        session = SimpleNamespace(url=url, credentials=CREDENTIALS, clock=Clock())
        config = SimpleNamespace(limits=SimpleNamespace(category_interval=0.0))
        control = SimpleNamespace(stop=lambda reason, why: setattr(self, "stopped", why))
        self.session = session
        spider = SimpleNamespace(session=session, limiter=self.limiter, config=config, control=control)
        defaults = {"DOWNLOAD_MAXSIZE": 100_000, "CONCURRENT_REQUESTS": 4, "DOWNLOAD_TIMEOUT": 5}
        engine = SimpleNamespace(downloader=SimpleNamespace(slots={}))
        crawler: Any = SimpleNamespace(
            spider=spider, stats=self.stats, settings=Settings(defaults | settings), engine=engine
        )
        self.reactor = AsyncioSelectorReactor(asyncio.get_running_loop())
        self.reactor.startRunning(installSignalHandlers=False)
        self.handler = RateLimitedDownloadHandler(crawler, self.reactor)

    async def open(self) -> None:
        row = DatabaseRow(open_database(f"sqlite:///{self._folder / 'crawl.db'}"), "k" * 32)
        await self.limiter.open(lambda: SharedState(row, 0))

    async def ask(self, call: Call | None = None, **meta: Any) -> Any:
        call = call or list_call(Protocol.BASE64, "hot", "311", 1, 20)
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Proxy-Authorization": "Basic c2VjcmV0"}
        meta = {"toplist_call": call, "toplist_age": 1, **meta}
        self.request = Request(f"{self.session.url}/{call.api.path}", method="POST", headers=headers, meta=meta)
        return await self.handler.download_request(self.request)


Scenario = Callable[[Crawl], Awaitable[Any]]


def crawl(folder: Path, gateway: Gateway, scenario: Scenario, **settings: Any) -> Any:
    async def run() -> Any:
        server = await asyncio.start_server(gateway.serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        one = Crawl(folder, f"http://127.0.0.1:{port}", **settings)
        await one.open()
        try:
            return await asyncio.wait_for(scenario(one), 20)
        finally:
            await one.limiter.close()
            await one.handler.close()
            one.reactor.getThreadPool().stop()
            server.close()

    return asyncio.run(run())


def raised(folder: Path, gateway: Gateway, scenario: Scenario, **settings: Any) -> Exception:
    try:
        crawl(folder, gateway, scenario, **settings)
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


def test_the_signed_request_goes_out_and_the_answer_names_the_logical_call(tmp_path: Path) -> None:
    gateway = Gateway(answer(b'{"ok": 1}'))

    async def scenario(one: Crawl) -> tuple[Any, Request]:
        return await one.ask(), one.request

    response, request = crawl(tmp_path, gateway, scenario)
    first, fields, body = gateway.requests[0]
    assert first == "POST /param2/1/com.alibaba.product/product.topList.query/ HTTP/1.1"
    assert b"sign=" in body
    assert b"app_key=4242" in body
    assert fields["accept-encoding"] == "gzip, deflate"
    assert "proxy-authorization" not in fields
    assert (response.status, response.body, response.url) == (200, b'{"ok": 1}', request.url)
    assert request.meta["download_latency"] > 0
    assert "sign" not in f"{response.url} {request.url} {request.body!r}"


def test_requests_share_a_connection_that_is_open_before_they_are_granted(tmp_path: Path) -> None:
    gateway = Gateway(answer(b"{}"))

    async def scenario(one: Crawl) -> None:
        for _ in range(3):
            await one.ask()

    crawl(tmp_path, gateway, scenario)
    assert gateway.connections == 1


def test_signing_that_raises_gives_the_permit_back(tmp_path: Path) -> None:
    """A call that needs a token there is not: the next request is sent."""
    gateway = Gateway(answer(b"{}"))

    async def scenario(one: Crawl) -> Any:
        with pytest.raises(InputError):
            await one.ask(list_call(Protocol.OPENPLATFORM, "hot", "311", 1, 20))
        return await asyncio.wait_for(one.ask(category_call("0")), 5)

    assert crawl(tmp_path, gateway, scenario).status == 200
    assert len(gateway.requests) == 1


def test_a_request_that_is_cancelled_on_the_wire_does_not_stop_the_others(tmp_path: Path) -> None:
    async def never(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0)

    gateway = Gateway(never, answer(b"{}"))

    async def scenario(one: Crawl) -> Any:
        first = asyncio.ensure_future(one.ask())
        while not gateway.requests:
            await asyncio.sleep(0.01)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        return await asyncio.wait_for(one.ask(), 5)

    assert crawl(tmp_path, gateway, scenario).status == 200


@pytest.mark.parametrize("compressed", [False, True])
def test_an_answer_is_read_up_to_the_bound_and_no_further(tmp_path: Path, compressed: bool) -> None:
    head = OK + b"Content-Encoding: gzip\r\n" if compressed else OK
    plain = b"a" * 200_000
    assert len(gzip.compress(plain)) < 1000
    gateway = Gateway(answer(gzip.compress(plain) if compressed else plain, head))
    error = raised(tmp_path, gateway, Crawl.ask)
    assert isinstance(error, AnswerTooLarge)
    assert "100000 bytes" in str(error)


def test_a_compressed_answer_below_the_bound_is_read(tmp_path: Path) -> None:
    gateway = Gateway(answer(gzip.compress(b"a" * 99_000), OK + b"Content-Encoding: gzip\r\n"))
    response = crawl(tmp_path, gateway, Crawl.ask)
    assert response.body == b"a" * 99_000
    assert "Content-Encoding" not in response.headers


def test_an_answer_that_does_not_end_is_given_up_in_time(tmp_path: Path) -> None:
    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(OK + b"Content-Length: 1000\r\n\r\n{")

    error = raised(tmp_path, Gateway(drip), lambda one: one.ask(download_timeout=0.3))
    assert isinstance(error, DownloadTimeoutError)
    assert str(error) == "no complete answer came within 0.3 s"


def test_a_body_that_is_cut_off_is_data_loss(tmp_path: Path) -> None:
    async def cut(writer: asyncio.StreamWriter) -> None:
        writer.write(OK + b"Content-Length: 1000\r\n\r\n{")
        writer.close()

    assert type(raised(tmp_path, Gateway(cut), Crawl.ask)) is ResponseDataLossError


def test_a_connection_that_is_closed_without_an_answer_is_a_failure_without_the_address(tmp_path: Path) -> None:
    async def close(writer: asyncio.StreamWriter) -> None:
        writer.close()

    error = raised(tmp_path, Gateway(close), Crawl.ask)
    assert isinstance(error, DownloadFailedError)
    assert "param2" not in repr(error)


def test_a_gateway_that_is_not_there_refuses_the_connection(tmp_path: Path) -> None:
    async def scenario(one: Crawl) -> None:
        one.session.url = "http://127.0.0.1:1"
        await one.ask()

    assert isinstance(raised(tmp_path, Gateway(answer(b"")), scenario), DownloadConnectionRefusedError)


def test_a_connection_that_the_gateway_closed_while_idle_costs_no_request(tmp_path: Path) -> None:
    async def answer_and_close(writer: asyncio.StreamWriter) -> None:
        await answer(b"{}")(writer)
        await writer.drain()
        writer.close()

    gateway = Gateway(answer_and_close)

    async def scenario(one: Crawl) -> list[int]:
        statuses = []
        for _ in range(3):
            statuses.append((await one.ask()).status)
            await asyncio.sleep(0.05)
        return statuses

    assert crawl(tmp_path, gateway, scenario) == [200, 200, 200]
    assert len(gateway.requests) == 3


def test_a_403_stops_this_process_before_its_body_has_been_read(tmp_path: Path) -> None:
    gateway = Gateway(answer(b"", b"HTTP/1.1 403 Forbidden\r\n"), answer(b"{}"))

    async def scenario(one: Crawl) -> float:
        loop = asyncio.get_running_loop()
        assert (await one.ask()).status == 403
        began = loop.time()
        await one.ask()
        return loop.time() - began

    assert crawl(tmp_path, gateway, scenario) >= 0.9


def test_a_limiter_that_has_failed_stops_the_crawl(tmp_path: Path) -> None:
    gateway = Gateway(answer(b"{}"))

    async def scenario(one: Crawl) -> str | None:
        def broken() -> SharedState:
            raise OSError("disk")

        with pytest.raises(LimiterFailed):
            await one.limiter.open(broken)
        with pytest.raises(LimiterFailed):
            await one.ask()
        return one.stopped

    assert "nothing more is sent" in (crawl(tmp_path, gateway, scenario) or "")
    assert gateway.requests == []


def test_a_compression_that_was_not_asked_for_is_left_as_it_is(tmp_path: Path) -> None:
    """No middleware decompresses it: what is larger than the bound would leave its list pending without a word."""
    twice = gzip.compress(gzip.compress(b"{}"))
    response = crawl(tmp_path, Gateway(answer(twice, OK + b"Content-Encoding: gzip, gzip\r\n")), Crawl.ask)
    assert response.body == twice
    assert "Content-Encoding" not in response.headers
