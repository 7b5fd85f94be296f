"""What moved: each offer once, at the entry where it moved most."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from toplist.report.table import EntryTable

#: Offers that a block shows; the table has them all.
SHOWN = 12
#: Breakout candidates of a day, as many as `toplist.report.record` judges; more where more are flagged.
PICKS = 20

_Key = tuple[float, ...]


@dataclass(slots=True)
class Block:
    """A block's entries, the first one the most remarkable, and how many offers it could have shown."""

    entries: list[int]
    offers: int


def find_moves(table: EntryTable) -> dict[str, Block]:
    """Every block by its name. Ties are in the order of sales, then of the table."""
    column = table.columns
    return {
        "breakouts": _breakouts(table),
        "risers": _block(table, lambda at: _moved(column, at, "up")),
        "fallers": _block(table, lambda at: _moved(column, at, "down")),
        "new_entries": _block(table, lambda at: _entered(column, at, "new_entry")),
        "re_entries": _block(table, lambda at: _entered(column, at, "re_entry")),
        "price_cuts": _block(table, lambda at: _cut(column, at)),
    }


def merge_totals(pages: Sequence[dict[str, Block]]) -> dict[str, int]:
    """How many offers each block of several pages has, for their index."""
    names = list(dict.fromkeys(name for page in pages for name in page))
    return {name: sum(page[name].offers for page in pages) for name in names}


def _block(table: EntryTable, key_of: Callable[[int], _Key | None]) -> Block:
    best: dict[str, tuple[_Key, int]] = {}
    sales = table.columns["sale_count"]
    for at, offer_id in enumerate(table.columns["offer_id"]):
        key = key_of(at)
        if key is None:
            continue
        found = (*key, sales[at] or 0)
        if offer_id not in best or found > best[offer_id][0]:
            best[offer_id] = (found, at)
    order = sorted(best.values(), key=lambda item: (tuple(-part for part in item[0]), item[1]))
    return Block([at for _, at in order[:SHOWN]], len(order))


def _breakouts(table: EntryTable) -> Block:
    """The day's best picks: those flagged first, then by probability, then by score."""
    column = table.columns
    found = _block(table, lambda at: _breakout(column, at))
    flagged = {offer for offer, flag in zip(column["offer_id"], column["is_breakout"], strict=True) if flag}
    most = max(PICKS, len(flagged))
    return Block(found.entries, min(found.offers, most))


def _breakout(column: dict[str, list[Any]], at: int) -> _Key | None:
    """A score by hand of 0 and below is no candidate; a model's is the logit of a probability, and may be below 0."""
    score, probability, flag = (column[name][at] for name in ("breakout_score", "breakout_probability", "is_breakout"))
    is_by_hand = probability is None and flag is None
    if score is None or (is_by_hand and score <= 0):
        return None
    return (float(bool(flag)), -inf if probability is None else probability, score)


def _moved(column: dict[str, list[Any]], at: int, movement: str) -> _Key | None:
    change = column["rank_change"][at]
    return (abs(change),) if column["movement"][at] == movement and change else None


def _entered(column: dict[str, list[Any]], at: int, movement: str) -> _Key | None:
    return (-column["rank"][at],) if column["movement"][at] == movement else None


def _cut(column: dict[str, list[Any]], at: int) -> _Key | None:
    change = column["price_change"][at]
    return (-change,) if change is not None and change < 0 else None
