"""What a snapshot consists of, apart from its entries."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

#: Statuses in the order in which the page names them; see the words of the ledger.
STATUSES = ("complete", "partial", "empty", "absent", "failed", "pending")
#: How the names of a category path are joined in the history.
PATH_SEPARATOR = " > "


class ListId(NamedTuple):
    """A list of a source."""

    protocol: str
    rank_type: str
    category_id: str


@dataclass(frozen=True, slots=True)
class ListFacts:
    """One planned list of the snapshot, as the ledger has it."""

    id: ListId
    status: str
    code: str | None
    message: str | None
    category_name: str | None
    category_path: str | None
    total: int | None
    received: int
    rejected: int
    duplicates: int

    @property
    def entries(self) -> int:
        """Rows that are on the feed."""
        return self.received - self.rejected - self.duplicates

    @property
    def path(self) -> tuple[str, ...]:
        """Names from the root category down; the id where the gateway gave no name."""
        text = self.category_path or self.category_name or self.id.category_id
        return tuple(text.split(PATH_SEPARATOR))


@dataclass(frozen=True, slots=True)
class DayFacts:
    """One day of the source: how many lists ended in each status, and how many rows came."""

    day: date
    statuses: dict[str, int]
    received: int


@dataclass(frozen=True, slots=True)
class DroppedOffer:
    """An offer that stood on a list's last complete snapshot and does not in this one."""

    list: ListId
    offer_id: str
    title: str | None
    base_date: date
    rank: int
    sale_count: int | None


@dataclass(frozen=True, slots=True)
class CountFacts:
    """What a protocol's sale counts cover, by which evidence, and what its heat index is measured against."""

    protocol: str
    coverage: str
    days: int
    changes: int
    falls: int
    heat_reference: str | None  # None: the shipped one


@dataclass(frozen=True, slots=True)
class SnapshotFacts:
    """A snapshot of one source. `days` hold only days that have a ledger, oldest first, this one included."""

    source: str
    snapshot_date: date
    lists: list[ListFacts]
    days: list[DayFacts]
    dropped_out: list[DroppedOffer] = field(default_factory=list)
    dropped_out_total: int = 0
    first_date: date | None = None
    counts: list[CountFacts] = field(default_factory=list)

    @property
    def entries(self) -> int:
        """Entries of the whole snapshot."""
        return sum(each.entries for each in self.lists)
