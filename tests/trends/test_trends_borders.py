"""Where a figure of the trends turns from one case to the next: the borders that changed code has slipped past."""

from __future__ import annotations

from math import log, sqrt

import numpy as np
import pytest
from panels import complete, made
from trend_rows import at, changes_of, checked, day, growth_of_week, history, price_deviation, seen, snapshot

from toplist.trends.breakout import noise_per_day
from toplist.trends.count_kind import CountEvidence
from toplist.trends.coverage import Coverage
from toplist.trends.features import RANKED, compute_features
from toplist.trends.growth import Growth, disjoint_growth, sale_growth, von_neumann_sd
from toplist.trends.model import quantiles_of
from toplist.trends.outcomes import outcomes
from toplist.trends.panel import Panel
from toplist.trends.price import price_change
from toplist.trends.ranks import find_base, first_seen, rank_change
from toplist.trends.reasons import Reason

TOTAL, WINDOW = Coverage(total=True), Coverage(window_days=30)
CHANGES = [0.1, 0.3, 0.1, 0.3, 0.1]


def test_changes_look_back_30_days_and_a_half():
    points = [(at(0), 1.0), (at(0.75), 2.0), (at(31), 2.0)]
    assert changes_of(points) == [0.0]
    points = [(at(0), 1.0), (at(0.5), 2.0), (at(30.5), 2.0)]
    assert changes_of(points)[0] == pytest.approx(log(2) / sqrt(0.5))


def test_a_deviation_of_neighbours_is_half_the_mean_square_of_their_differences():
    assert von_neumann_sd(CHANGES) == pytest.approx(sqrt(4 * 0.2**2 / 4 / 2))


def test_the_base_of_a_disjoint_window_is_the_nearest_to_its_length():
    now = seen("a", 32, sale_count=200)
    past = [seen("a", 0, sale_count=50), seen("a", 2, sale_count=100)]
    assert disjoint_growth(now, past, WINDOW) == (pytest.approx(log(2)), None)
    past = [seen("a", 0, sale_count=50), seen("a", 1, sale_count=100)]
    assert disjoint_growth(now, past, WINDOW) == (pytest.approx(log(2)), None)


def test_the_noise_of_a_total_is_that_of_its_usual_growth_and_never_below_counting():
    own = von_neumann_sd(CHANGES)
    assert own is not None
    few, many = 2, 1_000_000
    assert noise_per_day(few, CHANGES, TOTAL) == pytest.approx(sqrt(0.5 / few), rel=0.5)
    assert own / 2 < noise_per_day(many, CHANGES, TOTAL) < own
    assert noise_per_day(1000, [0.002] * 9, TOTAL) == pytest.approx(sqrt(0.002 / 1000))
    assert noise_per_day(1000, [0.002] * 9, WINDOW) == pytest.approx(sqrt(2 / 30 / 1000))


