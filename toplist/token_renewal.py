"""The access token of a crawl: renewed before it expires, and once after the gateway refused it."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from filelock import Timeout
from scrapy import Request

from toplist.api.tokens import Tokens, read_token_answer, refresh_call
from toplist.errors import ToplistError
from toplist.requests import call_request

if TYPE_CHECKING:
    from typing import Self

    from scrapy.crawler import Crawler

    from toplist.run import Run

logger = logging.getLogger(__name__)

_SLOT = "extras"
_AHEAD = timedelta(minutes=10)  # longer than any pause that a request may wait through after it was looked at


class TokenMiddleware:
    """Sees to it that a call which needs the token finds a good one."""

    def __init__(self, crawler: Crawler):
        self._crawler = crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    async def process_request(self, request: Request) -> None:
        call = request.meta.get("toplist_call")
        if call is not None and call.api.needs_token:
            await self._crawler.spider.run.tokens.keep()  # type: ignore[union-attr]


class TokenKeeper:
    """Holds the tokens of one crawl. Processes that share a token file renew one after the other, and only once."""

    def __init__(self, run: Run):
        self._run = run
        self._tokens: Tokens = run.config.tokens
        self._file = run.config.token_file
        self._renew_at = self._due(self._tokens)
        self._turn = asyncio.Lock()
        self._renewed_at = float("-inf")
        self._has_failed = False
        self._was_refused = False

    async def keep(self) -> None:
        """Renew the token if its end is near. A failure is not raised: the gateway will say whether it matters."""
        if self._is_fresh() or self._has_failed:
            return
        async with self._turn:
            if not self._is_fresh() and not self._has_failed:
                self._has_failed = not await self._renew()

    async def renewed(self, sent_at: float) -> bool:
        """After a refusal of the token that a request sent at `sent_at` carried: whether there is another now.

        Renews once a crawl; a second refusal is final.
        """
        async with self._turn:
            if sent_at < self._renewed_at:
                return True
            if self._was_refused or not self._tokens.refresh_token:
                return False
            self._was_refused = True
            return await self._renew()

    def _is_fresh(self) -> bool:
        if not self._tokens.refresh_token:
            return True  # as fresh as it will get
        if self._tokens.access_token is None:
            return False
        return self._renew_at is None or self._run.clock.now() < self._renew_at

    def _due(self, tokens: Tokens) -> datetime | None:
        """When to renew: ten minutes before the end, or when a tenth of the time is left."""
        if tokens.access_expires_at is None:
            return None
        left = tokens.access_expires_at - self._run.clock.now()
        return tokens.access_expires_at - min(_AHEAD, max(left, timedelta(0)) / 10)

    async def _renew(self) -> bool:
        try:
            if self._file is None:
                self._use(await self._ask())
                return True
            async with self._file.lock():
                held = self._file.read()
                if held is not None and held.access_token not in (None, self._tokens.access_token):
                    logger.info("Another process has renewed the access token")
                    self._use(held)
                    return True
                self._use(await self._ask())
                self._file.write(self._tokens)
                return True
        except Timeout:
            logger.warning("The access token was not renewed: another process holds the lock of TOPLIST_TOKEN_FILE")
        except OSError as error:
            # The new token is in use; only the next crawl will not know it.
            logger.error("TOPLIST_TOKEN_FILE can't be written: %s", error.strerror)
            return self._renewed_at > float("-inf")
        except Exception as error:
            said = str(error) if isinstance(error, ToplistError) else type(error).__name__
            logger.warning("The access token was not renewed: %s", self._run.credentials.redact(said))
        return False

    async def _ask(self) -> Tokens:
        run = self._run
        request = call_request(run, refresh_call(), "a new access token", meta={"download_slot": _SLOT})
        response = await run.crawler.engine.download_async(request)
        return read_token_answer(response.status, response.body, self._tokens, run.clock.now())

    def _use(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._renew_at = self._due(tokens)
        self._renewed_at = self._run.clock.monotonic()
        self._run.use_tokens(tokens)
        self._run.stats.inc_value("toplist/tokens/renewed")
        until = tokens.access_expires_at
        logger.info("The access token was renewed%s", f", good until {until:%Y-%m-%d %H:%M} UTC" if until else "")
