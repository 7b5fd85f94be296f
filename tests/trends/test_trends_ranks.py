import pytest
from trend_rows import at, day, history, seen, snapshot

from toplist.trends.lists import TrendConfig, compute_trends
from toplist.trends.ranks import (
    Baseline,
    Dropout,
    Movement,
    RankChange,
    dropped_out,
    find_base,
    first_seen,
    rank_change,
)
from toplist.trends.reasons import Reason


def status_of(today, rows, past, **rules):
    trends = compute_trends(today, rows, past, TrendConfig(**rules))
    return {
        offer.offer_id: (str(offer.movement), offer.rank_change, offer.reasons.get("movement"))
        for offer in trends.offers
    }, trends.dropped_out


YESTERDAY = [seen("a", 5, 1, sale_count=90), seen("b", 5, 2, sale_count=80), seen("c", 5, 3, sale_count=70)]
TODAY = [seen("b", 6, 1), seen("a", 6, 2), seen("n", 6, 3)]


def test_two_complete_days_compare():
    status, gone = status_of(snapshot(6), TODAY, history(snapshot(5), *YESTERDAY))
    assert status == {"b": ("up", 1, None), "a": ("down", -1, None), "n": ("new_entry", None, None)}
    assert gone == [Dropout("c", day(5), 3, 70)]


def test_an_offer_that_comes_back_is_a_re_entry():
    old = seen("n", 3, 9)
    past = history(snapshot(3), old, snapshot(4), snapshot(5), *YESTERDAY)
    assert status_of(snapshot(6), TODAY, past)[0]["n"][0] == "re_entry"


def test_what_was_there_before_the_window_comes_from_first_seen():
    past = history(snapshot(5), *YESTERDAY, first_seen={"n": day(-200)})
    assert status_of(snapshot(6), TODAY, past)[0]["n"][0] == "re_entry"


def test_the_first_snapshot_has_no_new_entries():
    status, gone = status_of(snapshot(6), TODAY, history())
    assert set(status.values()) == {("unknown", None, "first_snapshot")}
    assert gone == []


@pytest.mark.parametrize("status", ["partial", "empty", "absent", "failed"])
def test_a_day_that_did_not_end_complete_compares_with_nothing(status):
    found, gone = status_of(snapshot(6, status), TODAY, history(snapshot(5), *YESTERDAY))
    assert set(found.values()) == {("unknown", None, "today_incomplete")}
    assert gone == []


def test_a_missed_day_is_a_gap_and_never_a_fall():
    past = history(snapshot(4), *[row._replace(snapshot_date=day(4), collected_at=at(4)) for row in YESTERDAY])
    status, _ = status_of(snapshot(6), TODAY, past)
    assert status == {"b": ("up", 1, None), "a": ("down", -1, None), "n": ("unknown", None, "missed_day")}
    status, _ = status_of(snapshot(6), TODAY, past, max_gap_days=2)
    assert status["n"][0] == "new_entry"


def test_a_short_day_is_a_gap_and_never_a_fall():
    """What the short day did not show has not left, and what only it showed is not new today."""
    rows = [row._replace(snapshot_date=day(4), collected_at=at(4)) for row in YESTERDAY]
    past = history(snapshot(4), *rows, snapshot(5, "partial"), seen("n", 5, 1))
    status, gone = status_of(snapshot(6), TODAY, past)
    assert status == {"b": ("up", 1, None), "a": ("down", -1, None), "n": ("unknown", None, "short_day")}
    assert [one.offer_id for one in gone] == ["c"]
    assert gone[0].base_date == day(4)


def test_a_base_older_than_14_days_is_none():
    found, gone = status_of(snapshot(20), [seen("a", 20)], history(snapshot(5), *YESTERDAY))
    assert found == {"a": ("unknown", None, "no_complete_base")}
    assert gone == []


def test_a_clock_that_steps_back_compares_nothing():
    past = history(snapshot(5, collected_at=at(9)), *[row._replace(collected_at=at(9)) for row in YESTERDAY])
    trends = compute_trends(snapshot(6), [seen("a", 6, 2, sale_count=99)], past)
    (offer,) = trends.offers
    assert (offer.movement, offer.rank_change, offer.sale_growth) == ("unknown", None, None)
    assert offer.reasons["movement"] == offer.reasons["sale_growth"] == "clock_back"
    assert trends.dropped_out == []


DEEP, SHALLOW = (
    {"requested_rows": 40, "reported_total": 100, "received": 40},
    {"requested_rows": 20, "reported_total": 100, "received": 20},
)


def test_asked_deeper_than_yesterday_nothing_is_called_new():
    status, gone = status_of(snapshot(6, **DEEP), TODAY, history(snapshot(5, **SHALLOW), *YESTERDAY))
    assert status["n"] == ("unknown", None, "asked_less_deep")
    assert status["b"] == ("up", 1, None)
    assert [one.offer_id for one in gone] == ["c"]


def test_asked_less_deep_than_yesterday_nothing_has_dropped_out():
    status, gone = status_of(snapshot(6, **SHALLOW), TODAY, history(snapshot(5, **DEEP), *YESTERDAY))
    assert gone == []
    assert status["n"][0] == "new_entry"


