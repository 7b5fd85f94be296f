"""What every request needs to know of the gateway: its address, the credentials and the clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from toplist.api.credentials import Credentials
from toplist.api.tokens import Tokens


class Clock:
    """The crawl's clock; `offset` is what the gateway's Date corrected it by, in seconds."""

    def __init__(self) -> None:
        self.offset = 0.0
        self.corrected_at: float | None = None

    def timestamp(self) -> int:
        """Milliseconds since 1970, by the gateway's clock."""
        return round((time.time() + self.offset) * 1000)

    def now(self) -> datetime:
        """Aware, UTC, by the gateway's clock."""
        return datetime.fromtimestamp(time.time() + self.offset, UTC)

    def monotonic(self) -> float:
        """Seconds that only grow, for intervals."""
        return time.monotonic()

    def correct(self, gateway_now: datetime) -> None:
        """Follow the gateway's clock from here on. Its Date has whole seconds; the middle of one is meant."""
        self.offset = gateway_now.timestamp() + 0.5 - time.time()
        self.corrected_at = self.monotonic()


class GatewaySession:
    """The gateway's address, the credentials and the clock of one crawl.

    A sandbox crawl has neither address nor credentials before the sandbox has started; `connect` sets them.
    """

    def __init__(self, url: str | None, credentials: Credentials | None, clock: Clock, tokens: Tokens | None = None):
        self._url = url
        self._credentials = credentials
        self.clock = clock
        self.tokens = tokens or Tokens()

    @property
    def url(self) -> str:
        """Raises RuntimeError before the sandbox has started."""
        if self._url is None:
            raise RuntimeError("the sandbox has not started")
        return self._url

    @property
    def credentials(self) -> Credentials:
        """Raises RuntimeError before the sandbox has started."""
        if self._credentials is None:
            raise RuntimeError("the sandbox has not started")
        return self._credentials

    def connect(self, url: str, credentials: Credentials) -> None:
        """Use this gateway with these credentials: the sandbox brings its own."""
        self._url = url
        self._credentials = credentials

    def renew(self, tokens: Tokens) -> None:
        """Sign with these tokens from here on; the old ones stay hidden from logs."""
        if tokens.access_token is None:
            raise ValueError("there is no access token to renew with")
        self._credentials = self.credentials.renewed(tokens.access_token, tokens.refresh_token)
        self.tokens = tokens

    def redact(self, text: str) -> str:
        """The text without key, secret and tokens."""
        return self._credentials.redact(text) if self._credentials else text
