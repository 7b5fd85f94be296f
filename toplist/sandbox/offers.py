"""One offer: its id, its life, its sales and prices on any day of it. Pure; the seed decides everything.

A category has slots, and a slot holds one offer after another: when one's life is over, the next takes its place with
an id of its own. So the offer that stands in a slot on a date is found without walking through the days before, and a
life (60 to 240 days) is simulated whole, once.
"""

from __future__ import annotations

import math
from datetime import date
from random import Random
from typing import NamedTuple

from toplist.sandbox import curves, seasons, seeds, wording
from toplist.sandbox.catalogue import Category, names

MAX_SLOTS = 2000
_MAX_GENERATIONS = 1000
_EPOCH = date(2020, 12, 1).toordinal()
_SHORTEST, _LONGEST = 60, 240

# Ids are an affine image of (category, slot, generation), so that they look like ids and can be read back.
_IDS, _SPACE, _FACTOR = 600_000_000_000, 10**11, 38_284_729_231
_INVERSE = pow(_FACTOR, -1, _SPACE)

#: What a price moves by when it moves; half of the time it stays.
_PRICE_MOVES = (1.0, 1.0, 1.0, 1.0, 0.97, 1.03, 0.95, 1.06)


#: The cheaper the goods, the more an order holds: above this price, one of these.
_MIN_ORDERS = ((40, (1, 2, 2, 3, 5)), (8, (2, 3, 5, 10, 20)), (0, (10, 50, 100, 200)))


class Place(NamedTuple):
    """Who an offer is: the number of its leaf category, its slot there, and which of the slot's offers it is."""

    category: int
    slot: int
    generation: int


def offer_id(seed: int, place: Place) -> str:
    """Twelve digits."""
    index = (place.category * MAX_SLOTS + place.slot) * _MAX_GENERATIONS + place.generation
    return str(_IDS + (index * _FACTOR + seeds.number(seed, "ids")) % _SPACE)


def place_of(seed: int, identity: str) -> Place:
    """The inverse of `offer_id`. Any number gives a place; whether one lives there the market must say."""
    index = (int(identity) - _IDS - seeds.number(seed, "ids")) * _INVERSE % _SPACE
    rest, generation = divmod(index, _MAX_GENERATIONS)
    return Place(*divmod(rest, MAX_SLOTS), generation)


def life_of(seed: int, category: int, slot: int, generation: int) -> tuple[int, int]:
    """First day (ordinal) and length in days of a slot's offer."""
    mixed = seeds.number(seed, category, slot)
    period = _SHORTEST + mixed % (_LONGEST - _SHORTEST + 1)
    phase = (mixed >> 16) % period
    return _EPOCH - phase + generation * period, period


def generation_at(seed: int, category: int, slot: int, ordinal: int) -> int:
    """Which of the slot's offers is alive on a date."""
    first, period = life_of(seed, category, slot, 0)
    return (ordinal - first) // period


class Words(NamedTuple):
    """What a row says of an offer beside figures."""

    title: str
    title_translated: str
    supplier: str
    is_gold: bool
    image: str


class Offer:
    """An offer over its whole life. `age` counts days from 0, the day it was listed."""

    __slots__ = (
        "anchor_appeal",
        "base",
        "born",
        "category",
        "curve",
        "life",
        "list_price",
        "min_order",
        "mixed",
        "offer_id",
        "per_buyer",
        "place",
        "price_rhythm",
        "repurchase_rate",
        "score",
        "services",
        "total",
        "value",
        "vietnam_appeal",
        "words",
    )

    def __init__(self, seed: int, category: Category, place: Place, archetype: str | None = None):
        self.place = place
        self.category = category
        self.offer_id = offer_id(seed, place)
        self.born, self.life = life_of(seed, *place)
        self.mixed = seeds.number(seed, *place)
        random = seeds.random_for(self.mixed, "offer")
        self.curve = curves.draw(random, self.life, archetype)
        self.base = min(600.0, random.lognormvariate(3.0, 1.2))
        self._set_terms(random.random(), random.random())
        self.per_buyer = 1.2 + self.min_order * random.uniform(0.8, 2.0)
        self.score = round(3.8 + 1.2 * random.random() ** 0.5, 1)
        self.repurchase_rate = round(0.03 + 0.57 * random.random() ** 2, 4)
        self.price_rhythm = random.randint(9, 40)
        self.anchor_appeal, self.vietnam_appeal = random.random(), random.random()
        self.services = [name for name in ("sendGoods24H", "sendGoods48H") if random.random() < 0.55]
        self.total = curves.running_total(self._means(random), random, 0.12)
        self._add_bulk_order()
        self.words: Words | None = None

    def _set_terms(self, level: float, luck: float) -> None:
        """List price within the trade's range, and a minimum order that fits it. `value`: 0 cheap, 1 dear."""
        low, high = names()["groups"][self.category.group]["price"]
        self.value = level
        self.list_price = low * (high / low) ** (level**1.3)
        orders = next(orders for above, orders in _MIN_ORDERS if self.list_price > above)
        self.min_order = orders[int(luck * len(orders))]

    def _means(self, random: Random) -> list[float]:
        market = seasons.market_factors(self.born, self.life)
        factors = self.curve.factors(self.life, self.born, random)
        base = self.base
        means = [base * factor * shared for factor, shared in zip(factors, market, strict=True)]
        for age in range(min(9, self.life)):  # a listing takes ten days to be found
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
        """Buyers of the last `days` days: a bulk order is one of them, whatever its size."""
        units = self.sold(age, days)
        bulk = self.curve.bulk_units(self.base) if age - days < self.curve.day <= age else 0
        return math.ceil((units - bulk) / self.per_buyer) + (bulk > 0)

    def price(self, age: int) -> float:
        """Yuan for the smallest quantity."""
        move = _PRICE_MOVES[(self.mixed ^ age // self.price_rhythm * 0x9E3779B97F4A7C15) >> 29 & 7]
        price: float = self.list_price * move * self.curve.price_factor(age)
        return round(price, 2 if price < 20 else 1)

    def tiers(self, age: int) -> tuple[tuple[int, float], ...]:
        """(start quantity, yuan), dearest first."""
        price, start = self.price(age), self.min_order
        return (start, price), (start * 5, round(price * 0.94, 2)), (start * 25, round(price * 0.88, 2))

    def described(self, seed: int) -> Words:
        """Title, supplier and image; made when a row first shows the offer, for most never do."""
        if self.words is None:
            random = seeds.random_for(self.mixed, "words")
            title, translated = wording.title(self.category, date.fromordinal(self.born).year, random)
            # Slots of the same number modulo 23 belong to one supplier: a shelf has several goods of each.
            seller = seeds.random_for(seed, self.place.category, "seller", self.place.slot % 23)
            name, gold = wording.supplier(self.category, seller), seller.random() < 0.6
            member = 2_200_000_000_000 + seller.randrange(10**10)
            image = f"https://cbu01.alicdn.com/img/ibank/O1CN01{self.mixed:016x}_!!{member}-0-cib.jpg"
            self.words = Words(title, translated, name, gold, image)
        return self.words
