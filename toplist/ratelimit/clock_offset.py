"""The difference between this process's clock and the database's, from when it was asked and when the answer came."""

from __future__ import annotations

_DRIFT = 0.0005  # seconds by which an estimate may leave a reading's bounds: two quartz clocks differ in speed
_STEP = 0.05  # a larger contradiction means that a clock was set


class ClockOffset:
    """This process's clock minus the database's, in seconds. Pure.

    A reading says that the offset is between `before - now` and `after - now`. As in NTP, the answer with the least
    delay gives the best estimate: an answer that a busy computer held back must not make a slot look later than it
    is. An estimate that a reading contradicts is dropped.
    """

    def __init__(self) -> None:
        self._offset: float | None = None
        self._at_least = float("-inf")
        self.step = 0.0
        """How far the last reading found the database's clock set forward, at most; 0: it was not."""

    def read(self, before: float, now: float, after: float) -> float:
        """Use a reading: the database said `now` between `before` and `after` of ours. Returns the estimate."""
        at_most, at_least = after - now, before - now
        is_forward = self._offset is not None and at_most < self._at_least - _STEP
        self.step = self._offset - at_least if is_forward and self._offset is not None else 0.0
        if self._offset is None or not at_least - _DRIFT <= self._offset <= at_most:
            self._offset = at_most
            self._at_least = at_least
        self._at_least = max(self._at_least, at_least)
        return self._offset
