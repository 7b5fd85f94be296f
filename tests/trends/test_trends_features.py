import numpy as np
import pytest
from panels import DAY0, made, market

from toplist.trends.coverage import Coverage
from toplist.trends.features import LOOK_BACK, RANKED, compute_features, hand_score
from toplist.trends.panel import Panel

TOTAL, WINDOW = Coverage(total=True), Coverage(window_days=30)


def test_growth_is_since_the_last_count_and_since_the_oldest_of_the_week():
    panel = made([(1, 7, 0, 1, 100), (1, 7, 3, 1, 110), (1, 7, 10, 1, 220)])
    found = compute_features(panel)
    assert found["last_growth"] == pytest.approx([np.nan, np.log(1.1) / 3, np.log(2) / 7], nan_ok=True)
    assert found["week_growth"][2] == pytest.approx(np.log(2) / 7)
    assert found["is_new"].tolist() == [1, 0, 0]


def test_an_average_halves_a_growth_after_its_half_life():
    panel = made([(1, 7, 0, 1, 100), (1, 7, 1, 1, 200), *((1, 7, day, 1, 200) for day in range(2, 9))])
    found = compute_features(panel)["ewma_7"][8]
    days = 0.5 ** (np.arange(8) / 7)
    assert found == pytest.approx(np.log(2) * days[7] / days.sum())


def test_shrunk_growth_is_the_lists_mean_for_a_new_offer_and_its_own_for_one_that_sold():
    rows = [(1, offer, day, offer, 1000 * 1.1**day) for offer in range(1, 9) for day in range(20)]
    found = compute_features(made([*rows, (1, 9, 19, 9, 5.0)]))
    assert found["shrunk_3"][-1] == pytest.approx(found["ewma_21"][19])
    assert found["shrunk_3"][19] == pytest.approx(np.log(1.1), rel=0.01)
    few = [(1, 10, day, 9, 2.0 + (day == 19)) for day in range(20)]
    found = compute_features(made([*((1, 1, day, 1, 1e6 * 1.01**day) for day in range(20)), *few]))
    assert 0.001 < found["shrunk_3"][-1] < found["ewma_3"][-1]


def test_shrunk_growth_weighs_what_an_offer_sold_over_the_half_life_as_the_formula_says():
    panel = made(
        [(1, offer, day, offer, 300.0 * offer * (1 + 0.02 * offer) ** day) for offer in (1, 2) for day in range(9)]
    )
    found = compute_features(panel)
    mean = found["ewma_21"][panel.day == DAY0 + 8].mean()
    for row in (8, 17):
        weight = panel.count[row] * 3 / np.log(2) * (1 - 0.5 ** (8 / 3))
        expected = (1 + found["ewma_3"][row] * weight) / (1 / mean + weight)
        assert found["shrunk_3"][row] == pytest.approx(expected)


def test_what_leaves_a_window_next_week_is_the_growth_from_30_to_23_days_ago():
    counts = 100 * np.exp(np.cumsum(np.random.default_rng(1).normal(0, 0.1, 40)))
    panel = made([(1, 7, day, 1, count) for day, count in enumerate(counts)])
    found = compute_features(panel)
    assert found["leaving"][39] == pytest.approx(np.log(counts[16] / counts[9]) / 7)
    assert found["week_before"][39] == pytest.approx(np.log(counts[32] / counts[25]) / 7)
    assert np.isnan(found["leaving"][29])
    assert np.isnan(found["week_before"][13])


def test_a_base_30_days_ago_may_be_three_days_older_and_no_more():
    days = (0, 7, 33, 34)
    found = compute_features(made([(1, 7, day, 1, 100.0 + day) for day in days]))["leaving"]
    assert found[2] == pytest.approx(np.log(1.07) / 7)
    assert np.isnan(found[3])


def test_a_new_entry_grew_from_the_lowest_count_of_the_snapshot_before():
    before = [(1, offer, 0, offer, 1000 - offer) for offer in range(1, 6)]
    after = [(1, offer, 7, offer + 1, 1000 - offer) for offer in range(1, 6)] + [(1, 9, 7, 1, 1990)]
    panel = made(before + after)
    score = hand_score(compute_features(panel), WINDOW)[panel.offer == 9]
    assert score == pytest.approx([np.log(1990 / 995) / 7])
    shuffled = [(1, offer, 0, 6 - offer, 1000 - 100 * offer) for offer in range(1, 6)]
    panel = made(shuffled + after)
    assert np.isnan(hand_score(compute_features(panel), WINDOW)[panel.offer == 9]).all()


