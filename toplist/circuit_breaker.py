"""Circuit breaker: stops the crawl after too many consecutive failures. Pure; the clock is passed in."""

from __future__ import annotations

from collections.abc import Callable

MAX_PAUSES = 3
MAX_THROTTLED_SECONDS = 600.0
MAX_UNREADABLE = 20
WARN_EVERY = 60.0


class CircuitBreaker:
    """Counts consecutive failures. Each method returns why the crawl must stop, or None."""

    def __init__(self, clock: Callable[[], float]):
        self._clock = clock
        self._pauses = 0
        self.pauses_met = 0
        self._paused_at = float("-inf")
        self._throttled_since: float | None = None
        self._warned_at = 0.0
        self._unreadable = 0

    def answered(self, sent_at: float) -> None:
        """A readable answer to a request sent at `sent_at`: every count starts again."""
        if sent_at >= self._paused_at:
            self._pauses = 0
        self._throttled_since = None
        self._unreadable = 0

    def forbidden(self, sent_at: float) -> str | None:
        """A 403. One that was on its way before the pause began belongs to that pause."""
        if sent_at < self._paused_at:
            return None
        if self._pauses == MAX_PAUSES:
            return f"the gateway said 403 again after {MAX_PAUSES} pauses in a row"
        self._pauses += 1
        self.pauses_met += 1
        self._paused_at = self._clock()
        return None

    def throttled(self) -> str | None:
        """A throttle code."""
        now = self._clock()
        if self._throttled_since is None:
            self._throttled_since = self._warned_at = now
        if now - self._throttled_since >= MAX_THROTTLED_SECONDS:
            return f"the gateway did nothing but throttle for {MAX_THROTTLED_SECONDS / 60:.0f} minutes"
        return None

    def throttle_warning(self) -> str | None:
        """Once a minute while nothing but throttles come: how long it has been, and how long the crawl goes on."""
        now = self._clock()
        if self._throttled_since is None or now - self._warned_at < WARN_EVERY:
            return None
        self._warned_at = now
        seconds = now - self._throttled_since
        left = MAX_THROTTLED_SECONDS - seconds
        return f"the gateway has done nothing but throttle for {seconds:.0f} s; the crawl ends in {left:.0f} s of it"

    def unreadable(self) -> str | None:
        """A list that got no readable answer, all its attempts spent."""
        self._unreadable += 1
        if self._unreadable >= MAX_UNREADABLE:
            return f"{MAX_UNREADABLE} lists in a row got no readable answer"
        return None
