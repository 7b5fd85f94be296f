"""How far the database's clock is from this process's, told from when it was asked and when the answer was here."""

from __future__ import annotations

_ROOM = 0.0005  # seconds that an estimate may stand outside a bracket: two quartz clocks drift apart this much


class ClockOffset:
    """This process's clock less the database's, in seconds. Pure.

    A reading says that the offset is between `before - now` and `after - now`. The least late answer so far is the
    best one, as in NTP: an answer that a busy machine held back must not make a slot look later than it is. An
    estimate that a reading contradicts is of a clock that was stepped, and is dropped.
    """

    def __init__(self) -> None:
        self._offset: float | None = None

    def read(self, before: float, now: float, after: float) -> float:
        """Take in a reading: the database said `now` between `before` and `after` of ours. Returns the estimate."""
        latest, earliest = after - now, before - now
        if self._offset is None or not earliest - _ROOM <= self._offset <= latest:
            self._offset = latest
        return self._offset
