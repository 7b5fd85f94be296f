"""100,000 random histories, hostile ones among them: nothing raises, and no figure is out of its range."""

from __future__ import annotations

from dataclasses import fields
from datetime import timedelta
from math import isfinite
from random import Random

from trend_rows import at, day, history, snapshot

from toplist.items import Status
from toplist.ranktypes import Protocol
from toplist.trends.coverage import Coverage
from toplist.trends.growth import log_growth
from toplist.trends.heat import heat_index, load_reference
from toplist.trends.lists import ListTrends, OfferTrends, TrendConfig, compute_trends
from toplist.trends.observation import Observation, Snapshot

LISTS, ROWS = 5000, 20
COVERAGES = [Coverage.parse(text) for text in ("unknown", "total", "window:30", "window:1")]
NUMBERS = [
    each.name
    for each in fields(OfferTrends)
    if each.name not in ("offer_id", "heat_parts", "movement", "flagged", "reasons")
]
#: Figures whose null is explained under another name, or that explain one themselves.
UNREASONED = {"breakout_z", "breakout_probability"}


def count(random: Random) -> int | None:
    return random.choice((None, 0, 1, random.randrange(50), random.randrange(10**6), 10**15))


def price(random: Random) -> float | None:
    return random.choice((None, 0.0, 0.01, round(random.uniform(0.1, 500), 2), 1e12, 5e-324))


def observation(random: Random, offer: int, number: int, rank: int) -> Observation:
    skew = random.choice((0.0, 0.0, 0.0, random.uniform(-2, 2), 1e-9))
    tier = random.choice((None, 1, 50))
    return Observation(
        str(offer),
        day(number),
        at(number) + timedelta(days=skew),
        rank,
        price(random),
        count(random),
        count(random),
        tier,
        None if tier is None else price(random),
    )


def random_list(random: Random) -> tuple[Snapshot, list[Observation], list[Observation | Snapshot]]:
    past: list[Observation | Snapshot] = []
    for number in random.sample(range(40), random.randint(0, 8)):
        past.append(some_snapshot(random, number))
        for rank in range(1, ROWS + 1):
            if random.random() < 0.7:
                past.append(observation(random, rank * 7 % 25, number, rank))
    rows = [observation(random, offer, 40, offer + 1) for offer in range(ROWS)]
    return some_snapshot(random, 40), rows, past


def some_snapshot(random: Random, number: int) -> Snapshot:
    return snapshot(
        number,
        random.choice((Status.COMPLETE, Status.COMPLETE, *Status)),
        requested_rows=random.choice((None, 20, 40)),
        reported_total=random.choice((None, 0, 20, 10**6)),
        received=random.choice((None, 3, 20)),
        rejected=random.choice((0, 0, 1)),
    )


def check_figures(trends: ListTrends) -> None:
    for offer in trends.offers:
        for name in NUMBERS:
            value = getattr(offer, name)
            if value is not None:
                assert isfinite(value), (name, value)
            elif name not in UNREASONED:
                assert name in offer.reasons, name
        assert offer.heat_index is None or 0 <= offer.heat_index <= 100


def check_heat_is_monotone(random: Random, row: Observation, growth: float | None, protocol: Protocol) -> None:
    reference = load_reference(protocol)
    parts = {
        "sale_count": row.sale_count,
        "buyer_count": row.buyer_count,
        "growth_per_day": growth,
        "rank": row.rank,
    }
    heat = heat_index(reference, **parts)
    part = random.choice([name for name, value in parts.items() if value is not None])
    if heat.value is None:
        return
    step = random.choice((1, 10, 10**4))
    hotter = parts[part] / (1 + step) if part == "rank" else parts[part] + step / (1 if "count" in part else 100)
    better = heat_index(reference, **{**parts, part: hotter})
    assert better.value >= heat.value, (part, parts, hotter)


def test_100_000_random_histories_keep_every_figure_in_its_range():
    random = Random(20260310)
    for _ in range(LISTS):
        protocol = random.choice(tuple(Protocol))
        today, rows, past = random_list(random)
        rules = TrendConfig(random.choice(COVERAGES), load_reference(protocol), random.choice((1, 7)))
        trends = compute_trends(today, rows, history(*past), rules)
        check_figures(trends)
        for row, offer in zip(rows, trends.offers, strict=True):
            check_heat_is_monotone(random, row, offer.sale_growth_per_day, protocol)


def test_growth_is_antisymmetric_to_the_last_bit():
    random = Random(7)
    for _ in range(100_000):
        before, after = count(random), count(random)
        there, back = log_growth(before, after), log_growth(after, before)
        assert (there is None) == (back is None)
        if there is not None:
            assert there == -back
            assert isfinite(there)
