"""A list's columns against the same figures made row by row, on random lists."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from math import log, sqrt
from random import Random

import pytest
from trend_rows import at, day, history, seen

from toplist.trends.list_columns import ListColumns
from toplist.trends.observation import HISTORY_DAYS, Observation

TODAY = 40


def an_observation(random: Random, offer: str, number: int, rank: int) -> Observation:
    """Within a quarter of a day of the day's hour, so that some neighbours are too near each other."""
    tier = random.choice((None, None, 2, 5))
    return seen(
        offer,
        number,
        rank,
        collected_at=at(number + random.choice((0.0, 0.1, 0.8, 0.9))),
        price=random.choice((None, 0.0, 10.0, 11.0)),
        sale_count=random.choice((None, 0, 100, random.randrange(1, 1000))),
        tier_start=tier,
        tier_price=None if tier is None else random.choice((None, 9.0, 9.5)),
    )


def a_list(random: Random) -> tuple[list[Observation], dict[str, list[Observation]]]:
    """Today's rows, and each offer's past: also of offers that left, of days too far back, and of today and later."""
    numbers = random.sample(range(TODAY), 30)
    past = {
        str(offer): [
            an_observation(random, str(offer), number, rank)
            for rank, number in enumerate(sorted([*numbers, TODAY, TODAY + 1]), 1)
            if random.random() < 0.8
        ]
        for offer in range(8)
    }
    past |= {
        "too old": [an_observation(random, "too old", 2, 40)],
        "later": [an_observation(random, "later", TODAY, 41)],
    }
    today = [an_observation(random, str(offer), TODAY, rank) for rank, offer in enumerate((5, 9, 0, 3, 2), 1)]
    return today, past


def read(past: Sequence[Observation]) -> list[Observation]:
    """What a crawl reads of an offer's past."""
    return [each for each in past if day(TODAY - HISTORY_DAYS) <= each.snapshot_date < day(TODAY)]


def changes(rows: Sequence[Observation], values: Sequence[float | None]) -> list[float]:
    """Log changes between neighbouring values above 0, over the root of their days; 30 days and a half."""
    points = [(row.collected_at, value) for row, value in zip(rows, values, strict=True) if value]
    found = []
    for (earlier, before), (later, after) in pairwise(points):
        days = (later - earlier) / timedelta(days=1)
        if days >= 0.25 and earlier >= points[-1][0] - timedelta(days=30.5):
            found.append((log(after) - log(before)) / sqrt(days))
    return found


@pytest.mark.parametrize("seed", range(20))
def test_a_lists_columns_give_what_its_rows_give(seed: int) -> None:
    today, pasts = a_list(Random(seed))
    first_seen = {"5": day(3), "3": day(TODAY - 1)}
    rows = [row for past in pasts.values() for row in past]
    columns = ListColumns.of(today, history(*rows, first_seen=first_seen), day(TODAY))
    sales, prices = columns.sale_changes(), columns.price_changes()
    week = columns.oldest_counts(7.5)
    first_days = dict(zip(columns.offer.tolist(), columns.first_day.tolist(), strict=True))
    assert (len(sales), len(prices), len(week)) == (5, 5, 5)
    for number, now in enumerate(today):
        past = read(pasts.get(now.offer_id, []))
        assert sales[number] == pytest.approx(changes(past, [row.sale_count for row in past]))
        same = [row for row in (*past, now) if row.tier_start == now.tier_start]
        of_step = [row.price if now.tier_start is None else row.tier_price for row in same]
        assert prices[number] == pytest.approx(changes(same, of_step))
        near = [
            row.sale_count and round((now.collected_at - row.collected_at) / timedelta(days=1), 2) <= 7.5
            for row in past
        ]
        assert week[number] == (near.index(True) - len(past) if any(near) else None)
        days = [row.snapshot_date for row in (*past, now)] + [first_seen.get(now.offer_id, day(TODAY))]
        assert first_days[number] == min(days).toordinal()
    others = sum(len(read(past)) for past in pasts.values())
    assert len(columns.day) == others + len(today)
    assert columns.rank[columns.is_today].tolist() == [1, 2, 3, 4, 5]
    by_hundredths = [round(row.collected_at.timestamp() / 86400, 2) for row in today]
    assert columns.panel().at[columns.is_today].tolist() == by_hundredths
