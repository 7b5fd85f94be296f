"""What follows the lists in the time that is left: details and daily figures of single offers.

Nothing here can take a list down or count against the verdict: a missing grant, a failure or a gateway that stops
answering ends the extras, with a line in the summary.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from typing import Any

from scrapy import Request, signals
from scrapy.exceptions import IgnoreRequest
from twisted.python.failure import Failure

from toplist.api.calls import QUERY_DETAIL, Api, Call
from toplist.api.daily import Figure, read_daily
from toplist.api.details import read_detail
from toplist.api.parse_issues import ParseIssues
from toplist.errors import ApiError, FatalApiError, PermissionDenied
from toplist.ratelimit.limiter import LimiterClosed
from toplist.requests import call_request
from toplist.run import Run

logger = logging.getLogger(__name__)

SLOT = "extras"
_LOW_PRIORITY = -10  # a list that comes back is asked before an extra
_MAX_UNREADABLE = 20
_NAMED = 5


def _read_detail(value: Any, meta: Mapping[str, Any], notes: ParseIssues) -> Any:
    return read_detail(value, meta["toplist_offer"], notes)


def _read_daily(figure: Figure, value: Any, meta: Mapping[str, Any], notes: ParseIssues) -> Any:
    return read_daily(figure, value, notes)


#: How the answer to each API of the extras is read, from its JSON and its request's meta.
READERS: dict[Api, Callable[[Any, Mapping[str, Any], ParseIssues], Any]] = {
    QUERY_DETAIL: _read_detail,
    **{figure.api: partial(_read_daily, figure) for figure in Figure},
}


class Enrichment(ABC):
    """One kind of extra. `scope` is its word in stats and messages."""

    scope: str

    def __init__(self, run: Run):
        self.run = run
        self.answered = 0
        self.failed = 0
        self.failures: list[str] = []
        self.ended: str | None = None
        self._unreadable = 0

    @abstractmethod
    def requests(self, callback: Callable[..., Any], errback: Callable[..., Any]) -> AsyncIterator[Request]:
        """What is to be asked, a few requests at a time."""

    @property
    def is_over(self) -> bool:
        """Whether nothing more is to be asked."""
        return self.ended is not None or self.run.is_stopping()

    def request(self, call: Call, offer_id: str, *, meta: Mapping[str, Any] | None = None, **kwargs: Any) -> Request:
        """A request for one offer. `kwargs` are Request's."""
        about: dict[str, Any] = {"toplist_offer": offer_id, "toplist_scope": call.api.name, "download_slot": SLOT}
        about["toplist_date"] = self.run.asked.snapshot_date
        return call_request(
            self.run,
            call,
            f"the {self.scope} of offer {offer_id}",
            priority=_LOW_PRIORITY,
            meta={**about, **(meta or {}), "deltafetch_enabled": "deltafetch_key" in (meta or {})},
            **kwargs,
        )

    def count(self) -> None:
        """An answer that was read and stored."""
        self.answered += 1
        self._unreadable = 0
        self.run.stats.inc_value(f"toplist/{self.scope}/answered")

    def fail(self, failure: Failure) -> tuple[str, str] | None:
        """Take a failure in. Returns code and message where the offer itself failed; None where it was not to blame."""
        error, request = failure.value, failure.request  # type: ignore[attr-defined]
        if isinstance(error, IgnoreRequest | LimiterClosed | FatalApiError):
            return None  # the crawl is ending, or has been told to
        if isinstance(error, PermissionDenied):
            self.ungranted(request.meta["toplist_call"].api)
            return None
        code = error.code if isinstance(error, ApiError) else type(error).__name__
        message = error.message if isinstance(error, ApiError) else self.run.credentials.redact(str(error))[:300]
        self.failed += 1
        self.run.stats.inc_value(f"toplist/{self.scope}/failed")
        if len(self.failures) < _NAMED:
            self.failures.append(f"offer {request.meta['toplist_offer']}: {code}: {message}")
        self._unreadable += not isinstance(error, ApiError) or error.is_unreadable
        if self._unreadable >= _MAX_UNREADABLE and self.ended is None:
            self.ended = f"{_MAX_UNREADABLE} in a row got no readable answer"
            logger.warning("No more %s are asked: %s", self.scope, self.ended)
        return code, message

    def ungranted(self, api: Api) -> None:
        """The app has no grant for an API."""
        self.ended = "no grant"
        self.run.stats.set_value(f"toplist/{self.scope}/ungranted", api.name)

    def lines(self, first: str) -> list[str]:
        """The summary: `first`, then the failures by name."""
        ended = f"; {self.ended}" if self.ended else ""
        failed = f", {self.failed} failed" if self.failed else ""
        return [f"{first}{failed}{ended}", *(f"  failed: {each}" for each in self.failures)]


async def lists_have_ended(run: Run) -> None:
    """Wait until nothing is asked and nothing is stored any more."""
    engine = run.crawler.engine
    while (slot := engine._slot) and not run.is_stopping():
        storing = engine.scraper.slot
        is_asking = slot.scheduler.has_pending_requests() or slot.inprogress
        if not is_asking and (storing is None or storing.is_idle()):
            return
        await asyncio.sleep(0.1)


async def paced(run: Run, requests: AsyncIterator[Request]) -> AsyncIterator[Request]:
    """The requests, no more at a time than the downloader takes."""
    async for request in requests:
        yield request
        while run.crawler.engine.needs_backout():
            await run.crawler.signals.wait_for(signals.scheduler_empty)
