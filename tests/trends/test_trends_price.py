from math import log

import pytest
from trend_rows import at, price_deviation, seen

from toplist.trends.price import PriceChange, comparable_price, price_change
from toplist.trends.reasons import Reason


def test_a_price_changes_by_a_ratio_and_per_day():
    change = price_change(seen("a", 2, price=9.0), [seen("a", 0, price=10.0)])
    assert change.value == pytest.approx(-0.1)
    assert change.per_day == pytest.approx(-0.05268, abs=1e-5)


def test_a_new_tier_for_large_orders_is_no_price_change():
    """The row's price is the lower end of the range, and falls when such a tier is added."""
    before = seen("a", 0, price=10.0, tier_start=2, tier_price=10.0)
    after = seen("a", 1, price=8.0, tier_start=2, tier_price=10.0)
    assert price_change(after, [before]).value == 0


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ({"price": 10.0, "tier_start": 2, "tier_price": 10.0}, {"tier_start": 5, "tier_price": 9.0}, "tier_changed"),
        ({"price": 10.0}, {"price": 9.0, "tier_start": 5, "tier_price": 9.0}, "tier_changed"),
        ({}, {"price": 9.0}, "no_price"),
        ({"price": 10.0}, {}, "no_price"),
        ({"price": 0.0}, {"price": 9.0}, "no_price"),
        ({"price": 10.0, "collected_at": at(3)}, {"price": 9.0}, "clock_back"),
        ({"price": 10.0, "collected_at": at(1)}, {"price": 9.0}, "clock_back"),
    ],
)
def test_prices_that_do_not_compare_are_null_with_the_reason(before, after, reason):
    change = price_change(seen("a", 1, **after), [seen("a", 0, **before)])
    assert (change.value, change.per_day, change.reason) == (None, None, Reason(reason))


def test_a_price_older_than_14_days_is_no_base():
    assert price_change(seen("a", 15, price=9.0), [seen("a", 0, price=10.0)]).reason is Reason.NO_BASE


def test_volatility_never_mixes_tiers():
    steady = [seen("a", number, tier_start=2, tier_price=10.0) for number in range(0, 12, 2)]
    other = [seen("a", number, tier_start=50, tier_price=5.0) for number in range(1, 11, 2)]
    past = sorted([*steady, *other], key=lambda row: row.snapshot_date)
    assert price_deviation(seen("a", 12, tier_start=2, tier_price=10.0), past) == 0
    moved = price_deviation(seen("a", 12, tier_start=2, tier_price=12.0), past)
    assert moved == pytest.approx(0.0526, abs=1e-3)


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({"price": 8.0}, (8.0, None)),
        ({"price": 0.0}, (None, None)),
        ({}, (None, None)),
        ({"price": 8.0, "tier_start": 2, "tier_price": 10.0}, (10.0, 2)),
        ({"price": 8.0, "tier_start": 2, "tier_price": 0.0}, (None, 2)),
        ({"price": 8.0, "tier_start": 2}, (None, 2)),
    ],
)
def test_the_price_of_the_smallest_order_compares(values, found):
    assert comparable_price(seen("a", 0, **values)) == found


@pytest.mark.parametrize(("days", "is_known"), [(0.24, False), (0.25, True)])
def test_two_crawls_within_hours_have_a_change_but_none_per_day(days: float, is_known: bool):
    change = price_change(seen("a", 1, price=9.0, collected_at=at(days)), [seen("a", 0, price=10.0)])
    assert change.value == pytest.approx(-0.1)
    assert change.per_day == (pytest.approx(log(0.9) / days) if is_known else None)
    assert change.reason is (None if is_known else Reason.TOO_CLOSE)


def test_the_base_of_a_price_is_the_last_day_with_one():
    past = [seen("a", 0, price=5.0), seen("a", 1, price=8.0), seen("a", 2)]
    assert price_change(seen("a", 3, price=10.0), past).value == pytest.approx(0.25)
    assert price_change(seen("a", 3, price=10.0), []) == PriceChange(reason=Reason.NO_BASE)


def test_a_deviation_of_prices_holds_todays_and_needs_five_changes():
    past = [seen("a", number, price=10.0) for number in range(5)]
    up, down = seen("a", 5, price=11.0), seen("a", 5)
    assert price_deviation(up, past) == pytest.approx(log(1.1) / 5**0.5)
    assert price_deviation(up, past[1:]) is None
    assert price_deviation(down, [*past, seen("a", 4, price=12.0), seen("a", 4, price=10.0)]) is None
