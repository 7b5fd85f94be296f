"""Rows of a list → offers in the order of their ranks, for both protocols and any number of pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from toplist.api import values
from toplist.api.parse_issues import ParseIssues, Unparsable
from toplist.items import Offer, PriceTier, RejectedRow
from toplist.ranktypes import Protocol

DETAIL_URL = "https://detail.1688.com/offer/{}.html"

_FEN_PRICE_KEYS = ("priceFen", "priceInFen", "priceCent")


class RowError(ValueError):
    """A row is not an offer. The message is the reason."""

    @property
    def reason(self) -> str:
        """A word for a stat, such as ``no_offer_id``."""
        return str(self)


class RowField(NamedTuple):
    """The key of a field in the gateway's row, and the reader of its value."""

    field: str
    key: str
    read: Callable[[Any], Any]


BASE64_COLUMNS = (
    RowField("title", "subject", values.read_text),
    RowField("min_order", "minOrder", values.read_quantity),
    RowField("sale_count", "saleCount", values.read_count),
    RowField("repurchase_rate", "repurchaseRate", values.read_rate),
    RowField("supplier", "sellerNick", values.read_text),
    RowField("is_gold", "isGoldSupplier", values.read_flag),
    RowField("main_img", "imageUrl", values.read_url),
    RowField("detail_url", "detailUrl", values.read_url),
    RowField("price_tiers", "priceRangeList", values.read_tiers),
)

OPENPLATFORM_COLUMNS = (
    RowField("title", "title", values.read_text),
    RowField("title_translated", "translateTitle", values.read_text),
    RowField("sale_count", "soldOut", values.read_count),  # units of the last 30 days, not stock
    RowField("buyer_count", "buyerNum", values.read_count),
    RowField("trade_score", "goodsScore", values.read_score),
    RowField("main_img", "imgUrl", values.read_url),
    RowField("services", "serviceList", values.read_names),
)


def read_row(protocol: Protocol, raw_row: Any, issues: ParseIssues) -> tuple[Offer, int | None]:
    """An offer, and the rank that the gateway gives it, if any.

    Raises `RowError` where there is no readable offer id. Any other unreadable value becomes null and is counted in
    `issues`.
    """
    if not isinstance(raw_row, dict):
        raise RowError("not_an_object")
    if protocol is Protocol.BASE64:
        offer_id = _offer_id(raw_row.get("offerId"))
        fields = _read_columns(BASE64_COLUMNS, raw_row, issues)
        _add_price(fields, raw_row, issues)
        rank = None
    else:
        offer_id = _offer_id(raw_row.get("itemId"))
        fields = _read_columns(OPENPLATFORM_COLUMNS, raw_row, issues)
        rank = issues.keep("rank", values.read_rank(raw_row.get("sort")))
    fields["detail_url"] = fields.get("detail_url") or DETAIL_URL.format(offer_id)
    return Offer(offer_id=offer_id, **fields), rank


def _offer_id(raw: Any) -> str:
    offer_id = values.read_id(raw)
    if offer_id is None:
        raise RowError("no_offer_id")
    if isinstance(offer_id, Unparsable):
        raise RowError(f"offer_id_{offer_id.reason}")
    return offer_id


def _read_columns(columns: Iterable[RowField], raw_row: dict[str, Any], issues: ParseIssues) -> dict[str, Any]:
    return {column.field: issues.keep(column.field, column.read(raw_row.get(column.key))) for column in columns}


def _add_price(fields: dict[str, Any], raw_row: dict[str, Any], issues: ParseIssues) -> None:
    """The price and the tiers; each is derived from the other where only one is given."""
    price = issues.keep("price", values.read_price(raw_row.get("price")))
    for key in _FEN_PRICE_KEYS:
        if price is None and key in raw_row:
            price = issues.keep("price", values.read_price(raw_row[key], fen=True))
    tiers: list[PriceTier] | None = fields["price_tiers"]
    if price is None:
        # the price of the smallest order, as in a detail
        fields["price"] = min(tiers, key=lambda tier: tier.start_quantity).price if tiers else None
        return
    fields["price"] = price.low
    if not tiers:
        fields["price_tiers"] = price.tiers(fields["min_order"] or 1)


