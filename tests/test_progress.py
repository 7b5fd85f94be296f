"""The progress line: what it says, how fast it says the crawl is, and who draws it."""

from types import SimpleNamespace
from typing import Any

import pytest

from toplist.items import ListKey, RankList, Source, Status
from toplist.progress import Progress, ProgressExtension, Rate, time_left
from toplist.ranktypes import Protocol
from toplist.summary import CrawlSummary


def summary_of(planned: int, ended: int) -> CrawlSummary:
    summary = CrawlSummary()
    for number in range(planned):
        key = ListKey(Source.SANDBOX, Protocol.BASE64, "hot", str(number))
        summary.plan(key)
        if number < ended:
            day: Any = "2026-11-24"
            summary.end(RankList(key=key, snapshot_date=day, status=Status.COMPLETE, page_size=20))
    return summary


@pytest.mark.parametrize(
    ("progress", "said"),
    [
        (Progress(14, 22, 287, 1.94, 2, 5), "14 of 22 lists, 1.9 of 2 requests/s, 287 rows, about 5 s left"),
        (Progress(0, 22, 0, 0.0, 0, None), "0 of 22 lists, 0.0 requests/s, 0 rows"),
        (Progress(22, 22, 440, 2, 2, 0.0), "22 of 22 lists, 2.0 of 2 requests/s, 440 rows"),
        (
            Progress(14, 22, 287, 0, 2, 9, 243),
            "14 of 22 lists, 0.0 of 2 requests/s, 287 rows, paused, the next request in 4 min 03 s",
        ),
    ],
)
def test_the_line(progress: Progress, said: str) -> None:
    assert str(progress) == said


def test_the_rate_is_that_of_the_last_ten_seconds() -> None:
    now = [0.0]
    rate = Rate(lambda: now[0])
    for count in (10, 20, 30, 30, 30, 30):
        now[0] += 5
        read = rate.read(count)
    assert read == 0.0
    now[0] += 5
    assert rate.read(40) == pytest.approx(1.0)


def test_the_time_left_is_of_the_pace_so_far() -> None:
    assert time_left(summary_of(22, 0), 10) is None
    assert time_left(summary_of(22, 11), 10) == pytest.approx(10)
    assert time_left(summary_of(22, 22), 10) == 0


def test_the_progress_counts_lists_rows_and_the_pause() -> None:
    limiter: Any = SimpleNamespace(pause_left=lambda: 12.0)
    now = [0.0]
    extension = ProgressExtension(
        summary_of(4, 1), limiter, budget=2, count_answers=lambda: 6, live=False, clock=lambda: now[0]
    )
    now[0] = 3.0
    assert extension.progress() == Progress(1, 4, 0, 2.0, 2, 9.0, 12.0)
