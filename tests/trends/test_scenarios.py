from __future__ import annotations

from datetime import date
from itertools import pairwise
from statistics import mean

import pytest
from scenarios import SCENARIOS, ScenarioDay, scenario


def ratio(days: list[ScenarioDay]) -> float:
    """Sales of the 30 days after the turn over the 30 days before."""
    return days[59].sold_30 / days[29].sold_30


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("step", 1.85, 2.15),
        ("ramp", 1.6, 1.9),
        ("surge", 3.0, 6.0),
        ("spike", 1.25, 1.7),
        ("fall", 0.3, 0.6),
        ("bulk", 1.4, 1.6),
        ("cut", 1.25, 1.55),
        ("steady", 0.9, 1.1),
        ("noise", 0.6, 1.6),
    ],
)
def test_a_story_moves_30_days_of_sales_as_it_says(name: str, low: float, high: float) -> None:
    assert low < mean(ratio(scenario(name, seed=seed)) for seed in range(20)) < high


@pytest.mark.parametrize("name", SCENARIOS)
def test_counts_are_of_the_same_sales(name: str) -> None:
    days = scenario(name, days=80, first_date=date(2026, 9, 1))
    assert [day.day for day in days] == list(range(80))
    assert all(later.total_sold - day.total_sold == later.units >= 0 for day, later in pairwise(days))
    assert all(days[end].sold_30 == sum(day.units for day in days[end - 29 : end + 1]) for end in range(29, 80))
    assert days == scenario(name, days=80, first_date=date(2026, 9, 1))
    assert days != scenario(name, days=80, first_date=date(2026, 9, 1), seed=2)


def test_a_bulk_order_leaves_buyers_flat_and_a_cut_lowers_the_price() -> None:
    bulk, cut, step = (scenario(name) for name in ("bulk", "cut", "step"))
    assert bulk[30].sold_30 - bulk[29].sold_30 > 250
    assert abs(bulk[30].buyers_30 - bulk[29].buyers_30) < 10
    assert bulk[59].sold_30 > 1.3 * bulk[60].sold_30
    assert [cut[29].price, cut[30].price] == [25.0, 18.75]
    assert step[59].buyers_30 > 1.7 * step[29].buyers_30


def test_noise_wanders_more_than_steady() -> None:
    def spread(name: str) -> float:
        weeks = [sum(day.units for day in scenario(name)[week : week + 7]) for week in range(0, 84, 7)]
        return max(weeks) / min(weeks)

    assert spread("noise") > 1.5 * spread("steady")
