"""The download handler: wait at the gate, then copy, stamp and sign, on every attempt.

What the spider sees is the logical call, before and after: neither the signature nor the key stands in a request, a
response, a job directory or an exception that leaves here.
"""

from __future__ import annotations

import asyncio
from typing import Any

from scrapy import Request
from scrapy.core.downloader.handlers.http11 import HTTP11DownloadHandler
from scrapy.crawler import Crawler
from scrapy.http import Response

from toplist.api.requests import sign
from toplist.gateway_spider import GatewaySpider, gateway_spider_of
from toplist.ratelimit.connections import WarmPool, _Route
from toplist.ratelimit.limiter import Permit
from toplist.session import GatewaySession

_REFUSED_HOLD = 1.0  # seconds in which a 403 is looked at before anything else may leave


class RateLimitedDownloadHandler(HTTP11DownloadHandler):
    """Sends the calls of `toplist.requests`; any other request passes as it is."""

    def __init__(self, crawler: Crawler):
        super().__init__(crawler)
        stock = self._pool
        self._warm_pool = WarmPool(stock._reactor, size=stock.maxPersistentPerHost, factory=stock._factory)
        self._pool = self._warm_pool
        self._fail_on_dataloss_warned = True  # its warning would show the signed address; the retry says what happened
        self._opening = asyncio.Lock()
        self._route: _Route | None = None

    async def download_request(self, request: Request) -> Response:
        """Raises what Scrapy's own handler raises, and LimiterClosed."""
        if "toplist_call" not in request.meta:
            return await super().download_request(request)
        spider = gateway_spider_of(self._crawler)
        await self._ensure_route(request, spider)
        category = request.meta.get("toplist_category")
        slot = request.meta.get("download_slot")
        self._crawler.stats.inc_value("toplist/ratelimit/waited")
        ticket = await spider.limiter.acquire(
            request.meta["toplist_age"],
            category,
            lambda: self._interval(slot, spider.config.limits.category_interval),
            request,
        )
        return await self._send(request, spider, ticket)

    def _interval(self, slot: str | None, at_least: float) -> float:
        """The category's interval: AutoThrottle may have raised its slot's delay."""
        raised = self._crawler.engine.downloader.slots.get(slot or "")
        return max(at_least, raised.delay if raised else 0.0)

    async def _ensure_route(self, request: Request, spider: GatewaySpider) -> None:
        async with self._opening:
            if self._route is None:
                probe = request.replace(url=spider.session.url + "/")
                self._route = await self._warm_pool.route(
                    lambda: super(RateLimitedDownloadHandler, self).download_request(probe)
                )
                spider.limiter.use(self)

    def is_ready(self) -> bool:
        return self._route is not None and self._warm_pool.is_idle(self._route)

    async def prepare(self) -> None:
        if self._route is not None and not self.is_ready():
            await self._warm_pool.open(self._route)

    async def _send(self, request: Request, spider: GatewaySpider, ticket: Permit) -> Response:
        session = spider.session
        # Before it is signed: an answer is of the clock that stood then, and of a pause that began after it.
        request.meta["toplist_sent_at"] = session.clock.monotonic()
        signed = sign(request.meta["toplist_call"], session.credentials, session.clock.timestamp())
        wire = request.replace(
            url=f"{session.url}/{signed.path}", body=signed.form_body, meta={**request.meta, "toplist_call": None}
        )
        warm = self.is_ready()
        download = asyncio.ensure_future(super().download_request(wire))
        try:
            await _written(download, warm)
            ticket.sent()
            response = await download
        except Exception as error:
            raise _without_secrets(error, session) from None
        finally:
            ticket.sent()
            if "download_latency" in wire.meta:  # what AutoThrottle reads
                request.meta["download_latency"] = wire.meta["download_latency"]
        if response.status == 403:
            spider.limiter.pause_locally(_REFUSED_HOLD)
        return response.replace(url=request.url)


async def _written(download: asyncio.Future[Any], warm: bool) -> None:
    """Until the request is on the wire: a few turns of the loop; without an idle connection, until it is answered."""
    if not warm:
        await asyncio.wait([download])
    for _ in range(4):
        await asyncio.sleep(0)


def _without_secrets(error: Exception, session: GatewaySession) -> Exception:
    error.args = tuple(session.redact(each) if isinstance(each, str) else each for each in error.args)
    error.__cause__ = error.__context__ = None
    return error
