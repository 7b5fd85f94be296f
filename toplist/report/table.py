"""The entries of a page, column by column, with the days behind them."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from toplist.report.columns import PLAIN, deltas, encode_column, optional
from toplist.report.facts import ListFacts, ListId
from toplist.report.reader import PastList
from toplist.trends.panel import Bools, Floats, Ints

#: What belongs to the offer; offers that stand on several lists unchanged are carried once.
OFFER_FIELDS = (
    "offer_id",
    "title",
    "title_translated",
    "min_order",
    "price_tiers",
    "supplier",
    "is_gold",
    "main_img",
    "detail_url",
    "services",
    "badges",
    "unit",
    "lot_size",
)
#: What belongs to the entry; what is the same for a whole list is taken from the list.
ENTRY_FIELDS = (
    "rank",
    "collected_at",
    "price",
    "sale_count",
    "buyer_count",
    "trade_score",
    "repurchase_rate",
    "trend_score",
    "heat_index",
    "sale_growth",
    "sale_growth_per_day",
    "sale_growth_adjusted",
    "sale_growth_30d",
    "price_change",
    "price_change_per_day",
    "price_volatility",
    "rank_change",
    "movement",
    "breakout_score",
    "breakout_probability",
    "breakout_probability_30d",
    "is_breakout",
    "trend_notes",
)
#: Past prices are carried as whole numbers of 1/10,000 yuan.
PRICE_SCALE = 10_000
_UNKNOWN = -1


class EntryTable:
    """Grows entry by entry. Positions of entries count from 0 in the order in which they were added."""

    def __init__(self, lists: Sequence[ListFacts], days: int):
        self.lists = list(lists)
        self.columns: dict[str, list[Any]] = {name: [] for name in (*OFFER_FIELDS, *ENTRY_FIELDS)}
        self.list_of: list[int] = []
        self._days = days
        self._list_numbers = {each.id: at for at, each in enumerate(self.lists)}
        self._positions: dict[int, dict[str, int]] = {}
        self._ranks = array("i")
        self._counts = array("q")
        self._prices = array("q")

    def __len__(self) -> int:
        return len(self.list_of)

    def add(self, lists: Sequence[ListId], entries: Mapping[str, Sequence[Any]]) -> int:
        """Add entries: the list of each, and columns under the feed's names. Returns the position of the first."""
        first = len(self)
        for at, (list_id, offer_id) in enumerate(zip(lists, entries["offer_id"], strict=True), first):
            number = self._list_numbers[list_id]
            self.list_of.append(number)
            self._positions.setdefault(number, {})[offer_id] = at
        nothing = [None] * len(lists)
        for name, column in self.columns.items():
            column.extend(entries.get(name, nothing))
        for past in self._past():
            past.extend([_UNKNOWN] * (self._days * len(lists)))
        return first

    def add_past(self, past: PastList, first_day: int) -> None:
        """Lay a list's past days, from `first_day` of its window on, behind its entries.

        Rows of offers that the list no longer holds are skipped.
        """
        positions = self._positions.get(self._list_numbers[past.id], {})
        entry = np.array([positions.get(offer_id, _UNKNOWN) for offer_id in past.offer_id], np.int64)
        is_shown = (entry != _UNKNOWN) & (past.day >= first_day)
        cells = entry * self._days + past.day - first_day
        self._lay(self._ranks, cells, past.rank, is_shown)
        self._lay(self._counts, cells, past.sale_count, is_shown)
        self._lay(self._prices, cells, np.round(past.price * PRICE_SCALE), is_shown)

    @staticmethod
    def _lay(column: array[int], cells: Ints, values: Floats | Ints, is_shown: Bools) -> None:
        known = is_shown & ~np.isnan(values)
        np.asarray(column)[cells[known]] = values[known]  # of the array's own memory

    def copy_from(self, other: EntryTable, positions: Iterable[int]) -> None:
        """Add entries of another table, of the same lists and days, with their past."""
        for there in positions:
            row = {name: [column[there]] for name, column in other.columns.items()}
            here = self.add([other.lists[other.list_of[there]].id], row) * self._days
            source = slice(there * self._days, (there + 1) * self._days)
            for mine, theirs in zip(self._past(), other._past(), strict=True):
                mine[here : here + self._days] = theirs[source]

    def _past(self) -> tuple[array[int], array[int], array[int]]:
        return self._ranks, self._counts, self._prices

    def as_json(self) -> dict[str, Any]:
        """Entries, offers and lists as columns."""
        offers: dict[tuple[Any, ...], int] = {}
        firsts: list[int] = []
        offer_of = []
        for at, row in enumerate(zip(*(self.columns[name] for name in OFFER_FIELDS), strict=True)):
            key = tuple([value if isinstance(value, PLAIN) else repr(value) for value in row])
            number = offers.setdefault(key, len(offers))
            if number == len(firsts):
                firsts.append(at)
            offer_of.append(number)
        return {
            "lists": _lists_as_json(self.lists),
            "offers_count": len(firsts),
            "offers": {name: encode_column([self.columns[name][at] for at in firsts]) for name in OFFER_FIELDS},
            "entries": {
                "list": self.list_of,
                "offer": offer_of,
                **{name: encode_column(self.columns[name]) for name in ENTRY_FIELDS},
            },
        }

    def past_as_json(self) -> dict[str, Any]:
        """Each entry's days one after the other; a day without the entry is null. Sales and prices as differences."""
        ranks, counts, prices = map(np.asarray, self._past())
        return {
            "rank": optional(ranks),
            "sale_count": deltas(counts),
            "price": deltas(prices),
            "price_scale": PRICE_SCALE,
        }


def _lists_as_json(lists: Sequence[ListFacts]) -> dict[str, Any]:
    return {
        "protocol": encode_column([each.id.protocol for each in lists]),
        "rank_type": encode_column([each.id.rank_type for each in lists]),
        "category_id": [each.id.category_id for each in lists],
        "category_name": encode_column([each.category_name for each in lists]),
        "path": encode_column([list(each.path) for each in lists]),
        "status": encode_column([each.status for each in lists]),
        "total": [each.total for each in lists],
    }
