import numpy as np
import pytest
from panels import complete, made

from toplist.trends.outcomes import borders, outcomes, tolerance_of, top_tenth


def test_an_outcome_is_read_on_its_day_or_a_tenth_later():
    panel = made([(1, 7, 0, 1, 100), (1, 7, 8, 1, 200)])
    assert outcomes(panel, complete(panel), 7).growth[0] == pytest.approx(np.log(2))
    late = made([(1, 7, 0, 1, 100), (1, 7, 9, 1, 200)])
    assert not outcomes(late, complete(late), 7).is_known[0]
    assert (tolerance_of(7), tolerance_of(30)) == (1, 3)


def test_an_offer_that_its_list_lacks_has_vanished_and_one_of_a_missing_list_is_unknown():
    panel = made([(1, 7, 0, 1, 100), (1, 8, 0, 2, 90), (1, 8, 7, 1, 95), (2, 9, 0, 1, 50)])
    found = outcomes(panel, complete(panel), 7)
    assert found.is_known.tolist() == [True, True, False, False]
    assert np.isnan(found.growth[0])


@pytest.mark.parametrize(
    ("field", "value"), [("depth", np.array([np.inf, 20.0])), ("rejected", np.array([0, 1])), ("is_complete", None)]
)
def test_a_snapshot_that_could_not_have_shown_it_tells_nothing(field: str, value):
    panel = made([(1, 7, 0, 1, 100), (1, 8, 0, 2, 90), (1, 8, 7, 1, 95)])
    snapshots = complete(panel)
    value = np.array([True, False]) if value is None else value
    changed = type(snapshots)(**{**{n: getattr(snapshots, n) for n in snapshots.__dataclass_fields__}, field: value})
    assert not outcomes(panel, changed, 7).is_known[0]


def test_the_top_tenth_leaves_ties_across_its_border_outside():
    assert borders(np.arange(19.0)) is None
    assert borders(np.array([*np.arange(20.0), np.nan])) == (17.0, 2.0)
    tied = np.array([0.0] * 17 + [5.0] * 3)
    high, _ = borders(tied)
    assert (tied > high).sum() == 0


def test_each_day_has_its_own_top_tenth():
    rows = [(1, offer, day, offer, 100 * (1 + offer * day)) for day in (0, 7, 14) for offer in range(1, 31)]
    panel = made(rows)
    top, known = top_tenth(panel.day, outcomes(panel, complete(panel), 7))
    by_day = [top[panel.day == day].sum() for day in np.unique(panel.day)]
    assert by_day == [3, 3, 0]
    assert known.sum() == 60


@pytest.mark.parametrize(("horizon", "days"), [(1, 1), (9, 1), (10, 1), (19, 1), (20, 2), (30, 3), (39, 3)])
def test_an_outcome_may_be_a_tenth_of_its_horizon_late_and_always_a_day(horizon: int, days: int):
    assert tolerance_of(horizon) == days


def test_the_first_complete_snapshot_of_a_history_can_show_an_outcome():
    panel = made([(1, 7, 0, 1, 100), (1, 8, 0, 2, 90), (1, 8, 7, 1, 180)])
    snapshots = complete(panel)
    partial = type(snapshots)(
        snapshots.list_id, snapshots.day, np.array([False, True]), snapshots.depth, snapshots.rejected
    )
    found = outcomes(panel, partial, 7)
    assert found.is_known.tolist() == [True, True, False]
    assert found.growth[1] == pytest.approx(np.log(2))
    assert found.known_on.tolist() == [panel.day[2], panel.day[2], -1]


def test_without_a_complete_snapshot_nothing_is_known():
    panel = made([(1, 7, 0, 1, 100), (1, 7, 7, 1, 90)])
    whole = complete(panel)
    partial = type(whole)(whole.list_id, whole.day, np.zeros(2, np.bool_), whole.depth, whole.rejected)
    found = outcomes(panel, partial, 7)
    assert found.is_known.tolist() == [False, False]
    assert found.known_on.tolist() == [-1, -1]


def test_an_offer_without_a_count_has_no_outcome():
    panel = made([(1, 7, 0, 1, np.nan), (1, 8, 0, 2, 90), (1, 8, 7, 1, 0), (1, 9, 7, 2, 50), (1, 7, 7, 3, 80)])
    assert not outcomes(panel, complete(panel), 7).is_known.any()


@pytest.mark.parametrize(("rows", "above", "below"), [(20, 2, 2), (29, 2, 2), (30, 3, 3), (99, 9, 9)])
def test_a_tenth_of_the_measured_is_rounded_down(rows: int, above: int, below: int):
    growth = np.random.default_rng(rows).permutation(rows).astype(float)
    edges = borders(np.append(growth, [np.nan] * 5))
    assert edges is not None
    assert ((growth > edges[0]).sum(), (growth < edges[1]).sum()) == (above, below)


def test_a_day_with_19_outcomes_has_no_top_tenth():
    for offers, hits in ((19, 0), (20, 2)):
        rows = [(1, offer, day, offer, 100 + offer * day) for day in (0, 7) for offer in range(offers)]
        panel = made(rows)
        top, known = top_tenth(panel.day, outcomes(panel, complete(panel), 7))
        assert (top.sum(), known.sum()) == (hits, offers if hits else 0)
        assert panel.offer[top].tolist() == list(range(offers - hits, offers))
