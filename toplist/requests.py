"""Requests for logical calls: what the spider yields, the gate signs and the middlewares read.

A request's `meta` says whose it is: `toplist_call` (what is asked), `toplist_subject` (the list or category it is
about, for messages), `toplist_age` (its place in the gate's order), and for a list `toplist_key`, `toplist_date` and
`deltafetch_key`. None of it is secret, so all of it may stand in a job directory.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

from scrapy import Request

from toplist.api.calls import Call, list_call
from toplist.items import ListKey
from toplist.run import Run

_AGES = count(1)
_FOLLOW_UP = 10  # a list that has begun is finished before another begins
TREE_SLOT = "tree"


def call_request(run: Run, call: Call, subject: str, **kwargs: Any) -> Request:
    """A request that counts against the budget only. `kwargs` are Request's."""
    meta = {"toplist_call": call, "toplist_subject": subject, "toplist_age": next(_AGES)}
    meta |= {"download_slot": TREE_SLOT, "autothrottle_dont_adjust_delay": True}
    return Request(
        f"{run.gateway_url}/{call.api.path}",
        method="POST",
        headers={"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"},
        body="&".join(f"{name}={value}" for name, value in call.params.items()).encode(),
        meta={**meta, **kwargs.pop("meta", {})},
        dont_filter=True,  # the ledger knows what was asked; a duplicate filter on disk outlives a crash and lies
        **kwargs,
    )


def list_request(
    run: Run, key: ListKey, page: int, callback: Callable[..., Any], errback: Callable[..., Any], **cb_kwargs: Any
) -> Request:
    """A request for one page of a list: it waits for its category, too."""
    call = list_call(key.protocol, key.rank_type, key.category_id, page, run.asked.page_size)
    return call_request(
        run,
        call,
        f"{key.rank_type} in {key.category_id or 'all'}, page {page}",
        callback=callback,
        errback=errback,
        cb_kwargs={"key": key, "page": page, **cb_kwargs},
        priority=_FOLLOW_UP if page > 1 else 0,
        meta={
            "toplist_key": key,
            "toplist_category": key.category_id or "all",
            "toplist_date": run.asked.snapshot_date,
            "download_slot": f"category-{key.category_id or 'all'}",
            "deltafetch_key": delta_key(run, key),
            "deltafetch_enabled": page == 1,
            "autothrottle_dont_adjust_delay": False,
        },
    )


def delta_key(run: Run, key: ListKey) -> str:
    """A list's identity with its period."""
    return f"{key}:{run.asked.snapshot_date}"
