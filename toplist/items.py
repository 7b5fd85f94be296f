"""What a crawl brings: entries, and the list that they make up.

A list travels the pipelines as one item, so that it is stored whole and its trends see all of it; the exporters of
`toplist.feeds` write its entries one a line.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any, NamedTuple

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from toplist.ranktypes import Protocol

#: No real count (sales, buyers, pieces, rows of a list) is larger. A larger one is not read: the columns hold 64 bits.
MAX_COUNT = 10**12
#: No list is longer: a rank that is larger is not read. The columns hold 16 bits.
MAX_RANK = 2**15 - 1


class Source(StrEnum):
    """Where rows came from. Rows of different sources are never compared."""

    GATEWAY = "1688"
    SANDBOX = "sandbox"


class Status(StrEnum):
    """How a planned list ended; `PENDING` says that it has not."""

    PENDING = "pending"
    COMPLETE = "complete"
    PARTIAL = "partial"
    EMPTY = "empty"
    ABSENT = "absent"
    FAILED = "failed"


class ListKey(NamedTuple):
    """A list's identity, in the ledger, the delta key, the history and the trends."""

    source: Source
    protocol: Protocol
    rank_type: str
    category_id: str

    def __str__(self) -> str:
        return ":".join(self)


class PriceTier(BaseModel):
    """One step of a wholesale price: from `start_quantity` pieces on, `price` yuan each."""

    model_config = ConfigDict(extra="forbid")

    start_quantity: int = Field(ge=0, le=MAX_COUNT)
    price: float = Field(ge=0, description="yuan")


class Offer(BaseModel):
    """What one row of an answer says of an offer, in the feed's words. `None`: the gateway did not say."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    offer_id: str = Field(min_length=1, description="the product's id on 1688, digits kept as text")
    title: str | None = None
    title_translated: str | None = None
    price: float | None = Field(None, ge=0, description="yuan; the lower end where the gateway gives a range")
    min_order: int | None = Field(None, ge=0, le=MAX_COUNT, description="pieces in the smallest order")
    price_tiers: list[PriceTier] | None = None
    sale_count: int | None = Field(None, ge=0, le=MAX_COUNT, description="openplatform: units of the last 30 days")
    buyer_count: int | None = Field(None, ge=0, le=MAX_COUNT, description="buyers of the last 30 days")
    trade_score: float | None = None
    repurchase_rate: float | None = Field(None, ge=0, le=1, description="0-1, whatever the gateway's spelling")
    supplier: str | None = None
    is_gold: bool | None = None
    main_img: str | None = None
    detail_url: str | None = None
    services: list[str] | None = None
    unit: str | None = Field(None, description="what one piece is, in Chinese: 件, 盒")
    lot_size: int | None = Field(
        None, ge=0, le=MAX_COUNT, description="pieces that are sold together: an order is a multiple of it"
    )
    badges: list[str] | None = Field(None, description="the seller's and the offer's badges, in the gateway's words")


class Trends(BaseModel):
    """What changed since earlier snapshots; see docs/metrics.md. `None`: no base to compare with."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    trend_score: float | None = None
    heat_index: float | None = Field(None, ge=0, le=100)
    sale_growth: float | None = None
    sale_growth_per_day: float | None = None
    sale_growth_adjusted: float | None = Field(None, description="growth per day above the median of the list")
    sale_growth_30d: float | None = Field(None, description="against the window of 30 days before, which shares no day")
    price_change: float | None = None
    price_change_per_day: float | None = None
    price_volatility: float | None = Field(None, ge=0, description="deviation of the daily log change, last 30 days")
    rank_change: int | None = Field(None, description="places gained since the last complete snapshot")
    movement: str | None = None
    breakout_score: float | None = Field(None, description="orders; the logit of the probability once there is one")
    breakout_probability: float | None = Field(None, ge=0, le=1, description="of the top tenth of growth in 7 days")
    breakout_probability_30d: float | None = Field(None, ge=0, le=1, description="the same in 30 days")
    is_breakout: bool | None = Field(None, description="at least three times as likely as any row, by its record")
    trend_notes: list[str] | None = Field(None, description="why a figure is null or doubtful: field:reason")


class Place(BaseModel):
    """Where and when a row stood: a rank of a list in a snapshot."""

    model_config = ConfigDict(extra="forbid")

    snapshot_date: date
    collected_at: AwareDatetime = Field(description="UTC, when the answer was read")
    source: Source
    protocol: Protocol
    rank_type: str
    category_id: str
    category_name: str | None = None
    category_level: int | None = Field(None, ge=1, le=3, description="1 is a root category")
    category_path: str | None = Field(None, description="names from the root down to the category: 女装 > 连衣裙")
    rank: int = Field(ge=1, le=MAX_RANK)
    total: int | None = Field(None, ge=0, le=MAX_COUNT, description="rows of the whole list, where the gateway says it")


class Entry(Trends, Offer, Place):
    """An offer at a rank of a list in a snapshot: one line of the feed."""


#: The feed's columns, in its order.
ENTRY_FIELDS: tuple[str, ...] = tuple(Entry.model_fields)


class RejectedRow(BaseModel):
    """A row that could not be read, kept with the reason; it never takes its list down."""

    position: int = Field(ge=1, description="1-based place of the row in its list as it came")
    reason: str
    row: Any


class DroppedOut(BaseModel):
    """An offer that stood in the list's last complete snapshot and does not in this one."""

    offer_id: str
    base_date: date = Field(description="the snapshot that still held it")
    rank: int = Field(description="its rank then")
    sale_count: int | None = None


class RankList(BaseModel):
    """One planned list of a snapshot, as it ended: the item that the spider yields."""

    model_config = ConfigDict(extra="forbid")

    key: ListKey
    snapshot_date: date
    status: Status
    category_name: str | None = None
    category_level: int | None = None
    category_path: str | None = None
    code: str | None = Field(None, description="why it failed: the gateway's code or ours")
    message: str | None = None
    reported_total: int | None = None
    requested_rows: int | None = Field(None, description="rows asked for: pages x page_size; None is all")
    page_size: int
    duplicates: int = 0
    collected_at: datetime | None = None
    entries: list[Entry] = []
    rejected: list[RejectedRow] = []
    dropped_out: list[DroppedOut] = []

    @property
    def received(self) -> int:
        """Rows that came, those rejected and those duplicates included."""
        return len(self.entries) + len(self.rejected) + self.duplicates
