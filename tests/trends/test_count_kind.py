import pytest
from panels import DAY0, cut, made, market

from toplist.trends.count_kind import CountEvidence
from toplist.trends.coverage import UNKNOWN_COVERAGE, Coverage
from toplist.trends.panel import Panel

KINDS = {False: Coverage(total=True), True: Coverage(window_days=30)}
NAMES = ("list_id", "offer", "day", "at", "rank", "count")


@pytest.mark.parametrize("window", [False, True])
@pytest.mark.parametrize("is_cut", [False, True])
def test_each_list_shows_its_kind_after_14_days(window: bool, is_cut: bool):
    panel = market(14, lists=10, offers=20, window=window)
    for number in range(10):
        kept = panel.list_id == number
        columns = {name: getattr(panel, name)[kept] for name in NAMES}
        if is_cut:
            columns["count"] = cut(columns["count"])
        found = CountEvidence.of(Panel.of(columns))
        assert found.coverage == KINDS[window], str(found)


def test_it_is_unknown_until_it_is_clear():
    panel = market(13, lists=10, offers=20)
    found = CountEvidence.of(panel)
    assert found.coverage == UNKNOWN_COVERAGE
    assert str(found) == "not clear yet: 2400 steps over 13 days, 100 over 14 are needed"
    assert CountEvidence.of(market(14, lists=1, offers=7)).coverage == UNKNOWN_COVERAGE
    assert CountEvidence().coverage == UNKNOWN_COVERAGE


def test_a_total_that_falls_now_and_then_is_a_total_still():
    panel = market(28, lists=4, offers=20)
    counts = panel.count.copy()
    counts[::50] -= 1
    found = CountEvidence.of(Panel.of({**{name: getattr(panel, name) for name in NAMES}, "count": counts}))
    assert found.falls > 0
    assert found.coverage == Coverage(total=True)
    assert str(found).startswith("total: ")
    assert panel.day.min() == DAY0


@pytest.mark.parametrize(
    ("fall", "kind"),
    [
        (0.0, "total"),
        (0.0004, "total"),
        (0.0005, "unknown"),
        (0.0006, "unknown"),
        (0.00075, "unknown"),
        (0.0008, "unknown"),
        (0.0009, "window:30"),
        (0.02, "window:30"),
    ],
)
def test_between_the_two_kinds_it_is_not_clear(fall: float, kind: str):
    assert str(CountEvidence(28, 1000, 800, 100, fall).coverage) == kind


def test_one_count_that_falls_to_almost_nothing_makes_no_window():
    panel = market(28, lists=4, offers=20)
    counts = panel.count.copy()
    counts[(panel.list_id == 0) & (panel.offer == 0) & (panel.day >= DAY0 + 20)] = 1.0
    found = CountEvidence.of(Panel.of({**{name: getattr(panel, name) for name in NAMES}, "count": counts}))
    assert found.falls == 1
    assert found.fall == pytest.approx(0.05 / found.steps)
    assert found.coverage == Coverage(total=True)


def test_a_step_over_more_than_three_days_shows_nothing():
    panel = market(28, lists=4, offers=20)
    for days, steps in [(3, 9 * 80), (4, 0)]:
        kept = (panel.day - DAY0) % days == 0
        found = CountEvidence.of(Panel.of({name: getattr(panel, name)[kept] for name in NAMES}))
        assert found.steps == steps


def test_a_history_without_steps_has_no_evidence():
    empty = CountEvidence.of(made([(1, offer, 0, offer, 100) for offer in range(1, 4)]))
    assert empty == CountEvidence()
    assert empty.to_json() == {"days": 0, "steps": 0, "rises": 0, "falls": 0, "fall": 0.0}
    assert str(empty) == "not clear yet: 0 steps over 0 days, 100 over 14 are needed"


@pytest.mark.parametrize(
    ("days", "steps", "kind"),
    [(14, 100, "total"), (13, 100, "unknown"), (14, 99, "unknown"), (13, 1000, "unknown"), (100, 99, "unknown")],
)
def test_14_days_and_100_steps_make_it_clear(days: int, steps: int, kind: str):
    found = CountEvidence(days, steps, 30, 10, 0.0)
    assert str(found.coverage) == kind
    assert str(found).startswith("not clear yet") is (kind == "unknown")


def test_counts_that_never_changed_are_a_total_of_which_nothing_was_sold():
    assert str(CountEvidence(20, 300, 0, 0, 0.0)) == "total: no count changed, 0.000% a step over 20 days"


def test_a_fall_is_the_mean_over_all_steps_and_rises_do_not_make_up_for_it():
    rows = [(1, 1, 0, 1, 1000), (1, 1, 1, 1, 990), (1, 1, 2, 1, 1200), (1, 1, 3, 1, 1200), (1, 1, 4, 1, 600)]
    found = CountEvidence.of(made(rows))
    assert (found.days, found.steps, found.rises, found.falls) == (5, 4, 1, 2)
    assert found.fall == pytest.approx((0.01005034 + 0.05) / 4, abs=1e-8)
