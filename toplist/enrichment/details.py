"""Details for `openplatform`: each offer of the snapshot once a week, after the lists."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any

from scrapy import Request
from twisted.python.failure import Failure

from toplist.api.details import Detail, detail_call
from toplist.enrichment.base import Enrichment
from toplist.requests import COMPLETE_ROWS
from toplist.storage.enrichment import DetailStore, Due
from toplist.trends.score import trend_score

logger = logging.getLogger(__name__)

_BATCH = 256


class Details(Enrichment):
    """Asks for the details that this week has not seen, the best ranked offers first, and lets the entries show them.

    The price that a detail brings gives `trend_score` its price part. Changes of a price from day to day stay null: a
    price that is a week old says nothing of a day. `deliver` writes the feed; blocking.
    """

    scope = "details"

    def __init__(self, *args: Any, deliver: Callable[[], object], **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._store = DetailStore(self._storage.engine, self._source, self._options.snapshot_date)
        self._deliver = deliver
        self._wanted = 0
        self._complete = 0

    async def requests(self, callback: Callable[..., Any], errback: Callable[..., Any]) -> AsyncIterator[Request]:
        """One request an offer; DeltaFetch skips those whose detail is stored."""
        store = self._store
        self._wanted = await self._storage.run(store.plan)
        missing = await self._storage.run(store.missing)
        if missing:
            logger.info("Details: %d of %d offers are not known this week and are asked for", missing, self._wanted)
            await self.fill()
            # The feed is delivered before the long part begins; it is written again when that has ended.
            await self._storage.run(self._deliver)
        last: Due | None = None
        while not self.is_over and (batch := await self._storage.run(lambda last=last: store.wanted(last, _BATCH))):  # type: ignore[misc]
            for due in batch:
                if self.is_over:
                    return
                yield self._request(due, callback, errback)
            last = batch[-1]

    def _request(self, due: Due, callback: Callable[..., Any], errback: Callable[..., Any]) -> Request:
        is_complete = due.is_complete and not self._options.refetch
        self._complete += is_complete
        return self.request(
            detail_call(due.offer_id),
            due.offer_id,
            callback=callback,
            errback=errback,
            meta={
                "deltafetch_key": f"detail:{self._source}:{due.offer_id}:{self._options.snapshot_date:%G-W%V}",
                COMPLETE_ROWS: 1 if is_complete else None,
            },
        )

    async def take(self, answered: Detail, collected_at: datetime) -> None:
        """Store an answer."""
        await self._storage.run(lambda: self._store.store(answered, collected_at))
        self.count()

    async def take_failure(self, failure: Failure) -> None:
        """Enter an offer's detail as failed, with the reason."""
        why = self.fail(failure)
        if why is not None:
            offer_id = failure.request.meta["toplist_offer"]  # type: ignore[attr-defined]
            await self._storage.run(lambda: self._store.fail(offer_id, *why))

    async def fill(self) -> None:
        """Let the snapshot's entries show the details of this week; also those that an earlier crawl brought."""
        filled = await self._storage.run(lambda: self._store.fill(trend_score))
        if filled:
            self._stats.inc_value("toplist/details/filled", filled)

    def summary(self) -> list[str]:
        if not self._options.details:
            return []
        return self.lines(
            f"details: {self._wanted} offers, {self._complete} complete already, {self.answered} answered"
        )
