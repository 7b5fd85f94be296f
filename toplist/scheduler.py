"""Scrapy's scheduler, with a front lane for requests that the gateway put off."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from scrapy.core.scheduler import Scheduler as StockScheduler

if TYPE_CHECKING:
    from scrapy import Request, Spider
    from twisted.internet.defer import Deferred

AGAIN = "toplist_again"


class Scheduler(StockScheduler):
    """A request with `meta["toplist_again"]` comes out before every other, whatever its slot.

    Scrapy's queue orders by priority inside a slot only, so a list that met a pause could be asked again long after.
    """

    def open(self, spider: Spider) -> Deferred[None] | None:
        self._again: deque[Request] = deque()
        return super().open(spider)

    def enqueue_request(self, request: Request) -> bool:
        if request.meta.pop(AGAIN, False):
            self._again.append(request)
            return True
        return super().enqueue_request(request)

    def next_request(self) -> Request | None:
        return self._again.popleft() if self._again else super().next_request()

    def __len__(self) -> int:
        return len(self._again) + super().__len__()

    def close(self, reason: str) -> Deferred[None] | None:
        self._again.clear()
        return super().close(reason)