def test_another_depth_that_still_held_the_whole_list_compares():
    before = {"requested_rows": 20, "reported_total": 3, "received": 3}
    after = {"requested_rows": 50, "reported_total": 3, "received": 3}
    status, gone = status_of(snapshot(6, **after), TODAY, history(snapshot(5, **before), *YESTERDAY))
    assert (status["n"][0], len(gone)) == ("new_entry", 1)


def test_fewer_rows_without_a_total_are_not_taken_for_the_whole_list():
    full, part = {"requested_rows": 20, "received": 20}, {"requested_rows": 20, "received": 3}
    status, gone = status_of(snapshot(6, **part), TODAY, history(snapshot(5, **full), *YESTERDAY))
    assert gone == []
    status, _ = status_of(snapshot(6, **full), TODAY, history(snapshot(5, **part), *YESTERDAY))
    assert status["n"] == ("unknown", None, "fewer_rows")


def test_a_row_that_was_set_aside_may_have_been_the_offer():
    status, _ = status_of(snapshot(6), TODAY, history(snapshot(5, rejected=1), *YESTERDAY))
    assert status["n"] == ("unknown", None, "rows_rejected")
    _, gone = status_of(snapshot(6, rejected=1), TODAY, history(snapshot(5), *YESTERDAY))
    assert gone == []


def test_a_retired_category_drops_nobody():
    _, gone = status_of(snapshot(6, "absent"), [], history(snapshot(5), *YESTERDAY))
    assert gone == []


def test_a_day_crawled_twice_has_the_same_trends():
    past = [snapshot(5), *YESTERDAY]
    rows = [row._replace(sale_count=100 + row.rank, price=9.0) for row in TODAY]
    earlier = [row._replace(sale_count=50, collected_at=at(5.9)) for row in rows]
    once = compute_trends(snapshot(6), rows, history(*past))
    again = compute_trends(snapshot(6), rows, history(*past, snapshot(6), *earlier, first_seen={"n": day(6)}))
    assert once.offers[0].sale_growth is not None
    assert once == again


def test_snapshots_of_neighbouring_days_compare_where_nothing_else_is_said():
    assert find_base(snapshot(2), [snapshot(1)]) == Baseline(snapshot(1))
    assert find_base(snapshot(3), [snapshot(1)]).arrivals is Reason.MISSED_DAY


@pytest.mark.parametrize(("base_at", "today_at"), [(None, at(6)), (at(9), None), (None, None)])
def test_a_snapshot_that_does_not_say_when_it_was_made_is_not_of_a_clock_set_back(base_at, today_at):
    found = find_base(snapshot(6, collected_at=today_at), [snapshot(5, collected_at=base_at)], 1)
    assert (found.snapshot is None, found.reason) == (False, None)


def test_a_base_is_the_last_complete_snapshot_before_today():
    past = [snapshot(2), snapshot(3), snapshot(4, "partial"), snapshot(6), snapshot(7)]
    assert find_base(snapshot(6), past).snapshot == snapshot(3)
    assert find_base(snapshot(6), [snapshot(6), snapshot(7)]) == Baseline(None, Reason.FIRST_SNAPSHOT)
    assert find_base(snapshot(6), [snapshot(4, "partial")]) == Baseline(None, Reason.NO_COMPLETE_BASE)
    assert find_base(snapshot(6, "failed"), past) == Baseline(None, Reason.TODAY_INCOMPLETE)


@pytest.mark.parametrize(
    ("day_before", "moved"),
    [(None, Movement.NEW_ENTRY), (6, Movement.NEW_ENTRY), (5, Movement.NEW_ENTRY), (4, Movement.RE_ENTRY)],
)
def test_an_offer_comes_back_where_the_list_held_it_before_its_base(day_before: int | None, moved: Movement):
    first = None if day_before is None else day(day_before)
    found = rank_change(seen("a", 6), Baseline(snapshot(5)), None, first)
    assert found == RankChange(None, moved, Reason.NO_BASE)


def test_without_a_base_no_offer_has_moved_or_left():
    base, before = Baseline(None, Reason.FIRST_SNAPSHOT), seen("a", 5)
    assert rank_change(seen("a", 6), base, before, None) == RankChange(None, Movement.UNKNOWN, Reason.FIRST_SNAPSHOT)
    assert dropped_out([], base, {"a": before}) == []


def test_offers_that_left_are_told_in_the_order_of_their_ranks():
    at_base = {name: seen(name, 5, rank, sale_count=rank) for name, rank in (("a", 3), ("b", 1), ("c", 2), ("d", 4))}
    gone = dropped_out([seen("c", 6)], Baseline(snapshot(5)), at_base)
    assert gone == [Dropout("b", day(5), 1, 1), Dropout("a", day(5), 3, 3), Dropout("d", day(5), 4, 4)]


def test_an_offer_that_was_never_there_was_first_seen_on_no_day():
    assert first_seen(history(), "a", []) is None
    assert first_seen(history(first_seen={"b": day(1)}), "a", []) is None
    assert first_seen(history(first_seen={"a": day(1)}), "a", []) == day(1)
