"""The access token of a crawl: renewed before it expires, and once after the gateway refused it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from filelock import Timeout
from scrapy import Request
from scrapy.statscollectors import StatsCollector

from toplist.api.tokens import Tokens, refresh_call
from toplist.http import ApiResponse, failure_reason
from toplist.requests import EXTRAS_SLOT, RequestFactory
from toplist.session import GatewaySession
from toplist.tokenfile import TokenFile

logger = logging.getLogger(__name__)

_RENEW_AHEAD = timedelta(minutes=10)  # longer than any pause that a request may wait through after it was looked at


class TokenManager:
    """Renews the tokens of one crawl. Processes that share a token file renew one after the other, and only once.

    `download` sends a request and returns its `ApiResponse`.
    """

    def __init__(
        self,
        session: GatewaySession,
        file: TokenFile | None,
        requests: RequestFactory,
        download: Callable[[Request], Awaitable[ApiResponse]],
        stats: StatsCollector,
    ):
        self._session = session
        self._file = file
        self._requests = requests
        self._download = download
        self._stats = stats
        self._renew_at = self._due(session.tokens)
        self._turn = asyncio.Lock()
        self._renewed_at = float("-inf")
        self._has_failed = False
        self._was_refused = False

    async def ensure_fresh(self) -> None:
        """Renew the token if its end is near. A failure is not raised: the gateway will say whether it matters."""
        if self._is_fresh() or self._has_failed:
            return
        async with self._turn:
            if not self._is_fresh() and not self._has_failed:
                self._has_failed = not await self._renew()

    async def renew_after_refusal(self, sent_at: float) -> bool:
        """After a refusal of the token that a request sent at `sent_at` carried: whether there is another now.

        Renews once a crawl; a second refusal is final.
        """
        async with self._turn:
            if sent_at < self._renewed_at:
                return True
            if self._was_refused or not self._session.tokens.refresh_token:
                return False
            self._was_refused = True
            return await self._renew()

    def _is_fresh(self) -> bool:
        tokens = self._session.tokens
        if not tokens.refresh_token:
            return True  # it can't be renewed
        if tokens.access_token is None:
            return False
        return self._renew_at is None or self._session.clock.now() < self._renew_at

    def _due(self, tokens: Tokens) -> datetime | None:
        """When to renew: ten minutes before the end, or when a tenth of the time is left."""
        if tokens.access_expires_at is None:
            return None
        left = tokens.access_expires_at - self._session.clock.now()
        return tokens.access_expires_at - min(_RENEW_AHEAD, max(left, timedelta(0)) / 10)

    async def _renew(self) -> bool:
        try:
            if self._file is None:
                self._use(await self._request_tokens())
                return True
            async with self._file.lock():
                stored = self._file.read()
                if stored is not None and stored.access_token not in (None, self._session.tokens.access_token):
                    logger.info("Another process has renewed the access token")
                    self._use(stored)
                    return True
                self._use(await self._request_tokens())
                self._file.write(self._session.tokens)
                return True
        except Timeout:
            logger.warning("The access token was not renewed: another process holds the lock of TOPLIST_TOKEN_FILE")
        except OSError as error:
            # The new token is in use; only the next crawl will not know it.
            logger.error("TOPLIST_TOKEN_FILE can't be written: %s", error.strerror)
            return self._renewed_at > float("-inf")
        except Exception as error:
            logger.warning("The access token was not renewed: %s", failure_reason(error, self._session))
        return False

    async def _request_tokens(self) -> Tokens:
        meta = {"download_slot": EXTRAS_SLOT}
        response = await self._download(self._requests.call(refresh_call(), "a new access token", meta=meta))
        tokens: Tokens = response.answer
        return tokens

    def _use(self, tokens: Tokens) -> None:
        self._renew_at = self._due(tokens)
        self._renewed_at = self._session.clock.monotonic()
        self._session.renew(tokens)
        self._stats.inc_value("toplist/tokens/renewed")
        until = tokens.access_expires_at
        logger.info("The access token was renewed%s", f", good until {until:%Y-%m-%d %H:%M} UTC" if until else "")
