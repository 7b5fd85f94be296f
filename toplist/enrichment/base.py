"""What follows the lists in the time that is left: details and daily figures of single offers.

Nothing here can take a list down or count against the verdict: a missing grant, a failure or a gateway that stops
answering ends the extras, with a line in the summary.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, NamedTuple

from scrapy import Request
from scrapy.exceptions import IgnoreRequest
from scrapy.statscollectors import StatsCollector
from twisted.python.failure import Failure

from toplist.api.calls import Api, Call
from toplist.control import CrawlControl
from toplist.errors import FatalApiError, Forbidden, PermissionDenied, StorageUnavailable, Throttled
from toplist.http import failure_reason
from toplist.items import Source
from toplist.options import CrawlOptions
from toplist.ratelimit.limiter import LimiterClosed
from toplist.requests import EXTRAS_SLOT, RequestFactory
from toplist.session import GatewaySession
from toplist.storage.storage import Storage

logger = logging.getLogger(__name__)

LOW_PRIORITY = -10  # a list that comes back is asked before an extra
MAX_UNREADABLE = 20
_MAX_NAMED = 5


class EnrichmentParts(NamedTuple):
    """What an `Enrichment` is made from."""

    options: CrawlOptions
    source: Source
    storage: Storage
    session: GatewaySession
    requests: RequestFactory
    control: CrawlControl
    stats: StatsCollector


class Enrichment(ABC):
    """One kind of extra. `scope` is its word in stats and messages."""

    scope: str

    def __init__(
        self,
        options: CrawlOptions,
        source: Source,
        storage: Storage,
        session: GatewaySession,
        requests: RequestFactory,
        control: CrawlControl,
        stats: StatsCollector,
    ):
        self._options = options
        self._source = source
        self._storage = storage
        self._session = session
        self._requests = requests
        self._control = control
        self._stats = stats
        self.answered = 0
        self.failed = 0
        self.failures: list[str] = []
        self.ended: str | None = None
        self._unreadable = 0

    @abstractmethod
    def requests(self, callback: Callable[..., Any], errback: Callable[..., Any]) -> AsyncIterator[Request]:
        """What is to be asked, a few requests at a time."""

    @abstractmethod
    def summary(self) -> list[str]:
        """For people, after the table of the lists."""

    @property
    def is_over(self) -> bool:
        """Whether nothing more is to be asked."""
        return self.ended is not None or self._control.is_stopping()

    def request(self, call: Call, offer_id: str, *, meta: Mapping[str, Any] | None = None, **kwargs: Any) -> Request:
        """A request for one offer. `kwargs` are Request's."""
        about: dict[str, Any] = {"toplist_offer": offer_id, "download_slot": EXTRAS_SLOT}
        return self._requests.call(
            call,
            f"the {self.scope} of offer {offer_id}",
            priority=LOW_PRIORITY,
            meta={**about, **(meta or {}), "deltafetch_enabled": "deltafetch_key" in (meta or {})},
            **kwargs,
        )

    def count(self) -> None:
        """An answer that was read and stored."""
        self.answered += 1
        self._unreadable = 0
        self._stats.inc_value(f"toplist/{self.scope}/answered")

    def fail(self, failure: Failure) -> tuple[str, str] | None:
        """Take a failure in. Returns code and message where the offer itself failed; None where it was not to blame."""
        error, request = failure.value, failure.request  # type: ignore[attr-defined]
        if isinstance(error, IgnoreRequest | LimiterClosed | StorageUnavailable):
            return None  # the crawl is ending, or has been told to
        if isinstance(error, FatalApiError | Forbidden | Throttled):
            self._end(f"the gateway refuses them: {error.code}")
            return None
        if isinstance(error, PermissionDenied):
            self.ungranted(request.meta["toplist_call"].api)
            return None
        reason = failure_reason(error, self._session)
        self.failed += 1
        self._stats.inc_value(f"toplist/{self.scope}/failed")
        if len(self.failures) < _MAX_NAMED:
            self.failures.append(f"offer {request.meta['toplist_offer']}: {reason}")
        self._unreadable += reason.is_unreadable
        if self._unreadable >= MAX_UNREADABLE:
            self._end(f"{MAX_UNREADABLE} in a row got no readable answer")
        return reason.code, reason.message

    def _end(self, why: str) -> None:
        if self.ended is None:
            self.ended = why
            logger.warning("No more %s are asked: %s", self.scope, why)

    def ungranted(self, api: Api) -> None:
        """The app has no grant for an API."""
        self.ended = "no grant"
        self._stats.set_value(f"toplist/{self.scope}/ungranted", api.name)

    def lines(self, first: str) -> list[str]:
        """The summary: `first`, then the failures by name."""
        ended = f"; {self.ended}" if self.ended else ""
        failed = f", {self.failed} failed" if self.failed else ""
        return [f"{first}{failed}{ended}", *(f"  failed: {each}" for each in self.failures)]
