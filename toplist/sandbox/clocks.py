"""The sandbox's two clocks: the gateway's, which stamps are held to, and the market's, which a crawl's day follows."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

from toplist.dates import SHANGHAI, business_date


class Clocks:
    """`offset` seconds put the gateway's clock wrong. `on` starts the market on a date, at the present Shanghai time
    of day, from where it runs on; without it the market follows the real date."""

    def __init__(
        self,
        on: date | None = None,
        offset: float = 0,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ):
        self._wall, self._monotonic, self._offset = wall, monotonic, offset
        self._on: date | None = None
        self._started = datetime.fromtimestamp(wall(), UTC)
        self._started_at = monotonic()
        if on:
            self.move(on)

    def gateway(self) -> float:
        """Unix seconds by the gateway's clock."""
        return self._wall() + self._offset

    def move(self, on: date) -> None:
        """Put the market on a date."""
        now = datetime.fromtimestamp(self._wall(), SHANGHAI)
        self._started = datetime.combine(on, now.timetz()).astimezone(UTC)
        self._started_at = self._monotonic()
        self._on = on

    def market(self) -> datetime:
        """Now in the market, aware, UTC. A date that was set lasts: past midnight the clock runs on, the date stays."""
        return self._started + timedelta(seconds=self._monotonic() - self._started_at)

    def market_date(self) -> date:
        """The date whose lists are served."""
        return self._on or business_date(self.market())
