"""The sandbox's two clocks: the gateway's, which checks timestamps, and the market's, which may have another date."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

from toplist.dates import SHANGHAI, business_date

#: The dates that the market has lists for.
FIRST_DATE, LAST_DATE = date(2021, 1, 1), date(2039, 12, 31)


def market_date(text: str) -> date:
    """A date of the market, from its ISO form. Raises ValueError with one sentence."""
    try:
        on = date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a date like 2026-11-24") from None
    if not FIRST_DATE <= on <= LAST_DATE:
        raise ValueError(f"{text} is not between {FIRST_DATE} and {LAST_DATE}")
    return on


class SandboxClocks:
    """`offset` is the error of the gateway's clock in seconds. `on` starts the market on a date, at the present
    Shanghai time of day; without it the market has the real date."""

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
        """Set the market's date."""
        now = datetime.fromtimestamp(self._wall(), SHANGHAI)
        self._started = datetime.combine(on, now.timetz()).astimezone(UTC)
        self._started_at = self._monotonic()
        self._on = on

    def market(self) -> datetime:
        """Now in the market, aware, UTC. After midnight the clock runs on, but a date that was set stays."""
        return self._started + timedelta(seconds=self._monotonic() - self._started_at)

    def market_date(self) -> date:
        """The date whose lists are served."""
        return self._on or business_date(self.market())