class ReadRow(NamedTuple):
    """A row that was read: its position in the list as sent, from 1, and the gateway's rank."""

    position: int
    rank: int | None
    offer: Offer
    collected_at: datetime


class RankedOffer(NamedTuple):
    """An offer at its final rank."""

    rank: int
    offer: Offer
    collected_at: datetime


@dataclass
class Rows:
    """The rows of one list so far. Pages are added one by one, in any order; the object may be pickled in between."""

    pages: dict[int, list[ReadRow | RejectedRow]] = field(default_factory=dict)
    issues: ParseIssues = field(default_factory=ParseIssues)

    def add_page(
        self, protocol: Protocol, raw_rows: Sequence[Any], page: int, page_size: int, collected_at: datetime
    ) -> None:
        """Read the rows of a page (from 1). A page that is added again replaces the earlier one."""
        first = (page - 1) * page_size + 1
        self.pages[page] = [
            self._read(protocol, raw_row, position, collected_at) for position, raw_row in enumerate(raw_rows, first)
        ]

    def _read(self, protocol: Protocol, raw_row: Any, position: int, collected_at: datetime) -> ReadRow | RejectedRow:
        if position > values.MAX_RANK:
            return RejectedRow(position=position, reason="beyond_last_rank", row=keepable(raw_row))
        try:
            offer, rank = read_row(protocol, raw_row, self.issues)
        except RowError as error:
            return RejectedRow(position=position, reason=error.reason, row=keepable(raw_row))
        return ReadRow(position, rank, offer, collected_at)

    @property
    def received(self) -> int:
        """The number of rows received, rejected and duplicate ones included."""
        return sum(len(rows) for rows in self.pages.values())

    @property
    def rejected(self) -> list[RejectedRow]:
        """Rows that are not offers, with the reason, in the order of the list."""
        return [row for row in self._in_order() if isinstance(row, RejectedRow)]

    @property
    def duplicates(self) -> int:
        """Rows that repeat an offer of the same list."""
        offers = [row.offer.offer_id for row in self._in_order() if isinstance(row, ReadRow)]
        return len(offers) - len(set(offers))

    def arranged(self) -> list[RankedOffer]:
        """Every offer once, in the order of its rank."""
        return arrange([row for row in self._in_order() if isinstance(row, ReadRow)])

    def _in_order(self) -> list[ReadRow | RejectedRow]:
        return [row for _, rows in sorted(self.pages.items()) for row in rows]


def arrange(rows: Sequence[ReadRow]) -> list[RankedOffer]:
    """Order by the gateway's rank; if any offer has no rank or two have the same, order the whole list by position.

    A duplicate offer keeps its best rank. The rank of a rejected or duplicate row stays unused: if the offers behind it
    moved up, one bad row would look like a rise of all of them.
    """
    by_rank = _once_each(sorted(rows, key=lambda row: (row.rank is None, row.rank or 0, row.position)))
    ranks = [row.rank for row in by_rank if row.rank is not None]
    if len(set(ranks)) == len(by_rank):
        return [RankedOffer(rank, row.offer, row.collected_at) for rank, row in zip(ranks, by_rank, strict=True)]
    return [RankedOffer(row.position, row.offer, row.collected_at) for row in _once_each(rows)]


def _once_each(rows: Iterable[ReadRow]) -> list[ReadRow]:
    kept: dict[str, ReadRow] = {}
    for row in rows:
        kept.setdefault(row.offer.offer_id, row)
    return list(kept.values())


def keepable(value: Any, depth: int = 6) -> Any:
    """A value for the file of rejected rows: cut where it is too deep, too long or has too many members."""
    if isinstance(value, str):
        return value[:500]
    if isinstance(value, dict | list) and not depth:
        return "…"
    if isinstance(value, dict):
        return {str(key)[:100]: keepable(inner, depth - 1) for key, inner in list(value.items())[:50]}
    if isinstance(value, list):
        return [keepable(inner, depth - 1) for inner in value[:50]]
    return value
