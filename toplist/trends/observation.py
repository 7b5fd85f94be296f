"""What the formulas see: an offer in one snapshot of one list, that snapshot, and the list's past.

Nothing here knows a database. The fields of `Columns` and `Snapshot` are in the order of the columns to select.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from math import inf
from operator import attrgetter
from typing import Any, NamedTuple, overload

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


class Columns(NamedTuple):
    """Observations by field: `Observation`'s fields, each with the values of all rows."""

    offer_id: Sequence[str] = ()
    snapshot_date: Sequence[date] = ()
    collected_at: Sequence[datetime] = ()
    rank: Sequence[int] = ()
    price: Sequence[float | None] = ()
    sale_count: Sequence[int | None] = ()
    buyer_count: Sequence[int | None] = ()
    tier_start: Sequence[int | None] = ()
    tier_price: Sequence[float | None] = ()


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


class Past(Sequence[Observation]):
    """An offer's observations, oldest first. Each is made when it is looked at: a formula looks at few of them."""

    __slots__ = ("_columns", "_rows")

    def __init__(self, columns: Columns, rows: Sequence[int]):
        self._columns = columns
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, at: int) -> Observation: ...
    @overload
    def __getitem__(self, at: slice) -> Past: ...
    def __getitem__(self, at: int | slice) -> Observation | Past:
        if isinstance(at, slice):
            return Past(self._columns, self._rows[at])
        return self._made(self._rows[at])

    def __iter__(self) -> Iterator[Observation]:
        return map(self._made, self._rows)

    def __reversed__(self) -> Iterator[Observation]:
        return map(self._made, reversed(self._rows))

    def _made(self, row: int) -> Observation:
        columns: Sequence[Sequence[Any]] = self._columns
        return Observation(*[column[row] for column in columns])


@dataclass(slots=True)
class ListHistory:
    """One list's past. `first_seen`: when an offer was first in this list, as far back as is known.

    `columns` are its observations, and `by_offer` the rows of each offer; all oldest first.
    """

    columns: Columns = field(default_factory=Columns)
    snapshots: list[Snapshot] = field(default_factory=list)
    first_seen: Mapping[str, date] = field(default_factory=dict)
    by_offer: dict[str, list[int]] = field(init=False)

    def __post_init__(self) -> None:
        self.by_offer = defaultdict(list)
        for row, offer_id in enumerate(self.columns.offer_id):
            self.by_offer[offer_id].append(row)

    @classmethod
    def of(
        cls,
        observations: Iterable[Observation],
        snapshots: Iterable[Snapshot],
        first_seen: Mapping[str, date] | None = None,
    ) -> ListHistory:
        """From rows in any order."""
        columns = Columns(*zip(*sorted(observations, key=_by_date), strict=True))
        return cls(columns, sorted(snapshots, key=_by_date), first_seen or {})

    def rows(self, offer_id: str, before: date, since: date = date.min) -> list[int]:
        """The offer's rows before a snapshot date: that day's own, of an earlier crawl, are not its past."""
        rows, dates = self.by_offer.get(offer_id, []), self.columns.snapshot_date
        if rows and (dates[rows[0]] < since or dates[rows[-1]] >= before):
            first, last = (bisect_left(rows, day, key=dates.__getitem__) for day in (since, before))
            return rows[first:last]
        return rows

    def past(self, offer_id: str, before: date) -> Past:
        """The offer's observations before a snapshot date."""
        return Past(self.columns, self.rows(offer_id, before))

    def on(self, snapshot_date: date) -> dict[str, Observation]:
        """Offer id to observation of one day."""
        rows = [row for row, day in enumerate(self.columns.snapshot_date) if day == snapshot_date]
        return {each.offer_id: each for each in Past(self.columns, rows)}
