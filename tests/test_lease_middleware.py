"""A list that another crawl fetches: waited for, then counted as complete or taken over."""

import asyncio
from typing import Any

import pytest
from scrapy import Request
from scrapy.exceptions import DontCloseSpider, IgnoreRequest

from tests.fakes import FakeControl, FakeStats, FakeStorage, a_key, a_session, options
from toplist.items import RankList, Status
from toplist.lease_middleware import LeaseMiddleware
from toplist.requests import RequestFactory
from toplist.storage.ledger import Claim, Claimed, LedgerEntry
from toplist.summary import CrawlSummary

KEY = a_key()


class FakeLeases:
    """Answers each claim with the next of `claims`."""

    def __init__(self, *claims: Claim):
        self.claims = list(claims)
        self.satisfied: list[bool] = []

    def claim(self, key: Any, is_satisfied: Any) -> Claim:
        entry = LedgerEntry(1, Status.COMPLETE, 20, 20, None)
        self.satisfied.append(is_satisfied(entry))
        return self.claims.pop(0)


class Harness:
    def __init__(self, *claims: Claim, **changes: Any):
        self.waiting: dict[Any, Request] = {}
        given: Any = {
            "storage": FakeStorage(),
            "control": FakeControl(),
            "stats": FakeStats(),
            "schedule": lambda request: self.scheduled.append(request),
            "waiting": self.waiting,
        }
        self.leases = FakeLeases(*claims)
        self.stats, self.control = given["stats"], given["control"]
        self.summary = CrawlSummary()
        self.summary.plan(KEY)
        self.scheduled: list[Request] = []
        leases: Any = self.leases
        self.middleware = LeaseMiddleware(leases, options(**changes), summary=self.summary, **given)
        self.request = RequestFactory(a_session(), options()).list_page(KEY, 1, print, print)

    def process(self) -> None:
        asyncio.run(self.middleware.process_request(self.request))

    def check(self) -> None:
        asyncio.run(self.middleware.check_waiting())


OURS, LEASED, COMPLETE = Claim(Claimed.OURS), Claim(Claimed.LEASED), Claim(Claimed.COMPLETE, 20)


def test_a_list_is_claimed_once_until_it_has_ended() -> None:
    harness = Harness(OURS, OURS)
    harness.process()
    harness.process()  # its second page
    assert len(harness.leases.claims) == 1
    ended = RankList(key=KEY, snapshot_date=options().snapshot_date, status=Status.COMPLETE, page_size=20)
    harness.middleware.list_ended(ended)
    harness.process()
    assert harness.leases.claims == []


def test_a_list_that_is_complete_meanwhile_is_counted_with_its_rows() -> None:
    harness = Harness(COMPLETE)
    with pytest.raises(IgnoreRequest):
        harness.process()
    assert harness.summary.rows["hot"] == 20
    assert harness.summary.pending == 0
    assert harness.stats.values == {"toplist/leases/already_complete": 1}


def test_a_list_that_another_crawl_fetches_keeps_the_spider_open() -> None:
    harness = Harness(LEASED, LEASED, COMPLETE)
    harness.middleware.spider_idle()
    with pytest.raises(IgnoreRequest):
        harness.process()
    with pytest.raises(DontCloseSpider):
        harness.middleware.spider_idle()
    harness.check()
    with pytest.raises(DontCloseSpider):
        harness.middleware.spider_idle()
    harness.check()
    harness.middleware.spider_idle()
    assert harness.scheduled == []
    assert harness.summary.pending == 0


def test_a_list_that_another_crawl_leaves_is_taken_over() -> None:
    harness = Harness(LEASED, OURS)
    with pytest.raises(IgnoreRequest):
        harness.process()
    harness.check()
    assert [request.meta["toplist_key"] for request in harness.scheduled] == [KEY]
    harness.process()  # the lease is ours already
    assert harness.stats.values["toplist/leases/taken_over"] == 1


def test_a_stopped_crawl_waits_for_no_one() -> None:
    harness = Harness(LEASED)
    with pytest.raises(IgnoreRequest):
        harness.process()
    harness.control.stop("forbidden", "403")
    harness.middleware.spider_idle()


@pytest.mark.parametrize(("changes", "satisfied"), [({}, True), ({"refetch": True}, False)])
def test_what_is_complete_satisfies_unless_all_is_fetched_again(changes: dict[str, bool], satisfied: bool) -> None:
    harness = Harness(OURS, **changes)
    harness.process()
    assert harness.leases.satisfied == [satisfied]


def test_other_requests_pass() -> None:
    harness = Harness()
    asyncio.run(harness.middleware.process_request(Request("http://example.org")))


def test_a_list_is_waited_for_no_longer_when_nobody_looks_at_the_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toplist.lease_middleware.POLL_INTERVAL", 0.01)
    harness = Harness(LEASED)  # the second look finds no answer, which is an error that nobody expects
    with pytest.raises(IgnoreRequest):
        harness.process()
    assert list(harness.waiting) == [KEY]

    async def look_until_it_fails() -> None:
        harness.middleware.spider_opened()
        while harness.waiting:
            await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(look_until_it_fails(), 10))
    harness.middleware.spider_idle()  # and the spider may close
