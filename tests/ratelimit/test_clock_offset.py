"""The database's clock against ours, as answers come back sooner or later."""

import pytest

from toplist.ratelimit.shared_state import ClockOffset


def test_the_least_late_answer_counts() -> None:
    offset = ClockOffset()
    assert offset.read(before=10.0, now=110.0, after=10.030) == pytest.approx(-99.970, abs=1e-6)
    assert offset.read(before=11.0, now=111.001, after=11.002) == pytest.approx(-99.999, abs=1e-6)
    assert offset.read(before=12.0, now=112.0, after=12.5) == pytest.approx(-99.999, abs=1e-6)


def test_a_clock_that_was_stepped_is_followed_at_once() -> None:
    for step in (+3600.0, -3600.0):
        offset = ClockOffset()
        offset.read(before=10.0, now=110.0, after=10.001)
        after = offset.read(before=20.0, now=120.0 + step, after=20.002)
        assert after == pytest.approx(-100.0 - step + 0.002, abs=1e-6)


def test_a_clock_that_was_set_forward_is_known_by_how_far() -> None:
    offset = ClockOffset()
    assert offset.step == 0.0
    offset.read(before=10.0, now=110.0, after=10.25)
    assert offset.step == 0.0
    offset.read(before=20.0, now=150.0, after=20.25)
    assert offset.step == pytest.approx(30.25)
    offset.read(before=30.0, now=160.0, after=30.25)
    assert offset.step == 0.0


def test_a_clock_that_was_set_back_is_no_step_forward() -> None:
    offset = ClockOffset()
    offset.read(before=10.0, now=110.0, after=10.25)
    assert offset.read(before=20.0, now=90.0, after=20.25) == pytest.approx(-69.75)
    assert offset.step == 0.0


@pytest.mark.parametrize(("ahead", "step"), [(0.04, 0.0), (0.06, 0.06)])
def test_a_twentieth_of_a_second_is_no_step(ahead: float, step: float) -> None:
    offset = ClockOffset()
    offset.read(before=10.0, now=110.0, after=10.0)
    assert offset.read(before=20.0, now=120.0 + ahead, after=20.0) == pytest.approx(-100.0 - ahead)
    assert offset.step == pytest.approx(step)


def test_every_answer_narrows_what_a_step_is_measured_by() -> None:
    offset = ClockOffset()
    assert offset.read(before=10.0, now=110.0, after=10.25) == -99.75
    assert offset.read(before=20.125, now=120.0, after=20.5) == -99.75  # it was at least -99.875
    assert offset.read(before=30.0, now=130.0, after=30.0625) == -99.9375
    assert offset.step == pytest.approx(0.25)


def test_clocks_that_drift_apart_by_less_than_half_a_thousandth_agree() -> None:
    offset = ClockOffset()
    offset.read(before=10.0, now=110.0, after=10.0)
    assert offset.read(before=20.0, now=119.9996, after=20.25) == -100.0
    assert offset.read(before=20.0, now=119.999, after=20.25) == pytest.approx(-99.749)
