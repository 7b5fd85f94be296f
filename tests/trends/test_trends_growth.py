from math import isclose, log, sqrt

import numpy as np
import pytest
from trend_rows import at, changes_of, sale_changes, seen

from toplist.errors import InputError
from toplist.ranktypes import Protocol
from toplist.trends.coverage import OPENPLATFORM_COVERAGE, UNKNOWN_COVERAGE, Coverage
from toplist.trends.growth import (
    Growth,
    daily_changes,
    days_between,
    disjoint_growth,
    log_growth,
    market_growth,
    sale_growth,
    units_since,
    volatility,
    von_neumann_sd,
)
from toplist.trends.reasons import Reason

TOTAL = Coverage(total=True)


def grown(before: int | None, after: int | None, days: int = 1, coverage: Coverage = UNKNOWN_COVERAGE):
    return sale_growth(seen("a", days, sale_count=after), [seen("a", 0, sale_count=before)], coverage)


def test_growth_is_the_logarithm_per_real_day():
    growth = sale_growth(
        seen("a", 2, sale_count=1200, collected_at=at(2.5)), [seen("a", 0, sale_count=1000)], UNKNOWN_COVERAGE
    )
    assert growth.value == pytest.approx(log(1.2))
    assert growth.per_day == pytest.approx(log(1.2) / 2.5)
    assert growth.days == 2.5
    assert growth.reason is None


@pytest.mark.parametrize(
    ("before", "after", "days", "coverage", "reason"),
    [
        (1000, None, 1, UNKNOWN_COVERAGE, Reason.NO_COUNT),
        (None, 1000, 1, UNKNOWN_COVERAGE, Reason.NO_COUNT),
        (0, 1000, 1, UNKNOWN_COVERAGE, Reason.ZERO_COUNT),
        (1000, 0, 1, UNKNOWN_COVERAGE, Reason.ZERO_COUNT),
        (1000, 1100, 15, UNKNOWN_COVERAGE, Reason.NO_BASE),
        (1000, 1100, 0, UNKNOWN_COVERAGE, Reason.CLOCK_BACK),
        (1000, 999, 1, TOTAL, Reason.FELL_TOTAL),
    ],
)
def test_growth_without_a_base_is_null_with_the_reason(before, after, days, coverage, reason):
    growth = grown(before, after, days, coverage)
    assert (growth.value, growth.per_day, growth.reason) == (None, None, reason)


def test_growth_without_a_past_has_no_base():
    assert sale_growth(seen("a", 1, sale_count=5), [], UNKNOWN_COVERAGE).reason is Reason.NO_BASE


def test_a_base_of_exactly_14_days_counts():
    assert grown(1000, 1100, 14).value == pytest.approx(log(1.1))


def test_the_base_is_the_last_count_not_the_last_row():
    past = [seen("a", 0, sale_count=500), seen("a", 1, sale_count=1000), seen("a", 2)]
    assert sale_growth(seen("a", 3, sale_count=2000), past, UNKNOWN_COVERAGE).value == pytest.approx(log(2))


def test_two_crawls_within_hours_have_a_growth_but_none_per_day():
    late = sale_growth(seen("a", 1, sale_count=110, collected_at=at(0.1)), [seen("a", 0, sale_count=100)], TOTAL)
    assert late.value == pytest.approx(log(1.1))
    assert (late.per_day, late.reason) == (None, Reason.TOO_CLOSE)


def test_the_market_is_the_median_of_five_or_more():
    assert market_growth([0.1, None, 0.3, 0.2, 9.0, -1.0]) == 0.2
    assert market_growth([0.1, None, 0.3, 0.2, 9.0]) is None


def test_doubled_sales_show_as_the_window_lets_them():
    """30 a day become 60: the window of 30 days goes 900, 930, 960 and on to 1800 after 30 days."""
    counts = [900 + 30 * day for day in range(31)] + [1800] * 2
    past = [seen("a", number, sale_count=count) for number, count in enumerate(counts)]
    steps = [sale_growth(past[number], past[:number], OPENPLATFORM_COVERAGE).value for number in range(1, len(past))]
    assert counts[2] / counts[0] - 1 == pytest.approx(0.0667, abs=1e-4)
    assert all(step > 0 for step in steps[:30])
    assert steps[30:] == [0, 0]
    assert disjoint_growth(past[30], past[:30], OPENPLATFORM_COVERAGE) == (pytest.approx(log(2)), None)


