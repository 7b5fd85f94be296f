from math import log

import pytest
from trend_rows import history, seen, snapshot

from toplist.trends.breakout import breakout, entry_growth, lowest_visible, week_growth
from toplist.trends.coverage import OPENPLATFORM_COVERAGE as WINDOW
from toplist.trends.growth import Growth, sale_changes, sale_growth
from toplist.trends.lists import compute_trends
from toplist.trends.reasons import Reason

STEADY = [600, 606, 598, 603, 597, 602, 600, 604, 599, 600]


def score(counts, buyers=None, market=0.0, rank=1):
    """The breakout of the last of a row of daily counts."""
    buyers = buyers or [None] * len(counts)
    rows = [
        seen("a", number, rank, sale_count=count, buyer_count=buyer)
        for number, (count, buyer) in enumerate(zip(counts, buyers, strict=True))
    ]
    now, past = rows[-1], rows[:-1]
    last = sale_growth(now, past, WINDOW)
    return breakout(now, last, week_growth(now, past, last), market, sale_changes(past), WINDOW)


def test_the_score_is_the_mean_of_day_and_week_above_the_market():
    found = score([*STEADY, 660], market=0.01)
    assert found.score == pytest.approx((log(660 / 600) + log(660 / 603) / 7) / 2 - 0.01)
    assert found.flagged
    assert found.gates == ()


def test_a_rise_within_the_noise_is_damped_and_not_flagged():
    wild = score([600, 700, 590, 710, 600, 690, 605, 700, 595, 600, 640])
    assert wild.gates == (Reason.NOISE,)
    assert not wild.flagged
    assert 0 < wild.score < (log(640 / 600) + log(640 / 710) / 7) / 2


def test_few_units_are_damped():
    found = score([1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 9])
    assert Reason.LOW_VOLUME in found.gates


def test_units_without_buyers_are_a_bulk_order():
    flat = score([*STEADY, 900], [150] * 10 + [151])
    grown = score([*STEADY, 900], [150] * 10 + [225])
    assert flat.gates == (Reason.FLAT_BUYERS,)
    assert flat.score == pytest.approx(grown.score / 2)
    assert (flat.flagged, grown.flagged) == (False, True)


def test_a_bulk_order_stays_one_while_the_week_holds_it():
    assert score([*STEADY, 900, 910], [150] * 10 + [151, 152]).gates == (Reason.FLAT_BUYERS,)


def test_a_handful_of_buyers_proves_nothing():
    assert score([*STEADY, 900], [4] * 11).gates == ()


def test_a_growth_that_is_usual_for_the_offer_is_no_news():
    rising = [round(1000 * 1.05**number) for number in range(12)]
    assert score(rising).gates == ()
    assert not score(rising).flagged


def test_a_fall_is_as_bad_as_it_looks():
    found = score([*STEADY, 300], [150] * 11)
    assert found.score == pytest.approx((log(300 / 600) + log(300 / 603) / 7) / 2)
    assert found.gates == ()


def test_no_growth_no_score():
    now = seen("a", 1, sale_count=5)
    nothing = breakout(now, Growth(reason=Reason.NO_BASE), Growth(), 0.0, [], WINDOW)
    assert (nothing.score, nothing.reason, nothing.flagged) == (None, Reason.NO_BASE, False)


def test_a_new_entry_starts_from_the_lowest_count_the_list_showed():
    counts = {"a": 900, "b": 800, "c": 700, "d": 600, "e": 500, "f": 400}
    rows = [seen(name, 0, rank, sale_count=count) for rank, (name, count) in enumerate(counts.items(), 1)]
    stayed = [seen(row.offer_id, 1, row.rank, sale_count=row.sale_count) for row in rows[:5]]
    today = [seen("n", 1, 3, sale_count=700), *stayed]
    trends = compute_trends(snapshot(1), today, history(snapshot(0), *rows))
    new = trends.offers[0]
    assert new.movement == "new_entry"
    assert new.sale_growth is None
    assert new.breakout_score == pytest.approx(log(700 / 400))


def test_a_list_that_is_not_ordered_by_sales_gives_a_new_entry_no_base():
    assert lowest_visible([seen("a", 0, 1, sale_count=5), seen("b", 0, 2, sale_count=9)]) is None
    assert lowest_visible([]) is None
    assert entry_growth(seen("n", 1, sale_count=700), snapshot(0), None).reason is Reason.NO_GROWTH
