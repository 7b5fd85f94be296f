"""The columns of features beside the formulas of docs/metrics.md, worked out row by row in plain Python."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, pairwise
from math import exp, isnan, log, nan, sqrt
from random import Random
from statistics import stdev

import numpy as np
import pytest
from panels import DAY0

from toplist.trends.features import compute_features
from toplist.trends.panel import Panel


@dataclass
class Row:
    list_id: int
    offer: int
    day: int
    at: float
    rank: int
    count: float  # NaN: none

    @property
    def log_count(self) -> float:
        return log(self.count) if self.count > 0 else nan


def rows_of(random: Random) -> list[Row]:
    """Three lists whose crawls are early and late and miss days, with missing counts and counts of 0 among others."""
    found: list[Row] = []
    for list_id in range(3):
        pace = {offer: random.choice([-0.02, 0.0, 0.01, 0.05]) for offer in range(9)}
        level = {offer: random.uniform(3, 9) for offer in range(9)}
        days = [day for day in range(60) if random.random() < 0.7 and not (list_id == 2 and 20 <= day < 36)]
        for day in days:
            at = round(day + random.uniform(-0.45, 0.45), 2)
            held = random.sample(range(9), random.randint(1, 9))
            counts = {offer: round(exp(level[offer] + pace[offer] * day + random.gauss(0, 0.05))) for offer in held}
            placed = sorted(held, key=lambda offer: -counts[offer])
            if random.random() < 0.3:
                random.shuffle(placed)
            for rank, offer in enumerate(placed, 1):
                count = random.choice([nan, 0.0]) if random.random() < 0.05 else float(counts[offer])
                found.append(Row(list_id, offer, day, at, rank, count))
    return found


def panel_of(rows: list[Row]) -> Panel:
    names = ("list_id", "offer", "day", "at", "rank", "count")
    columns = {name: np.array([getattr(row, name) for row in rows], np.float64) for name in names}
    return Panel.of({**columns, "day": columns["day"] + DAY0})


def growth(before: Row | None, after: Row | None, longest: float = 14.0) -> float:
    """Per day; NaN where either has no count or they are too close or too far apart."""
    if before is None or after is None or not 0.25 <= after.at - before.at <= longest:
        return nan
    return (after.log_count - before.log_count) / (after.at - before.at)


def from_days_ago(past: list[Row], now: Row, days: int) -> Row | None:
    """The newest from `days` to three days more ago."""
    return next((row for row in reversed(past) if days <= now.day - row.day <= days + 3), None)


def steps(series: list[Row]) -> list[tuple[Row, float, float]]:
    """Each row with its growth since the last one that had a count, 0 included, and the days between; NaN: none."""
    found = []
    for number, row in enumerate(series):
        base = next((each for each in reversed(series[:number]) if not isnan(each.count)), None)
        found.append((row, growth(base, row), nan if base is None else row.at - base.at))
    return found


def of_series(series: list[Row]) -> Iterator[dict[str, float]]:
    for number, (now, last, _) in enumerate(steps(series)):
        upto, past = series[: number + 1], series[:number]
        month = next(row for row in upto if now.day - row.day <= 30)
        found = {"last_growth": last, "log_count": now.log_count, "rank": now.rank, "age": now.day - series[0].day}
        week = growth(next(row for row in upto if now.day - row.day <= 7), now)
        found["week_growth"] = last if isnan(week) else week
        found["growth_30"] = nan if now.at - month.at < 26.5 else growth(month, now, 47.0)
        found["leaving"] = growth(from_days_ago(past, now, 30), from_days_ago(past, now, 23))
        found["week_before"] = growth(from_days_ago(past, now, 14), from_days_ago(past, now, 7))
        found["is_new"], found["has_no_30"] = float(isnan(last)), float(isnan(found["growth_30"]))
        known = [(row, each, days) for row, each, days in steps(series)[: number + 1] if not isnan(each)]
        changes = [each * sqrt(days) for row, each, days in known if now.day - row.day <= 30 and row is not month]
        found["volatility"] = stdev(changes) if len(changes) >= 5 else nan
        oldest = next(row for row in upto if now.day - row.day <= 33)
        for life in (3, 7, 14, 21):
            grown = over = 0.0
            for row, each, days in known:
                if now.day - row.day <= 33 and row is not oldest:
                    grown += each * days * 0.5 ** ((now.at - row.at) / life)
                    over += days * 0.5 ** ((now.at - row.at) / life)
            found[f"ewma_{life}"] = grown / over if over > 0.01 else nan
        yield found


def shrink(rows: list[Row], found: list[dict[str, float]]) -> None:
    """To the mean of each list and day."""
    for number, row in enumerate(rows):
        peers = [
            other["ewma_21"]
            for each, other in zip(rows, found, strict=True)
            if (each.list_id, each.day) == (row.list_id, row.day) and not isnan(other["ewma_21"])
        ]
        mean = max(sum(peers) / len(peers), 1e-6) if peers else nan
        for life in (3, 7, 14):
            own = found[number][f"ewma_{life}"]
            weight = row.count * life / log(2) * (1 - 0.5 ** (found[number]["age"] / life))
            grown = 0.0 if isnan(own) else max(own, 0.0)
            found[number][f"shrunk_{life}"] = (1 + grown * weight) / (1 / mean + weight)


def floors(rows: list[Row], found: list[dict[str, float]]) -> None:
    """For an offer without a count before: since the lowest count of its list's last day, if that is in order."""
    for number, row in enumerate(rows):
        earlier = [each for each in rows if each.list_id == row.list_id and each.day < row.day]
        if any(each.offer == row.offer and not isnan(each.count) for each in earlier):
            found[number]["floor_growth"] = found[number]["last_growth"]
            continue
        last_day = max((each.day for each in earlier), default=None)
        base = sorted((each for each in earlier if each.day == last_day), key=lambda each: each.rank)
        falls = sum(after.log_count <= before.log_count for before, after in pairwise(base))
        counts = [each.log_count for each in base if not isnan(each.log_count)]
        is_ordered = len(base) > 1 and counts and falls >= 0.8 * (len(base) - 1)
        days = row.at - base[0].at if base else nan
        known = is_ordered and days <= 14
        found[number]["floor_growth"] = (row.log_count - min(counts)) / max(days, 0.25) if known else nan


@pytest.mark.parametrize("seed", range(3))
def test_every_feature_of_every_row_is_what_its_formula_says(seed: int) -> None:
    rows = sorted(rows_of(Random(seed)), key=lambda row: (row.list_id, row.offer, row.day))
    columns = compute_features(panel_of(rows))
    found = [
        each
        for _, series in groupby(rows, key=lambda row: (row.list_id, row.offer))
        for each in of_series(list(series))
    ]
    shrink(rows, found)
    floors(rows, found)
    assert set(columns) == set(found[0])
    for name, values in columns.items():
        expected = [each[name] for each in found]
        assert values.tolist() == pytest.approx(expected, nan_ok=True, rel=1e-6, abs=1e-9), name
        assert len(set(expected) - {nan}) > 1, name