@pytest.mark.parametrize(
    ("days_ago", "value", "reason"),
    [(29, None, Reason.NO_BASE), (30, log(2), None), (33, log(2), None), (34, None, Reason.NO_BASE)],
)
def test_the_30_day_figure_takes_no_window_that_overlaps(days_ago, value, reason):
    found = disjoint_growth(
        seen("a", 40, sale_count=200), [seen("a", 40 - days_ago, sale_count=100)], OPENPLATFORM_COVERAGE
    )
    assert found == (pytest.approx(value) if value else None, reason)


@pytest.mark.parametrize(
    ("coverage", "reason"), [(UNKNOWN_COVERAGE, Reason.COVERAGE_UNKNOWN), (TOTAL, Reason.NOT_A_WINDOW)]
)
def test_without_windows_there_is_no_30_day_figure(coverage, reason):
    past = [seen("a", 0, sale_count=100)]
    assert disjoint_growth(seen("a", 30, sale_count=200), past, coverage) == (None, reason)


@pytest.mark.parametrize(
    ("coverage", "expected"),
    [
        (TOTAL, (100, None)),
        (UNKNOWN_COVERAGE, (None, Reason.COVERAGE_UNKNOWN)),
        (OPENPLATFORM_COVERAGE, (None, Reason.OVERLAPPING)),
    ],
)
def test_only_a_running_total_says_how_many_were_sold_since(coverage, expected):
    now, past = seen("a", 1, sale_count=1100), [seen("a", 0, sale_count=1000)]
    assert units_since(now, sale_growth(now, past, coverage), coverage) == expected


@pytest.mark.parametrize("text", ["", "window", "window:0", "window:x", "window:367", "total:3", "sum"])
def test_an_unknown_coverage_is_refused_with_what_is_accepted(text):
    with pytest.raises(InputError, match="unknown, total and window"):
        Coverage.parse(text)


def test_coverage_is_read_back_as_it_is_written_and_openplatform_has_its_own():
    assert [str(Coverage.parse(text)) for text in ("unknown", "total", "window:7")] == ["unknown", "total", "window:7"]
    assert Coverage.of(Protocol.OPENPLATFORM, "total") == OPENPLATFORM_COVERAGE
    assert Coverage.of(Protocol.BASE64, "total").total


def test_a_steady_growth_has_no_volatility_and_a_bend_in_it_no_von_neumann_sd():
    steady = changes_of([(at(number), 100 * 1.05**number) for number in range(10)])
    assert volatility(steady) == pytest.approx(0, abs=1e-12)
    bent = [0.0] * 20 + [0.1] * 20
    assert volatility(bent) == pytest.approx(0.05, rel=0.05)
    assert von_neumann_sd(bent) < 0.02


def test_a_change_over_four_days_counts_with_the_root_of_its_days():
    (change,) = changes_of([(at(0), 100.0), (at(4), 200.0)])
    assert isclose(change, log(2) / 2)


def test_volatility_needs_five_changes_of_the_last_thirty_days():
    assert volatility(changes_of([(at(number), 100.0) for number in range(5)])) is None
    old = [(at(number), 100.0 + 50 * (number % 2)) for number in range(6)]
    assert volatility(changes_of([*old, (at(60), 100.0)])) is None


@pytest.mark.parametrize(("days", "found"), [(1.004, 1.0), (1.006, 1.01), (-0.5, -0.5), (0.0, 0.0)])
def test_days_between_are_hundredths(days: float, found: float):
    assert days_between(at(0), at(days)) == found


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [(1, 2, log(2)), (2, 1, -log(2)), (1, 1, 0.0), (0, 1, None), (1, 0, None), (None, 1, None), (1, None, None)],
)
def test_a_growth_needs_two_counts_above_0_and_1_is_one(before, after, found):
    assert log_growth(before, after) == found


@pytest.mark.parametrize(("days", "reason"), [(0.24, Reason.TOO_CLOSE), (0.25, None), (1.0, None)])
def test_a_growth_per_day_is_over_a_quarter_of_a_day_or_more(days: float, reason):
    growth = sale_growth(seen("a", 1, sale_count=110, collected_at=at(days)), [seen("a", 0, sale_count=100)], TOTAL)
    assert growth.reason is reason
    assert growth.per_day == (None if reason else pytest.approx(log(1.1) / days))
    changes = changes_of([(at(0), 100.0), (at(days), 110.0)])
    assert changes == ([] if reason else [pytest.approx(log(1.1) / sqrt(days))])


