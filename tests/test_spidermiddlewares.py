"""DeltaFetch on the ledger: what comes as complete is not asked, and counted."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from scrapy import Request

from tests.fakes import FakeStats, a_key, a_session, options
from toplist.requests import COMPLETE_ROWS, RequestFactory
from toplist.spidermiddlewares import LedgerDeltaFetchMiddleware
from toplist.summary import CrawlSummary


def passed(*given: Any) -> tuple[list[Any], CrawlSummary, FakeStats]:
    stats, summary = FakeStats(), CrawlSummary()
    middleware = LedgerDeltaFetchMiddleware(dir="", stats=stats)
    middleware.summary = summary

    async def source() -> AsyncIterator[Any]:
        for each in given:
            yield each

    async def run() -> list[Any]:
        return [each async for each in middleware.process_start(source())]

    return asyncio.run(run()), summary, stats


REQUESTS = RequestFactory(a_session(), options())


def test_a_complete_list_is_skipped_with_its_rows() -> None:
    done = REQUESTS.list_page(a_key(), 1, print, print, complete_rows=20)
    missing = REQUESTS.list_page(a_key("best"), 1, print, print)
    found, summary, stats = passed(done, missing, "an item")
    assert found == [missing, "an item"]
    assert summary.skipped == {"hot": 1}
    assert summary.rows == {"hot": 20}
    assert stats.values == {"deltafetch/skipped": 1}


def test_a_list_that_is_complete_without_a_row_is_skipped_too() -> None:
    found, summary, _ = passed(REQUESTS.list_page(a_key(), 1, print, print, complete_rows=0))
    assert found == []
    assert summary.skipped == {"hot": 1}


def test_a_detail_is_skipped_and_is_no_list() -> None:
    meta = {"deltafetch_key": "detail:7", COMPLETE_ROWS: 1}
    found, summary, stats = passed(Request("http://example.org", meta=meta))
    assert found == []
    assert not summary.skipped
    assert stats.values == {"deltafetch/skipped": 1}


def test_another_spiders_request_passes() -> None:
    request = Request("http://example.org")
    assert passed(request)[0] == [request]
