"""The download handler: wait at the gate, then copy, stamp and sign, on every attempt.

What the spider sees is the logical call, before and after: neither the signature nor the key stands in a request, a
response, a job directory or an exception that leaves here.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from scrapy import Request
from scrapy.core.downloader.handlers.http11 import HTTP11DownloadHandler
from scrapy.http import Response

from toplist.api.calls import sign
from toplist.ratelimit.connections import WarmPool, _Route
from toplist.ratelimit.limiter import Permit, RateLimiter
from toplist.ratelimit.shared_state import SharedState

if TYPE_CHECKING:
    from scrapy.crawler import Crawler

    from toplist.run import Run

_REFUSED_HOLD = 1.0  # seconds in which a 403 is looked at before anything else may leave


class RateLimitedDownloadHandler(HTTP11DownloadHandler):
    """Sends the calls of `toplist.requests`; any other request passes as it is."""

    def __init__(self, crawler: Crawler):
        super().__init__(crawler)
        stock = self._pool
        self._warm_pool = WarmPool(stock._reactor, size=stock.maxPersistentPerHost, factory=stock._factory)
        self._pool = self._warm_pool
        self._fail_on_dataloss_warned = True  # its warning would show the signed address; the retry says what happened
        self._gate: RateLimiter | None = None
        self._route: _Route | None = None

    async def download_request(self, request: Request) -> Response:
        """Raises what Scrapy's own handler raises, and LimiterClosed."""
        if "toplist_call" not in request.meta:
            return await super().download_request(request)
        run = self._run
        gate = await self._opened_gate(request)
        category = request.meta.get("toplist_category")
        slot = request.meta.get("download_slot")
        run.stats.inc_value("toplist/ratelimit/waited")
        ticket = await gate.admit(
            request.meta["toplist_age"], category, lambda: self._interval(slot, run.config.limits.category_interval)
        )
        return await self._send(request, run, gate, ticket)

    @property
    def _run(self) -> Run:
        run: Run = self._crawler.spider.run  # type: ignore[union-attr]
        return run

    def _interval(self, slot: str | None, at_least: float) -> float:
        """The category's interval: AutoThrottle may have raised its slot's delay."""
        raised = self._crawler.engine.downloader.slots.get(slot or "")
        return max(at_least, raised.delay if raised else 0.0)

    async def _opened_gate(self, request: Request) -> RateLimiter:
        if self._gate is None:
            run = self._run
            probe = request.replace(url=run.gateway_url + "/")
            self._route = await self._warm_pool.route(
                lambda: super(RateLimitedDownloadHandler, self).download_request(probe)
            )
            store = await run.in_thread(
                lambda: SharedState(run.engine, run.credentials.fingerprint(), run.config.limits.qps)
            )
            self._gate = run.gate = RateLimiter(
                store,
                run.config.limits.qps,
                warm=self._warm,
                is_warm=self._is_warm,
                stopping=run.is_stopping,
            )
        return self._gate

    def _is_warm(self) -> bool:
        return self._route is not None and self._warm_pool.is_idle(self._route)

    async def _warm(self) -> None:
        if self._route is not None and not self._is_warm():
            await self._warm_pool.open(self._route)

    async def _send(self, request: Request, run: Run, gate: RateLimiter, ticket: Permit) -> Response:
        # Before it is signed: an answer is of the clock that stood then, and of a pause that began after it.
        request.meta["toplist_sent_at"] = run.clock.monotonic()
        signed = sign(request.meta["toplist_call"], run.credentials, run.clock.timestamp())
        wire = request.replace(
            url=f"{run.gateway_url}/{signed.path}", body=signed.form_body, meta={**request.meta, "toplist_call": None}
        )
        warm = self._is_warm()
        download = asyncio.ensure_future(super().download_request(wire))
        try:
            await _written(download, warm)
            ticket.sent()
            response = await download
        except Exception as error:
            raise _without_secrets(error, run) from None
        finally:
            ticket.sent()
            if "download_latency" in wire.meta:  # what AutoThrottle reads
                request.meta["download_latency"] = wire.meta["download_latency"]
        if response.status == 403:
            gate.hold(_REFUSED_HOLD)
        return response.replace(url=request.url)

    async def close(self) -> None:
        if self._gate is not None:
            await self._gate.close()
        await super().close()


async def _written(download: asyncio.Future[Any], warm: bool) -> None:
    """Until the request is on the wire: a few turns of the loop; without an idle connection, until it is answered."""
    if not warm:
        await asyncio.wait([download])
    for _ in range(4):
        await asyncio.sleep(0)


def _without_secrets(error: Exception, run: Run) -> Exception:
    error.args = tuple(run.credentials.redact(each) if isinstance(each, str) else each for each in error.args)
    error.__cause__ = error.__context__ = None
    return error
