from datetime import date, timedelta
from random import Random

import pytest
from toplist.trends.calibration import Calibration, Calibrator, isotonic

START = date(2026, 3, 10)


def fed(days: int, rows: int, hit_rate, seed: int = 1) -> Calibrator:
    random, calibrator = Random(seed), Calibrator()
    for number in range(days):
        scores = [random.random() for _ in range(rows)]
        calibrator.add_day(START + timedelta(number), [(score, random.random() < hit_rate(score)) for score in scores])
    return calibrator


def test_pooling_adjacent_violators():
    assert isotonic([1, 3, 2, 2, 5], [1, 1, 1, 1, 1]) == pytest.approx((1, 7 / 3, 7 / 3, 7 / 3, 5))
    assert isotonic([4, 1], [3, 1]) == pytest.approx((3.25, 3.25))
    assert isotonic([], []) == ()


def test_a_calibration_finds_the_probability_behind_the_scores():
    calibration = fed(20, 1000, lambda score: score**3 * 0.8).fit()
    assert calibration is not None
    for score in (0.1, 0.5, 0.9, 0.97):
        assert calibration.probability(score) == pytest.approx(score**3 * 0.8, abs=0.05)
    assert calibration.base_rate == pytest.approx(0.2, abs=0.01)
    assert (calibration.rows, calibration.dates, calibration.last_date) == (20_000, 20, date(2026, 3, 29))


def test_a_better_score_never_promises_less():
    calibration = fed(10, 200, lambda score: 0.3).fit()
    promised = [calibration.probability(step / 100) for step in range(-5, 106)]
    assert promised == sorted(promised)
    assert all(0 <= each <= 1 for each in promised)


@pytest.mark.parametrize(("days", "rows", "rate"), [(6, 1000, 0.5), (10, 40, 0.5), (10, 1000, 0.0)])
def test_too_little_history_gives_no_calibration(days, rows, rate):
    assert fed(days, rows, lambda _: rate).fit() is None
    assert Calibrator().fit() is None


def test_a_calibration_survives_the_database():
    calibration = fed(10, 200, lambda score: score).fit()
    assert Calibration.from_json(calibration.to_json()) == calibration
