"""What is known of a row from its own list's last 33 days, and the scores by hand that need no outcomes.

Sources of the formulas and worked numbers: docs/metrics.md.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np

from toplist.trends.coverage import Coverage
from toplist.trends.panel import MAX_DAYS, Floats, Ints, Panel

#: Half-lives of the averages of growth, in days.
HALF_LIVES: Final = (3.0, 7.0, 14.0, 21.0)
#: Days that an average looks back: what a crawl reads of a list's past.
LOOK_BACK: Final = 33
#: Changes in the last 30 days that a volatility needs.
MIN_CHANGES: Final = 5
#: Share of neighbouring rows in falling order from which on a list is one that is ordered by sales.
ORDERED: Final = 0.8
#: The oldest age that makes a difference, in days.
MAX_AGE: Final = 400
#: What a list's growth is taken to be at least, where an offer's own is not known yet.
MIN_GROWTH: Final = 1e-6

#: The model's features: those that are ranked first, then the flags.
RANKED: Final = (
    "last_growth",
    "week_growth",
    "ewma_3",
    "ewma_7",
    "ewma_21",
    "growth_30",
    "volatility",
    "log_count",
    "rank",
    "age",
    "shrunk_7",
    "leaving",
    "week_before",
)
FLAGS: Final = ("is_new", "has_no_30")

Features = dict[str, Floats]


def compute_features(panel: Panel, rows: Ints | None = None) -> Features:
    """Every feature of every row, by name; NaN where it can't be had. Growths are logarithms per day.

    With `rows` only of these, which hold whole days of their lists.
    """
    rows = panel.rows if rows is None else rows
    before = panel.before()
    last = panel.growth(before, panel.rows)
    average = _averages(panel, before, last, rows)
    base_30 = panel.since(30, rows)
    growth_30 = panel.growth(base_30, rows, longest=MAX_DAYS + LOOK_BACK)
    growth_30[panel.at[rows] - panel.at[base_30] < 26.5] = np.nan
    week = panel.growth(panel.since(7, rows), rows)
    age = np.clip(panel.day[rows] - panel.first_day[rows], 0, MAX_AGE).astype(np.float64)
    found = {
        "last_growth": last[rows],
        "week_growth": np.where(np.isnan(week), last[rows], week),
        "growth_30": growth_30,
        "volatility": _volatility(panel, before, last, rows),
        "log_count": panel.log_count[rows],
        "rank": panel.rank[rows],
        "age": age,
        "leaving": panel.growth(panel.near(30, rows), panel.near(23, rows)),
        "week_before": panel.growth(panel.near(14, rows), panel.near(7, rows)),
        "is_new": np.isnan(last[rows]).astype(np.float64),
        "has_no_30": np.isnan(growth_30).astype(np.float64),
        "floor_growth": np.where(before < 0, _floor_growth(panel), last)[rows],
    }
    return found | average | _shrunk(panel, rows, age, average)


def hand_score(features: Features, coverage: Coverage) -> Floats:
    """The score that needs no outcomes: shrunk growth for running totals, floor and week for windows."""
    if coverage.total:
        return features["shrunk_3"] + features["shrunk_14"]
    floor = features["floor_growth"]
    week = features["week_growth"]
    return (floor + np.where(np.isnan(week), floor, week)) / 2


def _averages(panel: Panel, before: Ints, last: Floats, rows: Ints) -> Features:
    """Exponentially weighted growth per day, over the last 33 days: a / b, where at each count with f = 0.5^(days/h)
    a becomes a f + growth, and b becomes b f + days."""
    lives = np.array(HALF_LIVES)
    start, length = panel.runs
    steps = panel.at - np.concatenate((panel.at[:1], panel.at[:-1]))
    steps[start] = 0.0
    known = ~np.isnan(last)
    days = np.where(known, panel.at - panel.at[before], 0.0)
    # Step by step through all series at once: the rows of a step stand together, the longest series first.
    step = panel.rows - panel.start
    order = np.lexsort((-np.repeat(length, length), step))
    decay = np.tile(np.exp2(-steps[order, None] / lives), 2)
    sums = np.repeat(np.stack((np.where(known, last, 0.0) * days, days), axis=1)[order], len(lives), axis=1)
    found = np.empty_like(sums)
    running = np.zeros((len(start), sums.shape[1]))
    for first, end in pairwise([0, *np.cumsum(np.bincount(step)).tolist()]):
        now = found[first:end]
        np.multiply(running[: end - first], decay[first:end], out=now)
        now += sums[first:end]
        running = now
    totals = np.empty((len(panel), 2, len(lives)))
    totals[order] = found.reshape(totals.shape)
    oldest = panel.since(LOOK_BACK, rows)
    forgotten = np.exp2(-(panel.at[rows] - panel.at[oldest])[:, None, None] / lives) * totals[oldest]
    grown, over = (totals[rows] - forgotten).transpose(1, 0, 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(over > 0.01, grown / over, np.nan)
    return {f"ewma_{life:g}": mean[:, at] for at, life in enumerate(HALF_LIVES)}


def _volatility(panel: Panel, before: Ints, last: Floats, rows: Ints) -> Floats:
    """Standard deviation of the daily changes of the last 30 days, today's included, each over the root of its days."""
    known = ~np.isnan(last)
    days = np.where(known, panel.at - panel.at[before], 1.0)
    change = np.where(known, last, 0.0) * np.sqrt(days)
    oldest = panel.since(30, rows)
    sums = []
    for each in (known.astype(np.float64), change, change * change):
        total = np.cumsum(each)
        sums.append(total[rows] - total[oldest])
    number, sum_, squares = sums
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.sqrt(np.maximum(squares - sum_ * sum_ / number, 0.0) / (number - 1))
    return np.where(number >= MIN_CHANGES, found, np.nan)