def test_evidence_counts_rises_and_falls_but_not_what_stayed():
    rows = [(1, offer, day, offer, 1000 + day // 2) for offer in range(1, 21) for day in range(15)]
    found = CountEvidence.of(made(rows))
    assert (found.steps, found.rises, found.falls) == (280, 140, 0)


def test_100_steps_are_enough_to_say_the_kind():
    assert not str(CountEvidence(14, 100, 30, 10, 0.0)).startswith("not clear")
    assert str(CountEvidence(14, 99, 30, 10, 0.0)).startswith("not clear yet: 99 steps")


def test_evidence_says_the_share_of_falls():
    assert str(CountEvidence(14, 200, 30, 10, 0.0)).startswith("total: 25.0% of 40 changes were falls")


@pytest.mark.parametrize(("days", "has_base"), [(14, True), (15, False)])
def test_a_snapshot_of_14_days_ago_is_a_base(days: int, has_base: bool):
    found = find_base(snapshot(days), [snapshot(0)], 1)
    assert (found.snapshot is not None, found.reason) == (has_base, None if has_base else Reason.NO_COMPLETE_BASE)


def test_a_base_collected_at_the_same_instant_means_that_the_clock_went_back():
    assert find_base(snapshot(2, collected_at=at(1)), [snapshot(1)], 1).reason is Reason.CLOCK_BACK


def test_a_price_at_a_step_has_a_deviation_only_where_the_step_has_a_price():
    past = [seen("a", number, price=5.0, tier_start=2, tier_price=5.0 + number % 2) for number in range(8)]
    assert price_deviation(seen("a", 8, price=5.0, tier_start=2, tier_price=5.0), past)
    assert price_deviation(seen("a", 8, price=5.0), [seen("a", number, price=5.0 + number % 2) for number in range(8)])


def test_the_feature_of_volatility_is_the_deviation_of_changes_over_the_root_of_their_days():
    days, counts = (0, 1, 3, 4, 5, 7, 8), (100.0, 120.0, 110.0, 150.0, 140.0, 190.0, 170.0)
    found = compute_features(made([(1, 7, day, 1, count) for day, count in zip(days, counts, strict=True)]))
    changes = np.diff(np.log(counts)) / np.sqrt(np.diff(days))
    assert found["volatility"][-1] == pytest.approx(changes.std(ddof=1))


def test_a_feature_that_no_row_has_counts_as_the_middle():
    missing = {name: np.full(3, np.nan) for name in RANKED}
    edges, scores = quantiles_of(missing, np.arange(3))[RANKED[0]]
    assert np.interp(0.7, edges, scores) == 0.0


def test_an_outcome_that_is_not_known_was_read_on_no_day():
    panel = made([(1, 7, 0, 1, 100), (1, 7, 7, 1, 200)])
    assert outcomes(panel, complete(panel), 7).known_on.tolist() == [panel.day[1], -1]


def test_a_price_change_beyond_all_numbers_is_no_price():
    found = price_change(seen("a", 1, price=1e300), [seen("a", 0, price=1e-300)])
    assert (found.value, found.reason) == (None, Reason.NO_PRICE)


def test_the_growth_of_a_week_is_since_its_oldest_count_and_none_without_a_last_one():
    past = [seen("a", 0, sale_count=10), seen("a", 3, sale_count=100), seen("a", 8, sale_count=150)]
    now = seen("a", 9, sale_count=200)
    found = growth_of_week(now, past, sale_growth(now, past, TOTAL))
    assert (found.days, found.value) == (6.0, pytest.approx(log(2)))
    assert growth_of_week(now, past, Growth(reason=Reason.NO_BASE)) == Growth(reason=Reason.NO_BASE)


def test_a_base_for_30_days_ago_is_at_least_26_days_and_a_half_old():
    """A list that is a day late and early: what `panel.since(30)` finds may be younger than its day says."""
    columns = {"list_id": [1, 1, 1], "offer": [7, 7, 7], "day": [739_000, 739_007, 739_030], "rank": [1, 1, 1]}
    for young, is_known in ((26.0, False), (27.0, True)):
        made_at = {"at": np.array([30 - young, 7.0, 30.0]), "count": np.array([100.0, 110.0, 120.0])}
        panel = Panel.of({**{name: np.array(values) for name, values in columns.items()}, **made_at})
        assert np.isnan(compute_features(panel)["growth_30"][2]) != is_known


def test_an_offer_on_the_same_rank_is_steady():
    base = find_base(snapshot(1), [snapshot(0)], 1)
    for rank, moved in [(3, "up"), (5, "steady"), (8, "down")]:
        found = rank_change(seen("a", 1, rank), base, seen("a", 0, 5), None)
        assert (found.value, found.status) == (5 - rank, moved)


def test_the_day_that_an_offer_was_first_seen_is_that_of_its_oldest_row():
    past = [seen("a", 3), seen("a", 5)]
    assert first_seen(history(), "a", past) == day(3)
    assert first_seen(history(first_seen={"a": day(1)}), "a", past) == day(1)
    assert first_seen(history(first_seen={"a": day(4)}), "a", past) == day(3)


@pytest.mark.parametrize(("days", "has_base"), [(14, True), (14.01, False)])
def test_a_price_of_14_days_ago_is_a_base(days: float, has_base: bool):
    now = seen("a", 14, price=12.0, collected_at=at(days))
    found = price_change(now, [seen("a", 0, price=10.0)])
    assert (found.value is not None) is has_base


def test_a_window_without_a_count_has_no_disjoint_growth():
    assert disjoint_growth(seen("a", 32), [seen("a", 0, sale_count=5)], WINDOW) == (None, Reason.NO_COUNT)


def test_the_first_row_of_a_panel_can_be_an_outcome():
    panel = made([(1, 1, day_, 1, 100 + day_) for day_ in range(9)])
    found = outcomes(panel, complete(panel), 7)
    assert found.growth[0] == pytest.approx(log(107 / 100))
    reversed_ = made([(1, 1, 0, 1, 100), (1, 1, 7, 1, 50), (2, 1, 0, 1, 10)])
    assert outcomes(reversed_, complete(reversed_), 7).growth[0] == pytest.approx(log(0.5))


def test_a_week_holds_seven_days_and_a_half():
    now = seen("a", 8, sale_count=160)
    last = Growth(log(160 / 150), log(160 / 150), 1.0, seen("a", 7, sale_count=150))
    within = seen("a", 1, sale_count=100, collected_at=at(1))
    assert growth_of_week(now, [within, last.base], last).days == pytest.approx(7.0)  # type: ignore[list-item]
    early = seen("a", 1, sale_count=100, collected_at=at(0.4))
    assert growth_of_week(now, [early, last.base], last) is last  # type: ignore[list-item]


def test_a_total_that_does_not_move_has_the_noise_of_one_unit():
    assert noise_per_day(100, [0.0] * 6, TOTAL) == pytest.approx(sqrt(1 / 100 / 100))


def test_a_growth_within_the_noise_of_a_day_may_be_beyond_that_of_a_week():
    def counted(number: int):
        return seen("a", number, sale_count=round(20_000 * np.exp(0.002 * number)))  # a day's noise is 0.0018

    now, past = counted(7), [counted(0), counted(6)]
    assert Reason.NOISE in checked(now, past[1:], sale_growth(now, past[1:], WINDOW), 0.0, WINDOW)
    assert Reason.NOISE not in checked(now, past, sale_growth(now, past, WINDOW), 0.0, WINDOW)


@pytest.mark.parametrize("flat", ["last", "week"])
def test_a_bulk_order_shows_in_either_growth(flat: str):
    buyers = {"last": [100, 200, 201], "week": [100, 199, 250]}[flat]
    sales = {"last": [1000, 2000, 3000], "week": [1000, 6000, 7000]}[flat]
    past = [seen("a", number, sale_count=sales[at_], buyer_count=buyers[at_]) for at_, number in enumerate((0, 6))]
    now = seen("a", 7, sale_count=sales[2], buyer_count=buyers[2])
    assert Reason.FLAT_BUYERS in checked(now, past, sale_growth(now, past, WINDOW), 0.0, WINDOW)


def test_a_list_is_ordered_by_sales_when_four_of_five_steps_fall():
    # Six rows, one of five steps rises: ordered, so a newcomer's growth is from the lowest count of the day before.
    counts = [60, 50, 40, 45, 30, 20]
    rows = [(1, offer, 0, offer, count) for offer, count in enumerate(counts, 1)]
    rows += [(1, offer, 1, offer, count) for offer, count in enumerate(counts[:5], 1)] + [(1, 9, 1, 6, 25)]
    newcomer = compute_features(made(rows))["floor_growth"][-1]
    assert newcomer == pytest.approx(log(25 / 20))
    mixed = [60, 50, 55, 45, 47, 20]
    rows = [(1, offer, 0, offer, count) for offer, count in enumerate(mixed, 1)]
    rows += [(1, offer, 1, offer, count) for offer, count in enumerate(mixed[:5], 1)] + [(1, 9, 1, 6, 25)]
    assert np.isnan(compute_features(made(rows))["floor_growth"][-1])
    pair = [(1, 1, 0, 1, 60), (1, 2, 0, 2, 20), (1, 1, 1, 1, 61), (1, 9, 1, 2, 25)]
    assert compute_features(made(pair))["floor_growth"][-1] == pytest.approx(log(25 / 20))
