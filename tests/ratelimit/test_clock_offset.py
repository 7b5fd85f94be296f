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