def test_a_total_that_stayed_has_a_growth_of_0():
    growth = grown(1000, 1000, coverage=TOTAL)
    assert (growth.value, growth.per_day, growth.reason) == (0.0, 0.0, None)


def test_a_base_without_a_count_is_no_count_also_of_a_total():
    assert grown(None, 1000, coverage=TOTAL) == Growth(reason=Reason.NO_COUNT)
    assert grown(1000, 1000, 14).base == seen("a", 0, sale_count=1000)


@pytest.mark.parametrize(("days_ago", "value"), [(29.49, None), (29.5, log(2)), (33.0, log(2)), (33.01, None)])
def test_a_disjoint_window_begins_half_a_day_early_to_three_days_late(days_ago: float, value: float | None):
    past = [seen("a", 0, sale_count=100, collected_at=at(40 - days_ago))]
    found, reason = disjoint_growth(seen("a", 40, sale_count=200), past, OPENPLATFORM_COVERAGE)
    assert (found, reason) == (None, Reason.NO_BASE) if value is None else (pytest.approx(value), None)


def test_of_two_bases_as_near_the_one_whose_window_shares_no_day_counts():
    past = [seen("a", 9, sale_count=100, collected_at=at(9.5)), seen("a", 10, sale_count=150, collected_at=at(10.5))]
    found, _ = disjoint_growth(seen("a", 40, sale_count=200), past, OPENPLATFORM_COVERAGE)
    assert found == pytest.approx(log(2))


def test_a_disjoint_window_passes_over_days_without_a_count_and_says_when_one_is_0():
    now = seen("a", 32, sale_count=200)
    past = [seen("a", 1, sale_count=100), seen("a", 2)]
    assert disjoint_growth(now, past, OPENPLATFORM_COVERAGE) == (pytest.approx(log(2)), None)
    assert disjoint_growth(now, past[1:], OPENPLATFORM_COVERAGE) == (None, Reason.NO_BASE)
    zero = [seen("a", 2, sale_count=0)]
    assert disjoint_growth(now, zero, OPENPLATFORM_COVERAGE) == (None, Reason.ZERO_COUNT)


@pytest.mark.parametrize("coverage", [TOTAL, UNKNOWN_COVERAGE, OPENPLATFORM_COVERAGE])
def test_units_are_not_known_where_a_count_is_missing(coverage: Coverage):
    now, base = seen("a", 1, sale_count=1100), seen("a", 0, sale_count=1000)
    without = Growth(reason=Reason.NO_BASE)
    assert units_since(now, without, coverage) == (None, Reason.NO_BASE)
    uncounted = Growth(base=seen("a", 0), reason=Reason.NO_COUNT)
    assert units_since(now, uncounted, coverage) == (None, Reason.NO_COUNT)
    assert units_since(seen("a", 1), Growth(base=base, reason=Reason.NO_COUNT), coverage) == (None, Reason.NO_COUNT)


def test_changes_are_of_neighbours_and_none_without_two():
    assert changes_of([]) == []
    assert changes_of([(at(0), 1.0)]) == []
    assert changes_of([(at(0), 1.0), (at(1), 1.0), (at(2), 3.0)]) == [0.0, pytest.approx(log(3))]


def test_changes_look_back_from_the_end_of_their_own_series():
    seconds = np.array([39.0, 40.0, 1.0, 2.0]) * 86400
    found = daily_changes(np.array([0, 0, 1, 1]), seconds, np.array([1.0, 2.0, 1.0, 2.0]), 3)
    assert found == [[pytest.approx(log(2))], [pytest.approx(log(2))], []]


def test_a_deviation_needs_five_changes():
    changes = [0.1, 0.3, 0.1, 0.3, 0.1]
    assert volatility(changes) == pytest.approx(0.1095445, abs=1e-7)
    assert von_neumann_sd(changes) == pytest.approx(sqrt(0.02))
    assert (volatility(changes[:4]), von_neumann_sd(changes[:4])) == (None, None)


def test_changes_of_sales_pass_over_days_without_sales():
    past = [seen("a", 0, sale_count=100), seen("a", 1), seen("a", 2, sale_count=0), seen("a", 4, sale_count=200)]
    assert sale_changes(past) == [pytest.approx(log(2) / 2)]
    assert sale_changes(past[1:]) == []
