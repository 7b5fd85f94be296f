"""Places gained, and what became of an offer in its list. Only complete snapshots of the same list compare."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from toplist.items import Status
from toplist.trends.observation import ListHistory, Observation, Snapshot
from toplist.trends.reasons import Reason

#: The oldest snapshot that ranks are compared with, in days.
BASE_DAYS = 14


class Movement(StrEnum):
    """An offer's way into or through its list, since the base."""

    NEW_ENTRY = "new_entry"
    RE_ENTRY = "re_entry"
    UP = "up"
    DOWN = "down"
    STEADY = "steady"
    UNKNOWN = "unknown"


class Baseline(NamedTuple):
    """The snapshot that today's is compared with, or why there is none.

    `arrivals`: why an offer that the base lacks can't be called new. `departures`: why one that today lacks can't be
    called gone. Both None when it can.
    """

    snapshot: Snapshot | None
    reason: Reason | None = None
    arrivals: Reason | None = None
    departures: Reason | None = None


class RankChange(NamedTuple):
    """Places gained (positive is up), the status, and why one of them is not known."""

    value: int | None
    status: Movement
    reason: Reason | None = None


class Dropout(NamedTuple):
    """An offer that the base held and today's complete list does not."""

    offer_id: str
    base_date: date
    rank: int  # at the base
    sale_count: int | None  # at the base


def find_base(today: Snapshot, snapshots: Sequence[Snapshot], max_gap_days: int = 1) -> Baseline:
    """The last complete snapshot before today's, at most 14 days old. `snapshots`: oldest first.

    `max_gap_days`: how far apart two neighbouring snapshots are when nothing was missed.
    """
    if not today.complete:
        return Baseline(None, Reason.TODAY_INCOMPLETE)
    earlier = [snapshot for snapshot in snapshots if snapshot.snapshot_date < today.snapshot_date]
    if not earlier:
        return Baseline(None, Reason.FIRST_SNAPSHOT)
    base = next((snapshot for snapshot in reversed(earlier) if snapshot.complete), None)
    if base is None or (today.snapshot_date - base.snapshot_date).days > BASE_DAYS:
        return Baseline(None, Reason.NO_COMPLETE_BASE)
    if base.collected_at and today.collected_at and base.collected_at >= today.collected_at:
        return Baseline(None, Reason.CLOCK_BACK)
    return Baseline(base, None, _arrivals(today, base, earlier, max_gap_days), _departures(today, base))


def _arrivals(today: Snapshot, base: Snapshot, earlier: Sequence[Snapshot], max_gap_days: int) -> Reason | None:
    if (today.snapshot_date - base.snapshot_date).days > max_gap_days:
        between = [snapshot for snapshot in earlier if snapshot.snapshot_date > base.snapshot_date]
        partial = any(snapshot.status == Status.PARTIAL for snapshot in between)
        return Reason.SHORT_DAY if partial else Reason.MISSED_DAY
    if base.depth < today.depth:
        return _shallower(base, today)
    return Reason.ROWS_REJECTED if base.rejected else None


def _departures(today: Snapshot, base: Snapshot) -> Reason | None:
    if today.depth < base.depth:
        return _shallower(today, base)
    return Reason.ROWS_REJECTED if today.rejected else None


def _shallower(one: Snapshot, other: Snapshot) -> Reason:
    return Reason.FEWER_ROWS if one.requested_rows == other.requested_rows else Reason.ASKED_LESS_DEEP


def rank_change(now: Observation, base: Baseline, before: Observation | None, first_seen: date | None) -> RankChange:
    """Places gained since the base, and the status.

    `before`: the offer at the base. `first_seen`: when the list first held it, if it ever did before today.
    """
    if base.snapshot is None:
        return RankChange(None, Movement.UNKNOWN, base.reason)
    if before is not None:
        gained = before.rank - now.rank
        moved = Movement.UP if gained > 0 else Movement.DOWN if gained < 0 else Movement.STEADY
        return RankChange(gained, moved)
    if base.arrivals is not None:
        return RankChange(None, Movement.UNKNOWN, base.arrivals)
    if first_seen is not None and first_seen < base.snapshot.snapshot_date:
        return RankChange(None, Movement.RE_ENTRY, Reason.NO_BASE)
    return RankChange(None, Movement.NEW_ENTRY, Reason.NO_BASE)


def first_seen(history: ListHistory, offer_id: str, past: Sequence[Observation]) -> date | None:
    """When the list first held an offer: the earlier of what was given and what the window shows."""
    given = history.first_seen.get(offer_id)
    shown = past[0].snapshot_date if past else None
    return min((day for day in (given, shown) if day is not None), default=None)


def dropped_out(rows: Iterable[Observation], base: Baseline, at_base: dict[str, Observation]) -> list[Dropout]:
    """Offers that left, by their rank at the base; none where a gap or a shallower look would explain it."""
    if base.snapshot is None or base.departures is not None:
        return []
    here = {row.offer_id for row in rows}
    gone = sorted((seen for seen in at_base.values() if seen.offer_id not in here), key=lambda seen: seen.rank)
    return [Dropout(seen.offer_id, seen.snapshot_date, seen.rank, seen.sale_count) for seen in gone]
