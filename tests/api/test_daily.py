"""Daily figures: the platform's own samples, and the windows that it allows."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from toplist.api.calls import APIS, Call
from toplist.api.daily import Figure, daily_call, read_daily, windows
from toplist.api.parse_issues import ParseIssues
from toplist.errors import InputError, TransientApiError

DAY = date(2024, 7, 1)


def answer(*points: Any) -> dict[str, Any]:
    return {"result": {"success": True, "retCode": "S000", "retMsg": "成功", "result": list(points)}}


@pytest.mark.parametrize(
    ("figure", "value", "read"),
    [
        (Figure.UNITS, "100", 100),
        (Figure.UNITS, "0", 0),
        (Figure.MEDIAN_PRICE, "1.12", 1.12),
        (Figure.REPURCHASE_RATE, "10%", 0.1),
        (Figure.REPURCHASE_RATE, "20", 0.2),
    ],
)
def test_the_platforms_own_samples(figure: Figure, value: str, read: float) -> None:
    assert read_daily(figure, answer({"date": "20240701", "value": value}), ParseIssues()) == {DAY: read}


@pytest.mark.parametrize(
    "duplicate",
    [lambda value: pickle.loads(pickle.dumps(value)), copy.copy, copy.deepcopy],
    ids=["pickle", "copy", "deepcopy"],
)
def test_a_call_that_was_pickled_or_copied_names_the_same_api(duplicate: Callable[[Any], Any]) -> None:
    for api in APIS.values():
        assert duplicate(Call(api, {})).api is api
    for figure in Figure:
        call = duplicate(daily_call(figure, "1", DAY, DAY))
        assert [each for each in Figure if each.api is call.api] == [figure]
        assert duplicate(figure) is figure


def test_a_day_that_is_no_text_is_counted_however_deep_it_is() -> None:
    deep: Any = "20240701"
    for _ in range(5_000):
        deep = [deep]
    assert read_daily(Figure.UNITS, answer({"date": deep, "value": "1"}), issues := ParseIssues()) == {}
    assert issues == {("units", "no_day"): 1}


@pytest.mark.parametrize("figure", Figure)
def test_a_day_without_a_figure_is_left_out_and_not_0(figure: Figure) -> None:
    issues = ParseIssues()
    points = [{"date": "20240701", "value": ""}, {"date": "20240702"}, {"date": "20240703", "value": "7"}]
    assert set(read_daily(figure, answer(*points), issues)) == {date(2024, 7, 3)}
    assert not issues


def test_what_can_not_be_read_is_counted() -> None:
    issues = ParseIssues()
    points = [{"date": "2024-07", "value": "1"}, "x", {"date": "20240702", "value": "很多"}]
    assert read_daily(Figure.UNITS, answer(*points), issues) == {}
    assert issues == {("units", "no_day"): 2, ("units", "no_number"): 1}


def test_no_figures_at_all_and_no_answer_are_told_apart() -> None:
    assert read_daily(Figure.UNITS, answer(), ParseIssues()) == {}
    assert read_daily(Figure.UNITS, {"result": {"success": True, "result": None}}, ParseIssues()) == {}
    for value in ({}, [], None, {"result": "x"}, {"result": {"result": {"a": 1}}}):
        with pytest.raises(TransientApiError):
            read_daily(Figure.UNITS, value, ParseIssues())


def test_one_of_the_three_parameters_is_spelled_without_the_r() -> None:
    for figure, parameter in zip(Figure, ("tendQueryParam", "trendQueryParam", "trendQueryParam"), strict=True):
        call = daily_call(figure, "123", DAY, date(2024, 7, 4))
        assert json.loads(call.params[parameter]) == {"offerId": 123, "startDate": "20240701", "endDate": "20240704"}


@pytest.mark.parametrize("days", [0, 1, 29, 30, 31, 60, 90, 91])
def test_windows_hold_every_day_once_and_no_more_than_a_month(days: int) -> None:
    asked = list(windows(DAY, DAY + timedelta(days=days - 1)))
    every = [first + timedelta(days=each) for first, last in asked for each in range((last - first).days + 1)]
    assert every == [DAY + timedelta(days=each) for each in range(days)]
    for first, last in asked:
        daily_call(Figure.UNITS, "1", first, last)


def test_a_window_of_more_than_a_month_is_refused() -> None:
    with pytest.raises(InputError):
        daily_call(Figure.UNITS, "1", DAY, DAY + timedelta(days=30))
    with pytest.raises(InputError):
        daily_call(Figure.UNITS, "1", DAY, DAY - timedelta(days=1))
