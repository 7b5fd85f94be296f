"""The sandbox's market: which offers are on which list on a date, and the true figures behind them.

Counts are as of the end of the date. `total_sold` counts from the day the offer was listed and never falls
(`saleCount` in `base64`); `sold_30` counts the last 30 days (`soldOut` in `openplatform`). Both come from the same
daily sales, and an offer has the same id in both protocols.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache, partial
from typing import NamedTuple

from toplist.ranktypes import RANK_TYPES
from toplist.sandbox.catalogue import CatalogueNode, catalogue
from toplist.sandbox.clocks import FIRST_DATE, LAST_DATE
from toplist.sandbox.curves import seeded_number
from toplist.sandbox.offers import MAX_SLOTS, MarketOffer, OfferSlot, generation_at, slot_of

MAX_TOTAL = 1500
_POOL = 58
_SMALLEST, _LARGEST = 12, 46


class OfferFigures(NamedTuple):
    """An offer and its figures on a date."""

    offer: MarketOffer
    age: int
    total_sold: int
    sold_30: int
    sold_7: int
    sold_7_before: int
    price: float

    @property
    def growth(self) -> float:
        """Log growth of a week's sales over the week before, damped where there is little."""
        return math.log((self.sold_7 + 10) / (self.sold_7_before + 10))


#: What a list is ordered by, highest first. A rank type without an order of its own gets a random one.
_ORDERS: dict[str, Callable[[OfferFigures], float]] = {
    "hot": lambda s: s.sold_30,
    "best": lambda s: s.total_sold,
    "rise": lambda s: s.growth,
    "new": lambda s: -s.age + s.sold_7 / (s.sold_7 + 50),
    "goodPrice": lambda s: 1 - s.offer.value + s.offer.list_price / s.price * 0.5,
    "complex": lambda s: math.log1p(s.sold_30) + s.offer.score + 2 * s.offer.repurchase_rate + s.growth,
    "anchorHot": lambda s: s.sold_30 * s.offer.anchor_appeal,
    "anchorNew": lambda s: s.offer.anchor_appeal - s.age / 60,
    "anchorRecommend": lambda s: s.offer.anchor_appeal + s.offer.score,
    "VNHot": lambda s: s.sold_30 * s.offer.vietnam_appeal,
    "VNTrend": lambda s: s.growth + s.offer.vietnam_appeal,
}


def _random_order(rank_type: str, figures: OfferFigures) -> float:
    return figures.sold_30 * (1 + seeded_number(figures.offer.bits, rank_type) % 1000)


@dataclass(frozen=True, slots=True)
class Totals:
    """How many rows a list has: set for a list, for a category or for all; otherwise 12 to 46, by the seed."""

    for_all: int | None = None
    by_category: Mapping[str, int] = field(default_factory=dict)
    by_list: Mapping[tuple[str, str], int] = field(default_factory=dict)

    def of(self, seed: int, rank_type: str, category_id: str) -> int:
        fixed = self.by_list.get((category_id, rank_type), self.by_category.get(category_id, self.for_all))
        if fixed is not None:
            return fixed
        return _SMALLEST + seeded_number(seed, "total", rank_type, category_id) % (_LARGEST - _SMALLEST + 1)

    def largest(self, category_id: str) -> int:
        """An upper bound for the category's lists."""
        fixed = [total for (category, _), total in self.by_list.items() if category == category_id]
        return max(_LARGEST, self.for_all or 0, self.by_category.get(category_id, 0), *fixed)


class Market:
    """The market of a seed. Any order of dates gives the same lists; the memory is bounded.

    `archetype` gives every offer that one archetype (see `curves.ARCHETYPES`).
    """

    def __init__(self, seed: int = 1, totals: Totals | None = None, archetype: str | None = None):
        self.seed = seed
        self.totals = totals or Totals()
        self._archetype = archetype
        self._offer = lru_cache(12_000)(self._make_offer)
        self._board = lru_cache(128)(self._make_board)
        self._ranked = lru_cache(512)(self._make_ranked)

    def warm(self, on: date) -> None:
        """Build the tree and the offers of the categories with a set total before the first request, so that building
        them (about 60 ms, and 0.1 ms per row) delays no arrival."""
        for category_id in {"", *self.totals.by_category, *(category for category, _ in self.totals.by_list)}:
            self.rows("hot", category_id, on)

    def rows(self, rank_type: str, category_id: str, on: date) -> tuple[OfferFigures, ...] | None:
        """The list in rank order; None where the market has no such list: an unknown rank type, an unknown or a
        retired category. The empty id stands for all categories together."""
        category = catalogue().get(category_id)
        if rank_type not in RANK_TYPES or category is None or category.is_retired:
            return None
        return self._ranked(rank_type, category.number, category_id, on.toordinal())

    def figures(self, offer_id: str, on: date) -> OfferFigures:
        """An offer's figures on a date. Raises KeyError where there is no such offer, or not on that date."""
        slot = slot_of(self.seed, offer_id)
        try:
            category = catalogue().numbered(slot.category)
        except IndexError:
            raise KeyError(offer_id) from None
        ordinal = on.toordinal()
        if not category.is_leaf or generation_at(self.seed, slot.category, slot.number, ordinal) != slot.generation:
            raise KeyError(offer_id)
        return self._figures(self._offer(slot), ordinal)

    def _make_offer(self, slot: OfferSlot) -> MarketOffer:
        return MarketOffer(self.seed, catalogue().numbered(slot.category), slot, self._archetype)

    @staticmethod
    def _figures(offer: MarketOffer, ordinal: int) -> OfferFigures:
        age = ordinal - offer.born
        week = offer.sold(age, 7)
        return OfferFigures(
            offer, age, offer.total[age], offer.sold(age, 30), week, offer.sold(age, 14) - week, offer.price(age)
        )

    def _slots(self, category: CatalogueNode) -> list[tuple[int, int]]:
        """(leaf, slot) of the offers for a category's lists. A branch uses the first slots of its leaves."""
        size = max(_POOL, math.ceil(self.totals.largest(category.category_id) * 1.25))
        leaves = [leaf.number for leaf in category.leaves()]
        spread = [leaves[step * len(leaves) // min(size, len(leaves))] for step in range(min(size, len(leaves)))]
        return [(spread[index % len(spread)], min(index // len(spread), MAX_SLOTS - 1)) for index in range(size)]

    def _make_board(self, number: int, ordinal: int) -> list[OfferFigures]:
        return [
            self._figures(self._offer(OfferSlot(leaf, slot, generation_at(self.seed, leaf, slot, ordinal))), ordinal)
            for leaf, slot in self._slots(catalogue().numbered(number))
        ]

    def _make_ranked(self, rank_type: str, number: int, category_id: str, ordinal: int) -> tuple[OfferFigures, ...]:
        if not FIRST_DATE.toordinal() <= ordinal <= LAST_DATE.toordinal():
            raise ValueError(f"the market has lists from {FIRST_DATE} to {LAST_DATE}")
        order = _ORDERS.get(rank_type) or partial(_random_order, rank_type)
        ranked = sorted(self._board(number, ordinal), key=lambda s: (-order(s), s.offer.offer_id))
        return tuple(ranked[: self.totals.of(self.seed, rank_type, category_id)])
