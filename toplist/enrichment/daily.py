"""True daily figures of some offers: those that the user names, or those that `breakout_score` puts first."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from datetime import date, timedelta
from typing import Any

from scrapy import Request

from toplist.api.calls import Api
from toplist.api.daily import Figure, daily_call, windows
from toplist.enrichment.base import Enrichment
from toplist.storage.enrichment import DailyStore

logger = logging.getLogger(__name__)

BREAKOUT = "breakout"
_MAX_PICKED = 20  # offers of `daily=breakout`: at seven calls each a minute at the usual budget


class Daily(Enrichment):
    """Asks for the days that are not stored yet, up to the day before the snapshot."""

    scope = "daily"

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._store = DailyStore(self._storage.engine, self._source)
        self._offers: list[str] = []
        self._ungranted: set[Figure] = set()

    async def requests(self, callback: Callable[..., Any], errback: Callable[..., Any]) -> AsyncIterator[Request]:
        """A request for each figure, offer and window of a month."""
        self._offers = await self._picked()
        yesterday = self._options.snapshot_date - timedelta(days=1)
        for figure in Figure:
            for offer_id in self._offers:
                for first, last in windows(await self._first_day(figure, offer_id), yesterday):
                    if self.is_over or figure in self._ungranted:
                        break
                    yield self.request(
                        daily_call(figure, offer_id, first, last),
                        offer_id,
                        callback=callback,
                        errback=errback,
                        cb_kwargs={"figure": figure},
                    )

    async def _picked(self) -> list[str]:
        day, wanted = self._options.snapshot_date, self._options.daily
        if wanted != (BREAKOUT,):
            return list(wanted or ())
        picked = await self._storage.run(lambda: self._store.breakouts(day, _MAX_PICKED))
        if not picked:
            logger.info("No entry of %s has a breakout score yet, so daily=breakout picks none", day)
        return picked

    async def _first_day(self, figure: Figure, offer_id: str) -> date:
        earliest = self._options.snapshot_date - timedelta(days=figure.days_back)
        stored = await self._storage.run(lambda: self._store.last_day(offer_id, figure.field))
        if stored is None or self._options.refresh:
            return earliest
        return max(earliest, stored + timedelta(days=1))

    async def take(self, offer_id: str, figure: Figure, figures: dict[date, int | float]) -> None:
        """Store an answer."""
        await self._storage.run(lambda: self._store.store(offer_id, figure.field, figures))
        self._stats.inc_value("toplist/daily/days", len(figures))
        self.count()

    def ungranted(self, api: Api) -> None:
        """One figure's API is not granted; the others may be."""
        super().ungranted(api)
        self._ungranted |= {figure for figure in Figure if figure.api == api}
        names = ", ".join(sorted(figure.field for figure in self._ungranted))
        self.ended = f"no grant for {names}" if len(self._ungranted) == len(Figure) else None
        self.failures = [each for each in self.failures if not each.startswith("no grant")]
        if self.ended is None:
            self.failures.append(f"no grant for {names}")

    def summary(self) -> list[str]:
        if not self._options.daily:
            return []
        return self.lines(f"daily figures: {len(self._offers)} offers, {self.answered} answers")