def _shrunk(panel: Panel, rows: Ints, age: Floats, average: Features) -> Features:
    """Growth shrunk to the list's mean by how much an offer has sold (gamma-Poisson):
    (1 + max(0, ewma_h) e) / (1/m + e), e = count h/ln 2 (1 - 0.5^(age/h)), m the mean of the list's ewma_21."""
    days, numbers = np.unique(panel.list_day[rows], return_inverse=True)
    slow = average["ewma_21"]
    known = ~np.isnan(slow)
    size = np.bincount(numbers[known], minlength=len(days))
    sums = np.bincount(numbers[known], slow[known], minlength=len(days))
    mean = np.where(size > 0, np.maximum(sums / np.maximum(size, 1), MIN_GROWTH), np.nan)[numbers]
    found = {}
    for life in HALF_LIVES[:3]:
        grown = np.fmax(average[f"ewma_{life:g}"], 0.0)  # 0 where it is missing, too
        weight = panel.count[rows] * life / np.log(2) * (1 - np.exp2(-age / life))
        found[f"shrunk_{life:g}"] = (1 + grown * weight) / (1 / mean + weight)
    return found


def _floor_growth(panel: Panel) -> Floats:
    """Growth since the list's snapshot before, from the lowest count there: the least that an offer grew that was not
    there, if the list is ordered by sales."""
    order = np.lexsort((panel.rank, panel.day, panel.list_id))
    list_id, day, counts, at = (each[order] for each in (panel.list_id, panel.day, panel.log_count, panel.at))
    is_first = np.ones(len(panel), np.bool_)
    is_first[1:] = (list_id[1:] != list_id[:-1]) | (day[1:] != day[:-1])
    start = np.flatnonzero(is_first)
    size = np.diff(np.append(start, len(panel)))
    falls = np.zeros(len(panel))
    falls[1:] = counts[1:] <= counts[:-1]
    falls[start] = 0
    is_ordered = np.add.reduceat(falls, start) >= ORDERED * (size - 1)
    lowest = np.where(is_ordered & (size > 1), np.fmin.reduceat(counts, start), np.nan)
    same_list = list_id[start][1:] == list_id[start][:-1]
    days = np.diff(at[start])
    base = np.concatenate(([np.nan], np.where(same_list & (days <= MAX_DAYS), lowest[:-1], np.nan)))
    place = np.empty(len(panel), np.int64)
    place[order] = np.repeat(np.arange(len(start)), size)
    since = np.concatenate(([np.nan], np.maximum(days, 0.25)))
    found: Floats = (panel.log_count - base[place]) / since[place]
    return found
