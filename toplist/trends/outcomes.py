"""What became of an offer: did its sales growth over the next days come out in the top tenth of its day?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from operator import itemgetter

from toplist.trends.growth import log_growth
from toplist.trends.observation import Snapshot
from toplist.trends.replay import ScoredRow

#: Fewer survivors than this have no top tenth to speak of.
MIN_SURVIVORS = 20

Snapshots = Mapping[tuple[str, date], Snapshot]


@dataclass(slots=True)
class Day:
    """One origin: its rows whose outcome is known, and what came of each, in the same order."""

    day: date
    rows: list[ScoredRow]
    growth: list[float | None]  # None: vanished
    top: list[bool]
    bottom: list[bool]
    unknown: int  # rows left out: nothing tells what became of them
    known_on: date  # when the last outcome of the day was there to be read


def label(rows: Iterable[ScoredRow], snapshots: Snapshots, horizon: int, tolerance: int) -> list[Day]:
    """Outcomes of every day, oldest first; days with fewer than 20 measured growths are left out.

    An outcome is read `horizon` days later, or up to `tolerance` days after that when the list was not complete then.
    An offer that such a snapshot lacks has vanished: a miss. One that it could not have shown (asked less deep, a list
    that never came again, no count) is unknown, and left out.
    """
    days: dict[date, list[ScoredRow]] = defaultdict(list)
    counts: dict[tuple[str, date], dict[str, int | None]] = defaultdict(dict)
    for row in rows:
        days[row.snapshot_date].append(row)
        counts[row.list_id, row.snapshot_date][row.offer_id] = row.sale_count
    labelled = []
    for day in sorted(days):
        found = _label_day(day, days[day], counts, snapshots, range(horizon, horizon + tolerance + 1))
        if found is not None:
            labelled.append(found)
    return labelled


def _label_day(
    day: date,
    rows: Sequence[ScoredRow],
    counts: Mapping[tuple[str, date], Mapping[str, int | None]],
    snapshots: Snapshots,
    offsets: Iterable[int],
) -> Day | None:
    kept: list[ScoredRow] = []
    growth: list[float | None] = []
    targets: dict[str, Snapshot | None] = {}
    later: list[date] = [day]
    for row in rows:
        if row.list_id not in targets:
            targets[row.list_id] = target = _target(row.list_id, day, snapshots, offsets)
            if target is not None:
                later.append(target.snapshot_date)
        known, value = _outcome(row, targets[row.list_id], counts, snapshots)
        if known:
            kept.append(row)
            growth.append(value)
    if sum(value is not None for value in growth) < MIN_SURVIVORS:
        return None
    top, bottom = tenths(growth)
    return Day(day, kept, growth, top, bottom, len(rows) - len(kept), max(later))


def _target(list_id: str, day: date, snapshots: Snapshots, offsets: Iterable[int]) -> Snapshot | None:
    for offset in offsets:
        snapshot = snapshots.get((list_id, day + timedelta(days=offset)))
        if snapshot is not None and snapshot.complete:
            return snapshot
    return None


def _outcome(
    row: ScoredRow,
    target: Snapshot | None,
    counts: Mapping[tuple[str, date], Mapping[str, int | None]],
    snapshots: Snapshots,
) -> tuple[bool, float | None]:
    """Whether the outcome is known, and the growth; None for one that vanished."""
    if target is None or not row.sale_count:
        return False, None
    there = counts.get((row.list_id, target.snapshot_date), {})
    if row.offer_id in there:
        value = log_growth(row.sale_count, there[row.offer_id])
        return value is not None, value
    origin = snapshots.get((row.list_id, row.snapshot_date))
    shallower = origin is None or target.depth < origin.depth
    return not (shallower or target.rejected), None


def tenths(growth: Sequence[float | None]) -> tuple[list[bool], list[bool]]:
    """Who is in the top tenth of the measured growths, who in the bottom one.

    Never more than a tenth: ties across the border are outside. A vanished offer is in neither.
    """
    measured = sorted(((value, at) for at, value in enumerate(growth) if value is not None), key=itemgetter(0))
    size = len(measured) // 10
    highest_out, lowest_out = measured[-size - 1][0], measured[size][0]
    return (
        [value is not None and value > highest_out for value in growth],
        [value is not None and value < lowest_out for value in growth],
    )
