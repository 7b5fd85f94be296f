"""Watches: which entries to follow, and the changes that count. `TOPLIST_WATCH` names a TOML file of them.

::

    [[watch]]
    name = "连衣裙"
    words = ["连衣裙", "碎花"]        # in the title, or in its translation
    categories = ["10166"]            # the category, or one above it by name in category_path
    price_down = 0.1                  # 10 % cheaper, or more, since the offer's last price
    rank_within = 5                   # reached rank 5 or better from a lower place
    new_on_list = true
    sales_growth = 0.5                # the sale count grew by 50 % or more since the last one
    breakout_probability = 0.5

Selectors of one watch narrow each other (`words` and `categories`: both must fit); any threshold that is met is a hit.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from enum import StrEnum
from math import exp
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from toplist.errors import InputError
from toplist.items import Entry

SETTING = "TOPLIST_WATCH"
_SELECTORS = ("offers", "suppliers", "categories", "words")


class Trigger(StrEnum):
    """Which threshold an entry met."""

    PRICE_DOWN = "price_down"
    RANK_WITHIN = "rank_within"
    NEW_ON_LIST = "new_on_list"
    SALES_GROWTH = "sales_growth"
    BREAKOUT_PROBABILITY = "breakout_probability"


class Watch(BaseModel):
    """One `[[watch]]` of the file. A field's description is what a refusal says is accepted."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: str = Field(min_length=1, max_length=80, description="a text of 1 to 80 characters")
    offers: list[str] = Field([], description="a list of offer ids in quotes")
    suppliers: list[str] = Field([], description="a list of supplier names")
    categories: list[str] = Field([], description="a list of category ids or names in quotes")
    words: list[str] = Field([], description="a list of words")
    price_down: float | None = Field(None, gt=0, lt=1, description="a ratio between 0 and 1: 0.1 is 10 %")
    rank_within: int | None = Field(None, ge=1, description="a rank of 1 and more")
    new_on_list: bool = Field(False, description="true or false")
    sales_growth: float | None = Field(None, gt=0, description="a ratio above 0: 0.5 is 50 % more")
    breakout_probability: float | None = Field(None, gt=0, le=1, description="a probability between 0 and 1")

    @model_validator(mode="after")
    def _selects_and_asks(self) -> Watch:
        if not any(getattr(self, name) for name in _SELECTORS):
            raise ValueError(f"the watch {self.name!r} selects nothing: give it one of {', '.join(_SELECTORS)}")
        if not any(getattr(self, trigger.value) for trigger in Trigger):
            raise ValueError(f"the watch {self.name!r} has no threshold: give it one of {', '.join(Trigger)}")
        return self

    def selects(self, entry: Entry) -> bool:
        """Whether the entry is one of those to follow."""
        title = f"{entry.title or ''}\n{entry.title_translated or ''}".casefold()
        names = {entry.category_id, *(entry.category_path or entry.category_name or "").split(" > ")}
        return (
            (not self.offers or entry.offer_id in self.offers)
            and (not self.suppliers or entry.supplier in self.suppliers)
            and (not self.categories or not names.isdisjoint(self.categories))
            and (not self.words or any(word.casefold() in title for word in self.words))
        )

    def triggers(self, entry: Entry) -> Iterator[Trigger]:
        """The thresholds that the entry meets. A figure that is null meets none."""
        met = {
            Trigger.PRICE_DOWN: _at_least(None if entry.price_change is None else -entry.price_change, self.price_down),
            Trigger.RANK_WITHIN: self.rank_within is not None and _reached(entry, self.rank_within),
            Trigger.NEW_ON_LIST: self.new_on_list and entry.movement == "new_entry",
            Trigger.SALES_GROWTH: _at_least(
                None if entry.sale_growth is None else exp(entry.sale_growth) - 1, self.sales_growth
            ),
            Trigger.BREAKOUT_PROBABILITY: _at_least(entry.breakout_probability, self.breakout_probability),
        }
        return (trigger for trigger, is_met in met.items() if is_met)


class WatchHit(BaseModel):
    """One line of the watch feed: an entry that met a threshold of a watch."""

    watch: str
    triggers: list[Trigger]
    entry: Entry


def read_watches(path: Path) -> list[Watch]:
    """The watches of a TOML file. Raises InputError naming the setting, the place and what is accepted."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{SETTING}={path} can't be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{SETTING}={path} is not a TOML file: {error}.") from None
    tables = content.get("watch")
    if set(content) != {"watch"} or not isinstance(tables, list) or not tables:
        raise InputError(f"{SETTING}={path} is not accepted: it takes tables named [[watch]], and nothing else.")
    return [_watch(path, number, table) for number, table in enumerate(tables, 1)]


def _watch(path: Path, number: int, table: Any) -> Watch:
    try:
        return Watch.model_validate(table)
    except ValidationError as error:
        first = error.errors()[0]
        if not first["loc"]:
            said = first["msg"].removeprefix("Value error, ")
        elif first["type"] == "extra_forbidden":
            said = f"{first['loc'][0]} is unknown: a watch takes {', '.join(Watch.model_fields)}"
        else:
            field = str(first["loc"][0])
            said = f"{field} is not accepted: it takes {Watch.model_fields[field].description}"
        raise InputError(f"{SETTING}={path}, watch {number}: {said}.") from None


def find_hits(watches: Iterable[Watch], entries: Iterable[Entry]) -> Iterator[WatchHit]:
    """What the entries of a snapshot met, in their order; an entry that two watches follow is there twice."""
    watches = list(watches)
    for entry in entries:
        for watch in watches:
            if watch.selects(entry) and (met := list(watch.triggers(entry))):
                yield WatchHit(watch=watch.name, triggers=met, entry=entry)


def _reached(entry: Entry, limit: int) -> bool:
    """Whether the entry came into the first `limit` ranks: it stood lower before, or was not on the list."""
    if entry.rank > limit:
        return False
    if entry.rank_change is not None:
        return entry.rank + entry.rank_change > limit
    return entry.movement in ("new_entry", "re_entry")


def _at_least(value: float | None, threshold: float | None) -> bool:
    return value is not None and threshold is not None and value >= threshold
