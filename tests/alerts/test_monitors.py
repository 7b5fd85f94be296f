"""Each monitor fires on a day made wrong, and is silent on a usual one."""

from dataclasses import replace

import pytest

from toplist.alerts.monitors import MONITORS, CrawlFigures, DayFigures, run_monitors

USUAL = DayFigures(
    lists=22, ended=22, rows=440, null_share={"price": 0.01, "title": 0.0}, new_share=0.05, compared_lists=22
)
EARLIER = [USUAL] * 7
CALM = CrawlFigures(requests=60)


def failed(today: DayFigures, crawl: CrawlFigures = CALM, earlier: list[DayFigures] = EARLIER) -> list[str]:
    return [result.name for result in run_monitors(today, earlier, crawl) if not result.passed]


def test_a_usual_day_passes_every_monitor() -> None:
    results = run_monitors(USUAL, EARLIER, CALM)
    assert [result.name for result in results] == [monitor.name for monitor in MONITORS]
    assert all(result.passed and result.text == "passed" for result in results)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("completeness", {"ended": 21}),
        ("rows", {"rows": 340}),
        ("nulls", {"null_share": {"price": 0.3, "title": 0.0}}),
        ("new_entries", {"new_share": 0.4}),
        ("unchanged", {"unchanged_lists": 12}),
    ],
)
def test_a_day_made_wrong_fails_its_monitor_alone(name: str, changes: dict[str, object]) -> None:
    assert failed(replace(USUAL, **changes)) == [name]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "crawl"),
    [
        ("throttles", CrawlFigures(requests=60, throttled=4)),
        ("throttles", CrawlFigures(requests=60, pauses=1)),
        ("delivery", CrawlFigures(requests=60, delivery_failures=1)),
    ],
)
def test_a_crawl_that_met_trouble_fails_its_monitor(name: str, crawl: CrawlFigures) -> None:
    assert failed(USUAL, crawl) == [name]


@pytest.mark.parametrize(
    "changes",
    [
        {"ended": 20, "ungranted": 2},
        {"rows": 360},
        {"null_share": {"price": 0.2, "title": 0.2}},
        {"new_share": 0.29},
        {"unchanged_lists": 10},
    ],
)
def test_below_the_threshold_nothing_is_said(changes: dict[str, object]) -> None:
    assert failed(replace(USUAL, **changes)) == []  # type: ignore[arg-type]


def test_without_earlier_days_nothing_is_compared() -> None:
    strange = DayFigures(lists=22, ended=22, rows=150, null_share={"price": 1.0}, new_share=1.0)
    assert failed(strange, earlier=[USUAL] * 2) == []
    assert failed(strange) == ["rows", "nulls", "new_entries"]
