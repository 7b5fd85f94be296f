"""One offer of the sandbox: its id, its life, and its sales and prices on any day. Pure; the seed decides everything.

A category has slots. A slot holds one offer at a time: when the life of one (60 to 240 days) is over, the next one,
with another id, takes its slot. So the offer of a slot on a date is computed without simulating the days before.
"""

from __future__ import annotations

import math
from datetime import date
from random import Random
from typing import NamedTuple

from toplist.sandbox.catalogue import CatalogueNode, make_supplier, make_title, names
from toplist.sandbox.curves import draw_curve, market_factors, running_total, seeded_number, seeded_random

MAX_SLOTS = 2000
_MAX_GENERATIONS = 1000
_EPOCH = date(2020, 12, 1).toordinal()
_SHORTEST, _LONGEST = 60, 240

# Ids are an affine image of (category, slot, generation), so that they look like ids and can be read back.
_IDS, _SPACE, _FACTOR = 600_000_000_000, 10**11, 38_284_729_231
_INVERSE = pow(_FACTOR, -1, _SPACE)

#: Factors of the price over time.
_PRICE_MOVES = (1.0, 1.0, 1.0, 1.0, 0.97, 1.03, 0.95, 1.06)


#: Minimum orders by price: above this price, one of these quantities.
_MIN_ORDERS = ((40, (1, 2, 2, 3, 5)), (8, (2, 3, 5, 10, 20)), (0, (10, 50, 100, 200)))


class OfferSlot(NamedTuple):
    """What identifies an offer: the number of its leaf category, the slot, and which of the slot's offers it is."""

    category: int
    number: int
    generation: int


def offer_id(seed: int, slot: OfferSlot) -> str:
    """The id of an offer: 12 digits."""
    index = (slot.category * MAX_SLOTS + slot.number) * _MAX_GENERATIONS + slot.generation
    return str(_IDS + (index * _FACTOR + seeded_number(seed, "ids")) % _SPACE)


def slot_of(seed: int, identity: str) -> OfferSlot:
    """The inverse of `offer_id`. Any number gives a slot; the market knows whether it has an offer."""
    index = (int(identity) - _IDS - seeded_number(seed, "ids")) * _INVERSE % _SPACE
    rest, generation = divmod(index, _MAX_GENERATIONS)
    return OfferSlot(*divmod(rest, MAX_SLOTS), generation)


def life_of(seed: int, category: int, slot: int, generation: int) -> tuple[int, int]:
    """First day (ordinal) and length in days of a slot's offer."""
    bits = seeded_number(seed, category, slot)
    period = _SHORTEST + bits % (_LONGEST - _SHORTEST + 1)
    phase = (bits >> 16) % period
    return _EPOCH - phase + generation * period, period


def generation_at(seed: int, category: int, slot: int, ordinal: int) -> int:
    """Which of the slot's offers exists on a date."""
    first, period = life_of(seed, category, slot, 0)
    return (ordinal - first) // period


class OfferText(NamedTuple):
    """The texts of an offer's row."""

    title: str
    title_translated: str
    supplier: str
    is_gold: bool
    image: str


class MarketOffer:
    """An offer over its whole life. `age` counts days from 0, the day it was listed."""

    __slots__ = (
        "_text",
        "anchor_appeal",
        "base",
        "bits",
        "born",
        "category",
        "curve",
        "life",
        "list_price",
        "min_order",
        "offer_id",
        "per_buyer",
        "price_rhythm",
        "repurchase_rate",
        "score",
        "services",
        "slot",
        "total",
        "value",
        "vietnam_appeal",
    )

    def __init__(self, seed: int, category: CatalogueNode, slot: OfferSlot, archetype: str | None = None):
        self.slot = slot
        self.category = category
        self.offer_id = offer_id(seed, slot)
        self.born, self.life = life_of(seed, *slot)
        self.bits = seeded_number(seed, *slot)
        random = seeded_random(self.bits, "offer")
        self.curve = draw_curve(random, self.life, archetype)
        self.base = min(600.0, random.lognormvariate(3.0, 1.2))
        self._set_terms(random.random(), random.random())
        self.per_buyer = 1.2 + self.min_order * random.uniform(0.8, 2.0)
        self.score = round(3.8 + 1.2 * random.random() ** 0.5, 1)
        self.repurchase_rate = round(0.03 + 0.57 * random.random() ** 2, 4)
        self.price_rhythm = random.randint(9, 40)
        self.anchor_appeal, self.vietnam_appeal = random.random(), random.random()
        self.services = [name for name in ("sendGoods24H", "sendGoods48H") if random.random() < 0.55]
        self.total = running_total(self._means(random), random, 0.12)
        self._add_bulk_order()
        self._text: OfferText | None = None

    def _set_terms(self, level: float, luck: float) -> None:
        """A list price within the range of its goods, and a minimum order that fits. `value`: 0 cheap, 1 expensive."""
        low, high = names()["groups"][self.category.group]["price"]
        self.value = level
        self.list_price = low * (high / low) ** (level**1.3)
        orders = next(orders for above, orders in _MIN_ORDERS if self.list_price > above)
        self.min_order = orders[int(luck * len(orders))]

    def _means(self, random: Random) -> list[float]:
        market = market_factors(self.born, self.life)
        factors = self.curve.factors(self.life, self.born, random)
        base = self.base
        means = [base * factor * shared for factor, shared in zip(factors, market, strict=True)]
        for age in range(min(9, self.life)):  # sales of a new listing grow over ten days
            means[age] *= (age + 1) / 10
        return means

    def _add_bulk_order(self) -> None:
        units = self.curve.bulk_units(self.base)
        if units:
            for age in range(self.curve.day, self.life):
                self.total[age] += units

    def sold(self, age: int, days: int) -> int:
        """Units of the last `days` days, the day `age` included."""
        before = age - days
        return self.total[age] - (self.total[before] if before >= 0 else 0)

    def buyers(self, age: int, days: int = 30) -> int:
        """Buyers of the last `days` days: a bulk order counts as one buyer."""
        units = self.sold(age, days)
        bulk = self.curve.bulk_units(self.base) if age - days < self.curve.day <= age else 0
        return math.ceil((units - bulk) / self.per_buyer) + (bulk > 0)

    def price(self, age: int) -> float:
        """Yuan for the smallest quantity."""
        move = _PRICE_MOVES[(self.bits ^ age // self.price_rhythm * 0x9E3779B97F4A7C15) >> 29 & 7]
        price: float = self.list_price * move * self.curve.price_factor(age)
        return round(price, 2 if price < 20 else 1)

    def tiers(self, age: int) -> tuple[tuple[int, float], ...]:
        """(start quantity, yuan), the highest price first."""
        price, start = self.price(age), self.min_order
        return (start, price), (start * 5, round(price * 0.94, 2)), (start * 25, round(price * 0.88, 2))

    def text(self, seed: int) -> OfferText:
        """Title, supplier and image; made when a row first needs them, because most offers never appear in one."""
        if self._text is None:
            random = seeded_random(self.bits, "words")
            title, translated = make_title(self.category, date.fromordinal(self.born).year, random)
            # Slots with the same number modulo 23 have one supplier, so a category has several offers of each.
            seller = seeded_random(seed, self.slot.category, "seller", self.slot.number % 23)
            name, gold = make_supplier(self.category, seller), seller.random() < 0.6
            member = 2_200_000_000_000 + seller.randrange(10**10)
            image = f"https://cbu01.alicdn.com/img/ibank/O1CN01{self.bits:016x}_!!{member}-0-cib.jpg"
            self._text = OfferText(title, translated, name, gold, image)
        return self._text
