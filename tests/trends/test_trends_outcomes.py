from datetime import timedelta

from toplist.trends.replay import ScoredRow
from trend_rows import day, snapshot

from toplist.trends.outcomes import label, tenths

OFFERS = [f"o{number:02}" for number in range(40)]


def row(offer_id, number, count, list_id="l"):
    return ScoredRow(list_id, day(number), offer_id, 1, count, ())


def world(later, *, target=None, number=7, origin=None):
    """40 offers at 100 units; `later` says what they have on the day of the outcome."""
    rows = [row(offer_id, 0, 100) for offer_id in OFFERS]
    rows += [row(offer_id, number, count) for offer_id, count in later.items()]
    snapshots = {("l", day(0)): origin or snapshot(0), ("l", day(number)): target or snapshot(number)}
    return rows, snapshots


RISING = {offer_id: 100 + number for number, offer_id in enumerate(OFFERS)}


def test_the_top_tenth_grew_most_and_never_is_more_than_a_tenth():
    (found,) = label(*world(RISING), 7, 1)
    assert [row.offer_id for row, top in zip(found.rows, found.top, strict=True) if top] == OFFERS[-4:]
    assert [row.offer_id for row, bottom in zip(found.rows, found.bottom, strict=True) if bottom] == OFFERS[:4]
    assert found.known_on == day(7)
    tied_top, _ = tenths([1.0] * 39 + [2.0])
    assert sum(tied_top) == 1
    assert sum(tenths([1.0] * 40)[0]) == 0


def test_an_offer_that_vanished_is_a_miss():
    stayed = {offer_id: count for offer_id, count in RISING.items() if offer_id not in OFFERS[:10]}
    (found,) = label(*world(stayed), 7, 1)
    assert len(found.rows) == 40
    assert found.growth[:10] == [None] * 10
    assert sum(found.top) == 3
    assert not any(found.top[:10])
    assert found.unknown == 0


def test_what_the_later_day_could_not_show_is_unknown_and_no_miss():
    stayed = {offer_id: RISING[offer_id] for offer_id in OFFERS[10:]}
    shallow = snapshot(7, requested_rows=20, reported_total=100)
    (found,) = label(*world(stayed, target=shallow, origin=snapshot(0, requested_rows=40, reported_total=100)), 7, 1)
    assert (len(found.rows), found.unknown) == (30, 10)
    (found,) = label(*world(stayed, target=snapshot(7, rejected=1)), 7, 1)
    assert (len(found.rows), found.unknown) == (30, 10)


def test_an_incomplete_day_is_read_the_day_after_or_not_at_all():
    rows, snapshots = world(RISING, number=8)
    snapshots["l", day(7)] = snapshot(7, "partial")
    (found,) = label(rows, snapshots, 7, 1)
    assert found.known_on == day(8)
    assert label(rows, snapshots, 7, 0) == []


def test_a_list_that_never_came_again_tells_nothing():
    rows, snapshots = world(RISING)
    snapshots["l", day(7)] = snapshot(7, "absent")
    assert label(rows, snapshots, 7, 1) == []


def test_counts_of_another_list_are_not_looked_at():
    rows, snapshots = world({})
    rows += [row(offer_id, 7, 500, list_id="other") for offer_id in OFFERS]
    snapshots["other", day(7)] = snapshot(7)
    assert label(rows, snapshots, 7, 1) == []


def test_a_count_of_zero_has_no_outcome():
    rows, snapshots = world({**RISING, OFFERS[0]: 0})
    (found,) = label(rows, snapshots, 7, 1)
    assert found.unknown == 1
    assert timedelta(days=7) == found.known_on - found.day
