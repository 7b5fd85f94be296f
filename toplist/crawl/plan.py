"""The plan: which lists a crawl asks for, in batches, entered in the ledger before they are asked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from itertools import islice

from toplist.arguments import ALL
from toplist.crawl.calling import call_request, delta_key
from toplist.crawl.run import Run
from toplist.errors import InputError
from toplist.items import ListKey
from toplist.protocol.categories import read_categories
from toplist.protocol.requests import category_call

SANDBOX_CATEGORIES = ("10166", "311")  # 女装, 童装
BATCH = 64


async def batches(run: Run) -> AsyncIterator[list[ListKey]]:
    """Every list of the plan, some dozens at a time; those that need not be asked again are in `run.there`."""
    lists = _lists(run, await _categories(run))
    while batch := list(islice(lists, BATCH)):
        marks = await run.in_thread(lambda batch=batch: run.ledger.plan(batch, run.asked.rows, run.asked.page_size))  # type: ignore[misc]
        for key in batch:
            run.tally.plan(key)
            mark = marks[key]
            if mark.covers(run.asked.rows) and not run.asked.refresh:
                run.there[delta_key(run, key)] = (key, mark.received)
        yield batch


def _lists(run: Run, categories: list[str]) -> Iterator[ListKey]:
    """One rank type after the other: neighbours are of different categories, so that none waits for its interval."""
    for rank_type in run.asked.rank_types:
        for category_id in categories:
            yield ListKey(run.source, run.config.protocol, rank_type, category_id)


async def _categories(run: Run) -> list[str]:
    asked = run.asked.categories
    if asked == (ALL,):
        return [""]
    if asked is None and run.config.sandbox:
        asked = SANDBOX_CATEGORIES
    if asked is not None:
        return list(asked)
    return await _roots(run)


async def _roots(run: Run) -> list[str]:
    request = call_request(run, category_call("0"), "the root categories")
    response = await run.crawler.engine.download_async(request)
    nodes = read_categories(response.body, response.status)
    roots = [child for node in nodes for child in (node.children or [node])]
    if not roots:
        raise InputError("The gateway names no root category: give ids with -a categories=….")
    run.names.update({root.category_id: root.name for root in roots if root.name})
    return [root.category_id for root in roots]
