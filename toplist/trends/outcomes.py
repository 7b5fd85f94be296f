"""What became of an offer: did its sales growth over the next days come out in the top tenth of its day?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from toplist.trends.panel import Bools, Floats, Ints, Panel, SnapshotColumns

#: Fewer survivors than this have no top tenth to speak of.
MIN_SURVIVORS = 20


@dataclass(frozen=True)
class Outcomes:
    """Of each row of a panel: the log growth, NaN for one that vanished; whether it is known; the day it was read."""

    growth: Floats
    is_known: Bools
    known_on: Ints


def tolerance_of(horizon: int) -> int:
    """Days that an outcome may be read late, when the list was not complete on its day: a tenth of the horizon."""
    return max(1, horizon // 10)


def outcomes(panel: Panel, snapshots: SnapshotColumns, horizon: int) -> Outcomes:
    """An outcome is read `horizon` days later, or up to a tenth of that after it when the list was not complete then.

    An offer that such a snapshot lacks has vanished: a miss. One that it could not have shown (asked less deep, a row
    that could not be read, a list that never came again, no count) is unknown.
    """
    complete = snapshots.pick(snapshots.is_complete)
    row, at = panel.on(horizon, complete, tolerance_of(horizon))
    growth = np.where(row >= 0, panel.log_count[row] - panel.log_count, np.nan)
    origin = panel.of_snapshots(snapshots)
    whole = (complete.depth[at] >= snapshots.depth[origin]) & (complete.rejected[at] == 0) if len(complete.day) else at
    is_known = (at >= 0) & ~np.isnan(panel.log_count) & np.where(row >= 0, ~np.isnan(growth), whole)
    known_on = np.where(at >= 0, complete.day[at], -1) if len(complete.day) else at
    return Outcomes(growth, is_known.astype(np.bool_), known_on)


def borders(growth: Floats) -> tuple[float, float] | None:
    """The growths of one day that its top tenth is above and its bottom tenth is below; None with fewer than 20.

    Never more than a tenth of the measured ones: ties across the border are outside. NaN are not measured.
    """
    measured = growth[~np.isnan(growth)]
    size = len(measured) // 10
    if len(measured) < MIN_SURVIVORS:
        return None
    placed = np.partition(measured, (size, len(measured) - size - 1))
    return float(placed[len(measured) - size - 1]), float(placed[size])


def top_tenth(day: Ints, found: Outcomes) -> tuple[Bools, Bools]:
    """Whether each row is in the top tenth of its day, and whether its day has one: else it is not known."""
    top, known = np.zeros(len(day), np.bool_), np.zeros(len(day), np.bool_)
    order = np.argsort(day, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(day[order])) + 1):
        growth = np.where(found.is_known[rows], found.growth[rows], np.nan)
        edges = borders(growth)
        if edges is not None:
            known[rows] = found.is_known[rows]
            top[rows] = growth > edges[0]
    return top, known
