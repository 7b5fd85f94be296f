import json
from dataclasses import replace
from importlib.resources import files
from statistics import NormalDist

import numpy as np
import pytest
from panels import DAY0, complete, market

from toplist.trends.bootstrap import Interval
from toplist.trends.calibration import Bin, bins_of, level_shift, probability, sums_of_bins, worst_bin
from toplist.trends.coverage import Coverage
from toplist.trends.features import FLAGS, RANKED, compute_features
from toplist.trends.model import (
    CONSTANTS,
    SHARES,
    WEIGHTS,
    Model,
    Record,
    constants,
    corrected,
    design,
    fit_curve,
    quantiles_of,
    ridge_logistic,
)
from toplist.trends.outcomes import outcomes
from toplist.trends.walk_forward import (
    FLAG_LIFT,
    MIN_HISTORY,
    Labeled,
    find_threshold,
    model_on,
    record_of,
    walk_forward,
)

TOTAL = Coverage(total=True)


@pytest.fixture(scope="module")
def rows() -> Labeled:
    panel = market(80)
    return Labeled.of(compute_features(panel), panel.day, outcomes(panel, complete(panel), 7))


@pytest.fixture(scope="module")
def models(rows: Labeled) -> list[Model]:
    return walk_forward(rows, TOTAL, 7, DAY0 + 80)


def test_the_regression_finds_the_weights_and_a_strong_ridge_keeps_the_constants():
    random = np.random.default_rng(1)
    columns = np.stack((np.ones(20_000), random.normal(size=20_000)), axis=1)
    hits = random.random(20_000) < probability(columns @ np.array([-2.0, 1.5]))
    assert ridge_logistic(columns, hits, np.zeros(2), 1.0) == pytest.approx([-2, 1.5], abs=0.1)
    prior = np.array([-1.0, 0.5])
    assert ridge_logistic(columns, hits, prior, 1e9) == pytest.approx(prior, abs=0.01)


@pytest.mark.parametrize(
    ("truth", "prior", "ridge"),
    [([-2.0, 1.5], [-4.0, 0.5], 200.0), ([1.0, 2.0], [0.0, 0.0], 30.0), ([0.5, 1.0], [5.0, -5.0], 1.0)],
)
def test_the_regression_ends_where_likelihood_and_constants_pull_alike(
    truth: list[float], prior: list[float], ridge: float
):
    random = np.random.default_rng(1)
    columns = np.stack((np.ones(5000), random.normal(size=5000)), axis=1)
    hits = random.random(5000) < probability(columns @ np.array(truth))
    found = ridge_logistic(columns, hits, np.array(prior), ridge)
    pull = columns.T @ (probability(columns @ found) - hits) + np.array([ridge / 10, ridge]) * (found - prior)
    assert pull == pytest.approx([0, 0], abs=1e-5)