def test_the_features_of_one_day_are_those_that_it_has_among_all_days() -> None:
    panel = market(40, lists=2, offers=12)
    rows = np.flatnonzero(panel.day == panel.day.max())
    whole, day = compute_features(panel), compute_features(panel, rows)
    assert whole.keys() == day.keys()
    for name, values in day.items():
        np.testing.assert_array_equal(values, whole[name][rows])


@pytest.mark.parametrize("window", [False, True])
def test_a_crawl_that_reads_33_days_scores_as_the_whole_history_does(window: bool):
    panel = market(70, lists=2, offers=12, window=window)
    whole = compute_features(panel)
    for day in (1, 8, 40, 69):
        kept = (panel.day <= DAY0 + day) & (panel.day >= DAY0 + day - LOOK_BACK)
        names = ("list_id", "offer", "day", "at", "rank", "count")
        part = compute_features(Panel.of({name: getattr(panel, name)[kept] for name in names}, panel.first_day[kept]))
        today = panel.day[kept] == DAY0 + day
        for name in (*RANKED, "floor_growth", "shrunk_3", "shrunk_14"):
            assert part[name][today] == pytest.approx(whole[name][panel.day == DAY0 + day], nan_ok=True), (name, day)


def test_nothing_of_a_later_day_changes_a_row():
    panel = market(40, lists=2, offers=12)
    kept = panel.day < DAY0 + 30
    names = ("list_id", "offer", "day", "at", "rank", "count")
    earlier = Panel.of({name: getattr(panel, name)[kept] for name in names})
    whole, part = compute_features(panel), compute_features(earlier)
    for name, values in part.items():
        assert values == pytest.approx(whole[name][kept], nan_ok=True), name


def test_a_list_without_a_growth_has_no_score():
    panel = made([(1, offer, 0, offer, 100.0) for offer in range(1, 9)])
    found = compute_features(panel)
    assert np.isnan(hand_score(found, TOTAL)).all()
    assert np.isnan(hand_score(found, WINDOW)).all()


@pytest.mark.parametrize(("days", "age"), [(0, 0), (399, 399), (400, 400), (401, 400), (-1, 0)])
def test_an_offer_is_at_most_400_days_old(days: int, age: int):
    panel = made([(1, 7, 0, 1, 100)])
    columns = {name: getattr(panel, name) for name in ("list_id", "offer", "day", "at", "rank", "count")}
    assert compute_features(Panel.of(columns, panel.day - days))["age"].tolist() == [age]


@pytest.mark.parametrize(("days", "is_known"), [(26.49, False), (26.5, True)])
def test_a_growth_of_30_days_is_over_26_days_and_a_half_or_more(days: float, is_known: bool):
    panel = made([(1, 7, 0, 1, 100), (1, 7, 30, 1, 200)])
    columns = {name: getattr(panel, name) for name in ("list_id", "offer", "day", "at", "rank", "count")}
    found = compute_features(Panel.of({**columns, "at": np.array([30 - days, 30.0])}))
    assert found["growth_30"][1] == pytest.approx(np.log(2) / days if is_known else np.nan, nan_ok=True)
    assert found["has_no_30"].tolist() == [1.0, float(not is_known)]


@pytest.mark.parametrize(("days", "is_known"), [(14, True), (15, False)])
def test_a_new_entry_grew_since_a_snapshot_of_at_most_14_days_ago(days: int, is_known: bool):
    rows = [(1, 1, 0, 1, 60), (1, 2, 0, 2, 20), (1, 9, days, 1, 40)]
    floor = compute_features(made(rows))["floor_growth"][-1]
    assert floor == pytest.approx(np.log(2) / days if is_known else np.nan, nan_ok=True)


def test_a_list_of_one_row_shows_no_lowest_count():
    assert np.isnan(compute_features(made([(1, 1, 0, 1, 60), (1, 9, 1, 1, 40)]))["floor_growth"][-1])


def test_a_score_by_hand_is_two_shrunk_growths_of_a_total_and_the_mean_of_floor_and_week_of_a_window():
    columns = {
        "shrunk_3": np.array([0.1, 0.2]),
        "shrunk_14": np.array([0.3, 0.5]),
        "floor_growth": np.array([0.2, 0.2]),
        "week_growth": np.array([0.4, np.nan]),
    }
    assert hand_score(columns, TOTAL) == pytest.approx([0.4, 0.7])
    for coverage in (WINDOW, Coverage()):
        assert hand_score(columns, coverage) == pytest.approx([0.3, 0.2])


def test_a_panel_without_rows_has_columns_without_rows():
    empty = made([(1, 7, 0, 1, 100)])
    columns = {name: getattr(empty, name)[:0] for name in ("list_id", "offer", "day", "at", "rank", "count")}
    assert {len(values) for values in compute_features(Panel.of(columns)).values()} == {0}
