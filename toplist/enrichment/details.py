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
from toplist.feeds.s3 import S3Options
from toplist.feeds.snapshot import deliver_snapshot
from toplist.ranktypes import Protocol
from toplist.run import Run
from toplist.storage.enrichment import DetailStore, Due
from toplist.trends.score import trend_score

logger = logging.getLogger(__name__)

_BATCH = 256


class Details(Enrichment):
    """Asks for the details that this week has not seen, the best ranked offers first, and lets the entries show them.

    The price that a detail brings gives `trend_score` its price part. Changes of a price from day to day stay null: a
    price that is a week old says nothing of a day.
    """

    scope = "details"

    def __init__(self, run: Run):
        super().__init__(run)
        self.store = DetailStore(run.engine, run.source, run.asked.snapshot_date)
        self.wanted = 0
        self.there = 0

    async def requests(self, callback: Callable[..., Any], errback: Callable[..., Any]) -> AsyncIterator[Request]:
        """One request an offer; DeltaFetch holds back those whose detail is there."""
        run, store = self.run, self.store
        self.wanted = await run.in_thread(store.plan)
        missing = await run.in_thread(store.missing)
        if missing:
            logger.info("Details: %d of %d offers are not known this week and are asked for", missing, self.wanted)
            await self.fill()
            # The feed is there before the long part begins; it is written again when that has ended.
            await run.in_thread(
                lambda: deliver_snapshot(
                    run.config.places,
                    run.history,
                    run.asked.snapshot_date,
                    run.source,
                    S3Options.from_settings(run.crawler.settings),
                    allow_fewer=run.asked.refresh,
                )
            )
        last: Due | None = None
        while not self.is_over and (batch := await run.in_thread(lambda last=last: store.wanted(last, _BATCH))):  # type: ignore[misc]
            for due in batch:
                if self.is_over:
                    return
                yield self._request(due, callback, errback)
            last = batch[-1]

    def _request(self, due: Due, callback: Callable[..., Any], errback: Callable[..., Any]) -> Request:
        key = f"detail:{self.run.source}:{due.offer_id}:{self.run.asked.snapshot_date:%G-W%V}"
        if due.is_complete and not self.run.asked.refresh:
            self.run.details_there.add(key)
            self.there += 1
        return self.request(
            detail_call(due.offer_id),
            due.offer_id,
            callback=callback,
            errback=errback,
            meta={"deltafetch_key": key},
        )

    async def take(self, answered: Detail, collected_at: datetime) -> None:
        """Store an answer."""
        await self.run.in_thread(lambda: self.store.store(answered, collected_at))
        self.count()

    async def take_failure(self, failure: Failure) -> None:
        """LedgerEntry an offer's detail as failed, with the reason."""
        why = self.fail(failure)
        if why is not None:
            offer_id = failure.request.meta["toplist_offer"]  # type: ignore[attr-defined]
            await self.run.in_thread(lambda: self.store.fail(offer_id, *why))

    async def fill(self) -> None:
        """Let the snapshot's entries show the details of this week; also those that an earlier crawl brought."""
        if self.run.config.protocol is not Protocol.OPENPLATFORM:
            return
        filled = await self.run.in_thread(lambda: self.store.fill(trend_score))
        if filled:
            self.run.stats.inc_value("toplist/details/filled", filled)

    def summary(self) -> list[str]:
        """For people, after the table of the lists."""
        if not self.run.asked.details:
            return []
        return self.lines(f"details: {self.wanted} offers, {self.there} there already, {self.answered} answered")
