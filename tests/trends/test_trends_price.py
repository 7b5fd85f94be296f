import pytest
from trend_rows import at, seen

from toplist.trends.price import price_change, price_volatility
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
    assert price_volatility(seen("a", 12, tier_start=2, tier_price=10.0), past) == 0
    moved = price_volatility(seen("a", 12, tier_start=2, tier_price=12.0), past)
    assert moved == pytest.approx(0.0526, abs=1e-3)
