from __future__ import annotations

from datetime import UTC, date, datetime

from toplist.sandbox.clocks import SandboxClocks


class Time:
    """Wall time and monotonic time that run when told."""

    def __init__(self, at: datetime):
        self.wall_seconds, self.monotonic_seconds = at.timestamp(), 50.0

    def wall(self) -> float:
        return self.wall_seconds

    def monotonic(self) -> float:
        return self.monotonic_seconds

    def run(self, seconds: float) -> None:
        self.wall_seconds += seconds
        self.monotonic_seconds += seconds


def test_a_market_day_has_the_present_time_of_day_in_shanghai() -> None:
    time = Time(datetime(2026, 11, 20, 19, 30, tzinfo=UTC))  # 03:30 of the 21st in Shanghai
    clocks = SandboxClocks(date(2025, 3, 5), 0, time.wall, time.monotonic)
    assert clocks.market() == datetime(2025, 3, 4, 19, 30, tzinfo=UTC)
    time.run(90.5)
    assert clocks.market() == datetime(2025, 3, 4, 19, 31, 30, 500_000, tzinfo=UTC)
    assert clocks.market_date() == date(2025, 3, 5)


def test_a_date_that_was_set_lasts_past_midnight_while_the_clock_runs_on() -> None:
    time = Time(datetime(2026, 11, 20, 15, 59, 59, tzinfo=UTC))
    set_, free = (
        SandboxClocks(date(2026, 11, 1), 0, time.wall, time.monotonic),
        SandboxClocks(None, 0, time.wall, time.monotonic),
    )
    assert free.market_date() == date(2026, 11, 20)
    time.run(2)
    assert set_.market_date() == date(2026, 11, 1)
    assert set_.market() == datetime(2026, 11, 1, 16, 0, 1, tzinfo=UTC)
    assert free.market_date() == date(2026, 11, 21)


def test_moving_the_date_keeps_the_time_of_day() -> None:
    time = Time(datetime(2026, 11, 20, 2, 0, tzinfo=UTC))
    clocks = SandboxClocks(date(2026, 11, 1), 0, time.wall, time.monotonic)
    time.run(60)
    clocks.move(date(2026, 11, 2))
    assert clocks.market() == datetime(2026, 11, 2, 2, 1, tzinfo=UTC)


def test_an_offset_is_the_gateways_alone() -> None:
    time = Time(datetime(2026, 11, 20, 2, 0, tzinfo=UTC))
    clocks = SandboxClocks(None, -600, time.wall, time.monotonic)
    assert clocks.gateway() == time.wall() - 600
    assert clocks.market() == datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
