"""What the formulas see: an offer in one snapshot of one list, that snapshot, and the list's past.

Nothing here knows a database. `Observation` and `Snapshot` are tuples whose fields are in the order of the columns to
select, so that `Observation._make(row)` makes one from a row.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from math import inf
from operator import attrgetter
from typing import NamedTuple

from toplist.items import Entry, RankList, Status

#: Days of the past that the formulas look at: 30, and the tolerance of the 30-day growth.
HISTORY_DAYS = 33

_by_date = attrgetter("snapshot_date")


class Observation(NamedTuple):
    """An offer in one snapshot of a list. `collected_at` is aware; `None` where the gateway did not say."""

    offer_id: str
    snapshot_date: date
    collected_at: datetime
    rank: int
    price: float | None  # yuan
    sale_count: int | None  # units; what they cover is `Coverage`
    buyer_count: int | None
    tier_start: int | None = None  # pieces at which the first price tier begins; None without tiers
    tier_price: float | None = None  # yuan, of the first price tier


class Snapshot(NamedTuple):
    """How one list ended on one day."""

    snapshot_date: date
    status: str  # a value of `toplist.items.Status`
    collected_at: datetime | None
    requested_rows: int | None = None  # rows asked for; None is all
    reported_total: int | None = None  # rows of the whole list, where the gateway says it
    received: int | None = None  # rows that came
    rejected: int = 0  # rows that could not be read

    @property
    def complete(self) -> bool:
        """Whether this snapshot may be compared with another."""
        return self.status == Status.COMPLETE

    @property
    def depth(self) -> float:
        """The lowest rank that was looked at; infinite when the whole list was.

        Where the gateway gives no total, nothing says that a list of fewer rows was whole: its depth is what came.
        """
        asked = inf if self.requested_rows is None else self.requested_rows
        if self.reported_total is None:
            return asked if self.received is None else min(asked, self.received)
        return inf if self.reported_total <= asked else asked


def observe(entry: Entry) -> Observation:
    """The part of an entry that the formulas need."""
    first = min(entry.price_tiers, key=lambda tier: tier.start_quantity) if entry.price_tiers else None
    return Observation(
        entry.offer_id,
        entry.snapshot_date,
        entry.collected_at,
        entry.rank,
        entry.price,
        entry.sale_count,
        entry.buyer_count,
        first.start_quantity if first else None,
        first.price if first else None,
    )


def snapshot_of(ranked: RankList) -> Snapshot:
    """The part of a list as it ended that the formulas need."""
    return Snapshot(
        ranked.snapshot_date,
        ranked.status,
        ranked.collected_at,
        ranked.requested_rows,
        ranked.reported_total,
        ranked.received,
        len(ranked.rejected),
    )


@dataclass(slots=True)
class ListHistory:
    """One list's past, oldest first. `first_seen`: when an offer was first in this list, as far back as is known."""

    by_offer: dict[str, list[Observation]] = field(default_factory=dict)
    snapshots: list[Snapshot] = field(default_factory=list)
    first_seen: Mapping[str, date] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        observations: Iterable[Observation],
        snapshots: Iterable[Snapshot],
        first_seen: Mapping[str, date] | None = None,
    ) -> ListHistory:
        """From rows in any order."""
        history = cls(snapshots=sorted(snapshots, key=_by_date), first_seen=first_seen or {})
        for observation in observations:
            history.by_offer.setdefault(observation.offer_id, []).append(observation)
        for past in history.by_offer.values():
            past.sort(key=_by_date)
        return history

    def past(self, offer_id: str, before: date) -> list[Observation]:
        """The offer's observations before a snapshot date: that day's own, of an earlier crawl, are not its past."""
        seen = self.by_offer.get(offer_id, [])
        if seen and seen[-1].snapshot_date >= before:
            return seen[: bisect_left(seen, before, key=_by_date)]
        return seen

    def on(self, snapshot_date: date) -> dict[str, Observation]:
        """Offer id to observation of one day."""
        found = {}
        for offer_id, seen in self.by_offer.items():
            at = bisect_left(seen, snapshot_date, key=_by_date)
            if at < len(seen) and seen[at].snapshot_date == snapshot_date:
                found[offer_id] = seen[at]
        return found
