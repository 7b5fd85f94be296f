"""The download handler: waits for the rate limiter, then stamps and signs, on every attempt.

The spider's request carries the logical call, before and after. The signed address is never a part of a Scrapy request
or response, so that neither a log line, a job directory nor an exception can show the key or the signature.
"""

from __future__ import annotations

import asyncio
import logging
import time
import zlib
from importlib import import_module
from typing import TYPE_CHECKING, Any

from scrapy import Request
from scrapy.core.downloader.handlers.base import BaseDownloadHandler
from scrapy.core.downloader.handlers.http11 import HTTP11DownloadHandler
from scrapy.exceptions import DownloadTimeoutError
from scrapy.http import Headers, Response, TextResponse

from toplist.api.calls import sign
from toplist.ratelimit.connections import AnswerTooLarge, GatewayConnections
from toplist.ratelimit.limiter import LimiterFailed, Permit, RateLimiter

if TYPE_CHECKING:
    from scrapy.crawler import Crawler

logger = logging.getLogger(__name__)

_PAUSE_AFTER_403 = 1.0  # seconds in which nothing is sent, until the middleware has read the answer and set the pause
_ATTEMPTS = 3  # slots that a request may leave unused because the gateway closed the connection just before
_NOT_SENT = frozenset({"host", "content-length", "accept-encoding", "connection", "proxy-authorization"})


class RateLimitedDownloadHandler(BaseDownloadHandler):
    """Sends the calls of `toplist.requests`; any other request goes to Scrapy's own handler.

    `crawler.spider` has a `session`, a `limiter`, a `control` and a `config`.
    """

    def __init__(self, crawler: Crawler, reactor: Any = None):
        super().__init__(crawler)
        self._reactor = reactor
        self._max_size = crawler.settings.getint("DOWNLOAD_MAXSIZE")
        self._pool_size = crawler.settings.getint("CONCURRENT_REQUESTS")
        self._timeout = crawler.settings.getfloat("DOWNLOAD_TIMEOUT")
        self._stock: HTTP11DownloadHandler | None = None
        self._connections: GatewayConnections | None = None

    async def download_request(self, request: Request) -> Response:
        """Raises Scrapy's download exceptions, AnswerTooLarge, LimiterClosed and LimiterFailed."""
        if "toplist_call" not in request.meta:
            return await self._stock_handler().download_request(request)
        spider: Any = self.crawler.spider
        limiter: RateLimiter = spider.limiter
        self.crawler.stats.inc_value("toplist/ratelimit/waited")
        connections = self._opened(spider.session.url, limiter)
        try:
            permit = await self._acquire(request, limiter, connections, spider.config.limits.category_interval)
        except LimiterFailed as error:
            spider.control.stop("rate_limiter", str(error))
            raise
        try:
            return await self._send(request, spider.session, connections, permit, limiter)
        finally:
            permit.release()

    async def close(self) -> None:
        if self._connections is not None:
            await self._connections.close()
        if self._stock is not None:
            await self._stock.close()

    def _stock_handler(self) -> HTTP11DownloadHandler:
        if self._stock is None:
            self._stock = HTTP11DownloadHandler.from_crawler(self.crawler)
        return self._stock

    def _opened(self, url: str, limiter: RateLimiter) -> GatewayConnections:
        if self._connections is None:
            reactor = self._reactor or import_module("twisted.internet.reactor")
            self._connections = GatewayConnections(reactor, url, size=self._pool_size, connect_timeout=self._timeout)
            limiter.use(self._connections)
        return self._connections

    async def _acquire(
        self, request: Request, limiter: RateLimiter, connections: GatewayConnections, at_least: float
    ) -> Permit:
        """A permit that is not late, with an open connection or the reason why none can be opened."""
        meta = request.meta
        attempts = 0
        while True:
            permit = await limiter.acquire(
                meta["toplist_age"],
                meta.get("toplist_category"),
                lambda: self._interval(meta.get("download_slot"), at_least),
                request,
            )
            is_ready = connections.is_ready() or connections.has_failed
            attempts += not is_ready
            if not permit.is_late() and (is_ready or attempts == _ATTEMPTS):
                return permit
            permit.release()

    def _interval(self, slot: str | None, at_least: float) -> float:
        """The category's interval: AutoThrottle may have raised its slot's delay."""
        engine: Any = self.crawler.engine
        raised = engine.downloader.slots.get(slot or "")
        return max(at_least, raised.delay if raised else 0.0)

    async def _send(
        self, request: Request, session: Any, connections: GatewayConnections, permit: Permit, limiter: RateLimiter
    ) -> Response:
        # Noted before signing: an answer belongs to the clock and the token that this request was signed with.
        request.meta["toplist_sent_at"] = session.clock.monotonic()
        signed = sign(request.meta["toplist_call"], session.credentials, session.clock.timestamp())
        seconds = float(request.meta.get("download_timeout", self._timeout))
        max_size = int(request.meta.get("download_maxsize", self._max_size))
        began = time.monotonic()
        try:
            async with asyncio.timeout(seconds):
                head, body = await connections.post(
                    f"{session.url}/{signed.path}",
                    _wire_headers(request),
                    signed.form_body,
                    max_size=max_size,
                    on_write=permit.sent,
                )
                request.meta["download_latency"] = time.monotonic() - began  # AutoThrottle reads it
                if head.code == 403:
                    limiter.pause_locally(_PAUSE_AFTER_403)
                raw = await body.asFuture(asyncio.get_running_loop())
        except TimeoutError:
            raise DownloadTimeoutError(f"no complete answer came within {seconds:g} s") from None
        headers = Headers(dict(head.headers.getAllRawHeaders()))
        decoded = _decoded(raw, headers, max_size)
        return TextResponse(request.url, status=head.code, headers=headers, body=decoded, request=request)


def _wire_headers(request: Request) -> dict[str, str]:
    """The request's own headers, and the compressions that `_decoded` reads."""
    given = request.headers.to_unicode_dict()
    own = {str(name): str(value) for name, value in given.items() if str(name).lower() not in _NOT_SENT}
    return {**own, "Accept-Encoding": "gzip, deflate"}


def _decoded(raw: bytes, headers: Headers, max_size: int) -> bytes:
    """The body without its compression, at most `max_size` bytes. Raises AnswerTooLarge.

    A compression that was not asked for stays: whoever reads the answer finds it unreadable, and it is asked again.
    """
    encoding = (headers.get("Content-Encoding") or b"").strip().lower()
    headers.pop("Content-Encoding", None)  # no middleware decompresses it again
    if encoding not in _WINDOW_BITS:
        return raw
    headers.pop("Content-Length", None)
    inflate = zlib.decompressobj(_WINDOW_BITS[encoding])
    try:
        body = inflate.decompress(raw, max_size + 1 if max_size else 0)
    except zlib.error:
        return raw  # not what its header says; whoever reads the answer will find it unreadable
    if max_size and len(body) > max_size:
        raise AnswerTooLarge(f"the answer is larger than {max_size} bytes when it is decompressed")
    return body


_WINDOW_BITS = {b"gzip": 31, b"x-gzip": 31, b"deflate": 47}
