"""The scheduler: what the gateway put off comes first; a job directory keeps no requests where there is a ledger."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from scrapy import Request, Spider
from scrapy.utils.test import get_crawler

from toplist.requests import FIRST
from toplist.scheduler import Scheduler


class WithLedger(Spider):
    name = "with-ledger"
    limiter = object()


class WithoutLedger(Spider):
    name = "without-ledger"


def scheduler(spider_class: type[Spider], folder: Path | None = None) -> Scheduler:
    settings = {"SCHEDULER_PRIORITY_QUEUE": "scrapy.pqueues.ScrapyPriorityQueue"}
    crawler = get_crawler(spider_class, settings | ({"JOBDIR": str(folder)} if folder else {}))
    crawler.spider = spider_class()
    made: Any = Scheduler.from_crawler(crawler)
    made.open(crawler.spider)
    return made  # type: ignore[no-any-return]


def request(name: str, **kwargs: Any) -> Request:
    return Request(f"http://gateway/{name}", dont_filter=True, **kwargs)


def names(queue: Scheduler) -> list[str]:
    found = []
    while (each := queue.next_request()) is not None:
        found.append(each.url.rsplit("/", 1)[1])
    return found


def test_what_was_put_off_comes_before_every_priority_in_the_order_it_came_back() -> None:
    queue = scheduler(WithLedger)
    queue.enqueue_request(request("urgent", priority=100))
    queue.enqueue_request(request("first", meta={FIRST: True}))
    queue.enqueue_request(request("second", meta={FIRST: True}))
    assert len(queue) == 3
    assert queue.has_pending_requests()
    assert names(queue) == ["first", "second", "urgent"]


def test_the_front_place_is_for_one_time_only() -> None:
    queue = scheduler(WithLedger)
    put_off = request("put-off", meta={FIRST: True})
    queue.enqueue_request(put_off)
    assert FIRST not in put_off.meta


def test_a_job_directory_keeps_no_requests_and_says_so_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        queue = scheduler(WithLedger, tmp_path)
        queue.enqueue_request(request("list"))
        queue.enqueue_request(request("put-off", meta={FIRST: True}))
        queue.close("shutdown")
    assert not (tmp_path / "requests.queue").exists()
    assert len([record for record in caplog.records if record.name == "toplist.scheduler"]) == 1
    assert names(scheduler(WithLedger, tmp_path)) == []


def test_a_job_directory_of_another_spider_keeps_its_requests(tmp_path: Path) -> None:
    queue = scheduler(WithoutLedger, tmp_path)
    queue.enqueue_request(request("page"))
    queue.close("shutdown")
    assert names(scheduler(WithoutLedger, tmp_path)) == ["page"]
