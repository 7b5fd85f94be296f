"""Requests for logical calls: what the spider yields, the download handler signs and the middlewares read.

A request's `meta` says what it is about:

- `toplist_call`: the call, not yet stamped or signed
- `toplist_subject`: the list, category or offer it is about, for messages
- `toplist_age`: its place in the rate limiter's order
- `toplist_key`, `toplist_category`: the list and its category; only the first page has `deltafetch_key`
- `toplist_complete_rows`: rows that are stored already of a list that need not be asked; DeltaFetch skips the request
- `toplist_first`: it goes before every other one: a later page of a list, or put off by the gateway
- `toplist_offer`: the offer, of a request for a single offer
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

from scrapy import Request

from toplist.api.calls import Call, list_call
from toplist.items import ListKey
from toplist.options import CrawlOptions
from toplist.session import GatewaySession

COMPLETE_ROWS = "toplist_complete_rows"
FIRST = "toplist_first"
TREE_SLOT = "tree"
EXTRAS_SLOT = "extras"


class RequestFactory:
    """Makes the requests of one crawl, in the order in which the rate limiter lets them go."""

    def __init__(self, session: GatewaySession, options: CrawlOptions):
        self._session = session
        self._options = options
        self._ages = count(1)

    def call(self, call: Call, subject: str, **kwargs: Any) -> Request:
        """A request that counts against the key's budget only. `kwargs` are Request's."""
        meta = {"toplist_call": call, "toplist_subject": subject, "toplist_age": next(self._ages)}
        meta |= {"download_slot": TREE_SLOT, "autothrottle_dont_adjust_delay": True}
        return Request(
            f"{self._session.url}/{call.api.path}",
            method="POST",
            headers={"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"},
            body="&".join(f"{name}={value}" for name, value in call.params.items()).encode(),
            meta={**meta, **kwargs.pop("meta", {})},
            dont_filter=True,  # the ledger knows what was asked; a second attempt is no duplicate
            **kwargs,
        )

    def list_page(
        self,
        key: ListKey,
        page: int,
        callback: Callable[..., Any],
        errback: Callable[..., Any],
        *,
        complete_rows: int | None = None,
        **cb_kwargs: Any,
    ) -> Request:
        """A request for one page of a list: it also keeps the interval of its category."""
        category = key.category_id or "all"
        call = list_call(key.protocol, key.rank_type, key.category_id, page, self._options.page_size)
        return self.call(
            call,
            f"{key.rank_type} in {category}, page {page}",
            callback=callback,
            errback=errback,
            cb_kwargs={"key": key, "page": page, **cb_kwargs},
            meta={
                "toplist_key": key,
                "toplist_category": category,
                "download_slot": f"category-{category}",
                "deltafetch_key": f"{key}:{self._options.snapshot_date}",
                "deltafetch_enabled": page == 1,
                FIRST: page > 1,  # a list that has begun is finished before another begins
                COMPLETE_ROWS: complete_rows,
                "autothrottle_dont_adjust_delay": False,
            },
        )
