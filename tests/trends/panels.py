"""Short ways to make panels: markets of offers whose pace is known."""

from __future__ import annotations

import numpy as np

from toplist.trends.panel import Floats, Panel, SnapshotColumns

DAY0 = 739_000


def complete(panel: Panel) -> SnapshotColumns:
    """Every list and day of a panel as a complete and whole snapshot."""
    days = np.unique(np.stack((panel.list_id, panel.day), axis=1), axis=0)
    return SnapshotColumns(
        days[:, 0],
        days[:, 1],
        np.ones(len(days), np.bool_),
        np.full(len(days), np.inf),
        np.zeros(len(days), np.int64),
    )


def made(rows: list[tuple[int, int, int, float, float]]) -> Panel:
    """From (list, offer, day, rank, count), collected at the day's begin."""
    list_id, offer, day, rank, count = np.array(rows, np.float64).T
    return Panel.of({"list_id": list_id, "offer": offer, "day": day + DAY0, "at": day, "rank": rank, "count": count})


def market(days: int, lists: int = 4, offers: int = 50, seed: int = 3, window: bool = False) -> Panel:
    """Offers whose pace drifts slowly, as running totals or as windows of 30 days, ranked by count."""
    random = np.random.default_rng(seed)
    past = 30 if window else 0
    shape = (days + past, lists, offers)
    drift = np.cumsum(random.normal(0, 0.05, shape), axis=0)
    sold = random.poisson(20 * np.exp(random.normal(0, 1, shape[1:]) + drift))
    totals = np.cumsum(sold, axis=0) + 500
    counts = totals[past:] - totals[:-past] if window else totals
    rank = (-counts).argsort(axis=2).argsort(axis=2) + 1
    day, list_id, offer = (each.ravel() for each in np.indices(counts.shape))
    return Panel.of(
        {
            "list_id": list_id,
            "offer": offer,
            "day": day + DAY0,
            "at": day.astype(np.float64),
            "rank": rank.ravel(),
            "count": counts.ravel().astype(np.float64),
        }
    )


def cut(counts: Floats) -> Floats:
    """As "1.2万+" and "3400+" spell them."""
    large = np.floor(counts / 1000) * 1000
    return np.where(counts >= 10_000, large, np.where(counts >= 1000, np.floor(counts / 100) * 100, counts))