def test_a_fit_leans_on_the_constants_that_it_is_given(rows: Labeled, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("toplist.trends.walk_forward.RIDGE", 1e9)
    for prior in (None, [0.25] * len(WEIGHTS)):
        held = walk_forward(rows, TOTAL, 7, DAY0 + 21, prior=prior)[-1].weights
        assert held == pytest.approx(constants(TOTAL, 7) if prior is None else prior, abs=0.01)


def test_the_regression_ends_where_the_two_classes_do_not_mix():
    columns = np.stack((np.ones(400), np.linspace(-3, 3, 400)), axis=1)
    found = ridge_logistic(columns, columns[:, 1] > 0, np.zeros(2), 1e-3)
    assert np.isfinite(found).all()


def test_a_young_history_leans_on_the_constants_and_an_old_one_does_not(rows: Labeled):
    prior = np.array(constants(TOTAL, 7))
    young = np.array(walk_forward(rows, TOTAL, 7, DAY0 + 15)[-1].weights)
    old = np.array(walk_forward(rows, TOTAL, 7, DAY0 + 80)[-1].weights)
    assert np.abs(young - prior).mean() < np.abs(old - prior).mean()


def test_no_model_knows_an_outcome_that_was_not_read_before_it(rows: Labeled, models: list[Model]):
    for model in models:
        assert model.last_day + 7 < model.fitted_on
    late = rows.day >= DAY0 + 60
    changed = Labeled(rows.features, rows.day, rows.known_on, rows.is_known, rows.top ^ late)
    same = [a.weights == b.weights for a, b in zip(models, walk_forward(changed, TOTAL, 7, DAY0 + 80), strict=True)]
    assert all(kept for kept, model in zip(same, models, strict=True) if model.fitted_on <= DAY0 + 67)
    assert not same[-1]


def test_a_model_may_be_used_after_28_days_with_a_record_better_than_the_base_rate(models: list[Model]):
    first = next(model for model in models if model.is_trusted)
    assert first.fitted_on >= DAY0 + MIN_HISTORY
    assert model_on(models, DAY0 + MIN_HISTORY - 1) is None
    assert model_on(models, DAY0 + 200) == models[-1]
    worse = models[-1].with_record(
        record_of(np.repeat(np.arange(10), 100), np.full(1000, 0.5), np.arange(1000) < 99, 7)
    )
    assert worse.record is not None
    assert not worse.is_trusted


def test_a_threshold_keeps_rows_that_come_true_three_times_as_often():
    random = np.random.default_rng(1)
    chances = random.beta(1, 9, 20_000)
    threshold, flagged, hits = find_threshold(chances, random.random(20_000) < chances, 0.1)
    assert threshold is not None
    assert threshold >= FLAG_LIFT * 0.1
    assert hits / flagged >= FLAG_LIFT * 0.1
    assert flagged == (chances >= threshold).sum()
    assert find_threshold(chances, random.random(20_000) < 0.1, 0.1) == (None, 0, 0)


def test_a_threshold_is_shown_by_50_rows_and_never_cuts_rows_of_one_probability():
    for sure, found in [(49, (None, 0, 0)), (50, (0.9, 50, 50))]:
        chances = np.repeat([0.9, 0.01], [sure, 1000])
        assert find_threshold(chances, chances > 0.5, 0.1) == found
    alike, came = np.full(200, 0.5), np.arange(200) < 60
    assert find_threshold(alike, came, 0.15) == (None, 0, 0)
    assert find_threshold(alike, came, 0.09) == (0.5, 200, 60)


def test_a_correction_never_changes_the_order_and_says_what_came_true():
    random = np.random.default_rng(1)
    logits = random.normal(-1, 2, 20_000)
    hits = random.random(20_000) < probability(0.5 * logits - 1)
    curve = fit_curve(logits, hits)
    after = corrected(np.linspace(-15, 15, 301), curve)
    assert (np.diff(after) > 0).all()
    assert corrected(np.array([2.0]), curve)[0] == pytest.approx(0, abs=0.3)
    assert corrected(np.array([-6.0]), curve)[0] == pytest.approx(-4, abs=0.4)


def test_there_is_a_model_for_each_day_with_weights_of_its_week(models: list[Model]):
    days = [model.fitted_on for model in models]
    assert days == list(range(days[0], DAY0 + 81))
    assert len({model.weights for model in models}) == -(-len(models) // 7)
    assert len({model.shift for model in models}) == len(models)


def test_the_mean_probability_of_the_days_before_is_the_base_rate(rows: Labeled, models: list[Model]):
    for model in models[::5]:
        before = np.flatnonzero((rows.day < model.fitted_on) & (rows.day >= model.fitted_on - 3))
        said = probability(model.raw_logits(rows.picked(before))).mean()
        assert said == pytest.approx(model.base_rate, abs=1e-6)


def test_a_market_that_grows_on_one_day_promises_no_more_than_a_dull_one(rows: Labeled):
    lifted = {**rows.features}
    late = rows.day >= DAY0 + 60
    for name in ("last_growth", "week_growth", "ewma_3", "ewma_7", "ewma_21", "shrunk_7"):
        lifted[name] = np.where(late, rows.features[name] + 0.05, rows.features[name])
    changed = Labeled(lifted, rows.day, rows.known_on, rows.is_known, rows.top)
    last = np.flatnonzero(rows.day == DAY0 + 66)
    (model,) = (each for each in walk_forward(changed, TOTAL, 7, DAY0 + 66) if each.fitted_on == DAY0 + 66)
    assert probability(model.raw_logits(changed.picked(last))).mean() == pytest.approx(model.base_rate, abs=0.02)
    unshifted = probability(model.raw_logits(changed.picked(last)) - model.shift).mean()
    assert unshifted > model.base_rate + 0.05


def test_the_level_is_that_of_the_newest_days_with_rows(rows: Labeled):
    gap = (rows.day < DAY0 + 70) | (rows.day >= DAY0 + 80)
    kept = np.flatnonzero(gap)
    young = Labeled(rows.picked(kept), *(each[kept] for each in (rows.day, rows.known_on, rows.is_known, rows.top)))
    model = walk_forward(young, TOTAL, 7, DAY0 + 80)[-1]
    before = np.flatnonzero((young.day >= DAY0 + 67) & (young.day < DAY0 + 70))
    assert probability(model.raw_logits(young.picked(before))).mean() == pytest.approx(model.base_rate, abs=1e-6)


@pytest.mark.parametrize("share", [0.001, 0.1, 0.9])
def test_a_shift_makes_the_mean_probability_a_share(share: float):
    logits = np.random.default_rng(1).normal(-2, 3, 5000)
    shift = level_shift(logits, share)
    assert probability(logits + shift).mean() == pytest.approx(share, abs=1e-9)


def test_the_tenths_of_the_probabilities():
    chances = np.repeat([0.05, 0.1, 0.95, 1.0], [600, 400, 300, 300])
    top = np.concatenate([np.arange(rows) < hits for rows, hits in ((600, 60), (400, 40), (300, 150), (300, 300))])
    bins = bins_of(sums_of_bins(chances, top))
    assert bins[0] == Bin(600, pytest.approx(0.05), pytest.approx(0.1))
    assert bins[1] == Bin(400, pytest.approx(0.1), pytest.approx(0.1))
    assert bins[9] == Bin(600, pytest.approx(0.975), pytest.approx(0.75))
    assert bins[5] == Bin(0, 0.0, 0.0)
    assert worst_bin(bins) == bins[9]
    assert bins[9].off == pytest.approx(0.225)
    assert worst_bin(bins[1:9]) is None


@pytest.mark.parametrize(
    ("worst", "is_calibrated"),
    [
        (None, True),
        (Bin(500, 0.05, 0.0), True),
        (Bin(500, 0.0, 0.05), True),
        (Bin(500, 0.35, 0.301), True),
        (Bin(500, 0.35, 0.29), False),
        (Bin(500, 0.65, 0.71), False),
    ],
)
def test_a_probability_is_given_while_it_came_true_within_five_hundredths(
    models: list[Model], worst: Bin | None, is_calibrated: bool
):
    record = models[-1].record
    assert record is not None
    assert models[-1].with_record(replace(record, worst_bin=worst)).is_calibrated is is_calibrated


def test_the_record_looks_at_the_bins_of_more_days_than_its_skill(models: list[Model], rows: Labeled):
    record = models[-1].record
    assert record is not None
    assert record.worst_bin is not None
    assert record.worst_bin.rows >= 500


def test_a_model_survives_the_database(models: list[Model]):
    again = Model.from_json(json.loads(json.dumps(models[-1].to_json())))
    assert again == models[-1]
    assert isinstance(again.record.brier_skill, Interval)  # type: ignore[union-attr]


@pytest.mark.parametrize("horizon", [7, 30])
def test_constants_ship_for_both_kinds(horizon: int):
    assert len(constants(TOTAL, horizon)) == len(WEIGHTS)
    assert constants(TOTAL, horizon) != constants(Coverage(window_days=30), horizon)


def test_the_shares_of_quantiles_are_every_fiftieth_and_finer_at_both_ends():
    ends = [0.001, 0.0025, 0.005, 0.01]
    assert pytest.approx([*ends, *(number / 50 for number in range(1, 50)), *(1 - end for end in ends[::-1])]) == SHARES


def test_a_feature_scores_as_its_share_of_the_rows_does_in_a_normal_distribution():
    features = dict.fromkeys(RANKED, np.append(np.arange(1001.0), np.nan))
    edges, scores = quantiles_of(features, np.arange(1002))[RANKED[0]]
    assert edges == pytest.approx(1000 * SHARES)
    assert scores == pytest.approx([NormalDist().inv_cdf(share) for share in SHARES])
    edges, scores = quantiles_of(features, np.arange(5))[RANKED[0]]
    assert edges == pytest.approx(4 * SHARES)


def test_values_that_many_rows_share_score_as_the_mean_of_their_places():
    features = dict.fromkeys(RANKED, np.repeat([3.0, 7.0], [500, 500]))
    edges, scores = quantiles_of(features, np.arange(1000))[RANKED[0]]
    normal = [NormalDist().inv_cdf(share) for share in SHARES]
    assert (edges[0], edges[-1]) == (3.0, 7.0)
    low = [score for score, share in zip(normal, SHARES, strict=True) if share < 0.499]
    assert scores[0] == pytest.approx(sum(low) / len(low))
    assert scores[-1] == pytest.approx(-scores[0])


def test_the_columns_of_the_regression_are_in_the_order_of_its_weights():
    features = {name: np.array([0.5, np.nan]) for name in RANKED} | {name: np.array([1.0, 0.0]) for name in FLAGS}
    quantiles = {name: ((0.0, 1.0), (0.0, float(place))) for place, name in enumerate(RANKED, 1)}
    ranked = [place / 2 for place in range(1, len(RANKED) + 1)]
    squares = [ranked[RANKED.index(name)] ** 2 for name in ("last_growth", "volatility")]
    first, missing = design(features, quantiles).tolist()
    assert first == pytest.approx([1.0, *ranked, 1.0, 1.0, *squares])
    assert missing == [1.0, *([0.0] * (len(WEIGHTS) - 1))]


def made_model(**values) -> Model:
    """A feature between -1 and 1 is its own score, and `rank` alone has a weight: 2."""
    quantiles = dict.fromkeys(RANKED, ((-1.0, 1.0), (-1.0, 1.0)))
    weights = tuple(2.0 if name == "rank" else 0.0 for name in WEIGHTS)
    return Model(7, "total", 9, 1, 2, 900, 0.1, weights, quantiles, **values)


def test_a_model_as_it_is_made_neither_shifts_nor_corrects_and_has_no_record():
    features = {name: np.array([0.25, -0.5]) for name in (*RANKED, *FLAGS)}
    model = made_model()
    assert model.logits(features) == pytest.approx([0.5, -1.0])
    assert (model.is_trusted, model.threshold, model.is_calibrated) == (False, None, False)
    shifted = made_model(shift=3.0)
    assert shifted.raw_logits(features) == pytest.approx([3.5, 2.0])
    curve = tuple((np.linspace(-10, 10, 81) * 2).tolist())
    assert made_model(shift=3.0, curve=curve).logits(features) == pytest.approx([7.0, 4.0])
    assert made_model(shift=3.0, curve=curve).raw_logits(features) == pytest.approx([3.5, 2.0])


@pytest.mark.parametrize(("low", "is_trusted"), [(None, False), (-0.01, False), (0.0, False), (0.01, True)])
def test_a_model_is_trusted_where_its_skill_is_above_0_for_sure(low: float | None, is_trusted: bool):
    record = Record(30, 900, 0.1, Interval(0.2, low, 0.4))
    assert made_model(record=record).is_trusted is is_trusted
    assert (record.threshold, record.flagged, record.flagged_hits, record.worst_bin) == (None, 0, 0, None)


@pytest.mark.parametrize("worst", [None, Bin(600, 0.3, 0.2)])
@pytest.mark.parametrize("curve", [None, (0.0, 1.0)])
def test_a_model_is_read_back_whole_with_and_without_curve_and_record(curve, worst):
    record = Record(30, 900, 0.1, Interval(0.2, None, 0.4), 0.3, 5, 2, worst)
    for model in (made_model(curve=curve, record=record), made_model(curve=curve)):
        again = Model.from_json(json.loads(json.dumps(model.to_json())))
        assert again == model
        assert again.with_record(None) == made_model(curve=curve)
    assert again.record is None
    assert isinstance(made_model(record=record).record.worst_bin, Bin | None)  # type: ignore[union-attr]


def test_without_outcomes_a_correction_changes_nothing():
    curve = fit_curve(np.zeros(0), np.zeros(0, np.bool_))
    assert len(curve) == 81
    assert curve == pytest.approx(np.linspace(-10, 10, 81), abs=0.01)
    assert np.diff(curve) == pytest.approx(np.full(80, 0.2501))


def test_a_correction_bends_at_odds_of_e_to_the_2_and_is_held_by_five_rows():
    random = np.random.default_rng(1)
    logits = random.normal(0, 3, 3000)
    hits = random.random(3000) < probability(np.where(logits < 0, logits, 0.5 * logits) - 0.5)
    curve = np.array(fit_curve(logits, hits)) - 1e-4 * np.arange(81)
    slope = np.diff(curve) / 0.25
    assert np.ptp(slope[:32]) + np.ptp(slope[32:40]) + np.ptp(slope[40:48]) + np.ptp(slope[48:]) < 1e-9
    weights = np.array([curve[0] + 10 * slope[0], slope[0], *np.diff(slope[[0, 32, 40, 48]])])
    columns = np.stack([np.ones(3000), logits, *(np.maximum(logits - bend, 0) for bend in (-2, 0, 2))], axis=1)
    pull = columns.T @ (probability(columns @ weights) - hits)
    pull += np.array([0.5, 5, 5, 5, 5]) * (weights - [0, 1, 0, 0, 0])
    assert pull == pytest.approx(np.zeros(5), abs=1e-4)


def test_a_correction_never_falls_where_outcomes_do():
    logits = np.repeat([-6.0, 6.0], 2000)
    curve = fit_curve(logits, logits < 0)
    assert np.diff(curve) == pytest.approx(np.full(80, 1e-4))


def test_a_correction_goes_on_in_parallel_beyond_its_ends():
    curve = tuple((np.linspace(-10, 10, 81) / 2 + 1).tolist())
    assert corrected(np.array([-13.0, -10.0, 0.1, 10.0, 12.0]), curve) == pytest.approx([-7, -4, 1.05, 6, 8])
    assert corrected(np.array([-13.0, 0.1]), None).tolist() == [-13.0, 0.1]


@pytest.mark.parametrize(
    ("coverage", "kind"), [(TOTAL, "total"), (Coverage(window_days=30), "window"), (Coverage(), "window")]
)
@pytest.mark.parametrize("horizon", [7, 30])
def test_constants_are_those_of_the_shipped_file_by_name(coverage: Coverage, kind: str, horizon: int):
    shipped = json.loads(files("toplist.trends").joinpath(CONSTANTS).read_text("utf-8"))["weights"][kind][str(horizon)]
    assert dict(zip(WEIGHTS, constants(coverage, horizon), strict=True)) == shipped
