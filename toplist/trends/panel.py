"""Rows of lists over days as columns, and the lookups back in time that features and outcomes are made of.

The same code serves one list during a crawl (its last 33 days) and a whole history in the backtest, so that both give
the same figures. Days are `date.toordinal`; missing numbers are NaN.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Bools: TypeAlias = NDArray[np.bool_]

#: A list and a day in one sortable number: room for the ordinals of any date.
_STRIDE = 1 << 22
#: A growth per day needs bases at least a quarter of a day and at most 14 days back, as everywhere.
MIN_DAYS, MAX_DAYS = 0.25, 14.0


@dataclass(frozen=True)
class SnapshotColumns:
    """How each list ended on each day, ordered by list and day."""

    list_id: Ints
    day: Ints
    is_complete: Bools
    depth: Floats  # the lowest rank that was looked at; infinite for a whole list
    rejected: Ints

    @cached_property
    def key(self) -> Ints:
        """Ascending; one number for each list and day."""
        return self.list_id * _STRIDE + self.day

    def pick(self, rows: Bools) -> SnapshotColumns:
        """Some of the snapshots."""
        return SnapshotColumns(*(getattr(self, each.name)[rows] for each in fields(self)))


@dataclass(frozen=True)
class Panel:
    """Rows ordered by list, offer and day."""

    list_id: Ints
    offer: Ints
    day: Ints
    at: Floats  # days, from `collected_at`
    rank: Floats
    count: Floats
    trend_score: Floats
    first_day: Ints  # when the list first held the offer

    @classmethod
    def of(cls, columns: Mapping[str, NDArray[np.generic]], first_day: Ints | None = None) -> Panel:
        """From rows in any order. Without `first_day`, an offer was first seen where its rows begin."""
        order = np.lexsort((columns["day"], columns["offer"], columns["list_id"]))
        list_id, offer, day = (columns[name][order].astype(np.int64) for name in ("list_id", "offer", "day"))
        at, rank, count = (columns[name][order].astype(np.float64) for name in ("at", "rank", "count"))
        score = columns.get("trend_score")
        trend_score = np.full(len(order), np.nan) if score is None else score[order].astype(np.float64)
        if first_day is None:
            start, length = _runs(list_id, offer)
            first_day = np.repeat(day[start], length)
        else:
            first_day = first_day[order]
        # Hundredths of a day, so that a list that is crawled again at once scores as before.
        return cls(list_id, offer, day, np.round(at, 2), rank, count, trend_score, first_day)

    def __len__(self) -> int:
        return len(self.day)

    @cached_property
    def runs(self) -> tuple[Ints, Ints]:
        """The first row and the length of each series, which is one offer of one list."""
        return _runs(self.list_id, self.offer)

    @cached_property
    def series(self) -> Ints:
        """0, 1, 2 … for each series."""
        start, length = self.runs
        return np.repeat(np.arange(len(start)), length)

    @cached_property
    def start(self) -> Ints:
        """For each row, the first row of its series."""
        start, length = self.runs
        return np.repeat(start, length)

    @cached_property
    def key(self) -> Ints:
        """Ascending; one number for each series and day."""
        return self.series * _STRIDE + self.day

    @cached_property
    def log_count(self) -> Floats:
        """NaN where there is no count, or one of 0."""
        return np.log(np.where(self.count > 0, self.count, np.nan))

    @cached_property
    def list_day(self) -> Ints:
        """One number for each list and day."""
        return self.list_id * _STRIDE + self.day

    @cached_property
    def rows(self) -> Ints:
        """The number of each row."""
        return np.arange(len(self))

    def since(self, days: int, rows: Ints) -> Ints:
        """Of each of `rows` the oldest row of its series at most `days` days back: the row itself, at the latest."""
        return np.searchsorted(self.key, self.key[rows] - days)

    def near(self, days: int, rows: Ints, late: int = 3) -> Ints:
        """Of each of `rows` the newest row of its series from `days` to `days + late` days back; -1: there is none."""
        found = np.searchsorted(self.key, self.key[rows] - days, side="right") - 1
        is_near = (found >= self.start[rows]) & (self.day[rows] - self.day[found] <= days + late)
        return np.where(is_near, found, -1)

    def before(self) -> Ints:
        """The series' last row with a count before each row; -1 where there is none."""
        counted = np.maximum.accumulate(np.where(np.isnan(self.count), -1, self.rows))
        found = np.concatenate(([-1], counted[:-1]))[: len(self)]
        return np.where(found >= self.start, found, -1)

    def growth(self, base: Ints, until: Ints, longest: float = MAX_DAYS) -> Floats:
        """Log growth per day from row `base` to row `until`; NaN where it can't be had."""
        days = self.at[until] - self.at[base]
        known = (base >= 0) & (until >= 0) & (days >= MIN_DAYS) & (days <= longest)
        return np.where(known, self.log_count[until] - self.log_count[base], np.nan) / np.where(known, days, 1.0)

    def on(self, days: int, snapshots: SnapshotColumns, late: int) -> tuple[Ints, Ints]:
        """Where each row's offer and list stood `days` later, or up to `late` days after that.

        Returns indices into the panel and into `snapshots`, which are the complete ones; -1 where there is none.
        """
        if not len(snapshots.key):
            return np.full(len(self), -1), np.full(len(self), -1)
        wanted = self.list_day + days
        found = np.minimum(np.searchsorted(snapshots.key, wanted), len(snapshots.key) - 1)
        has_list = (snapshots.key[found] >= wanted) & (snapshots.key[found] <= wanted + late)
        key = self.series * _STRIDE + snapshots.day[found]
        row = np.minimum(np.searchsorted(self.key, key), len(self) - 1)
        return np.where(has_list & (self.key[row] == key), row, -1), np.where(has_list, found, -1)

    def of_snapshots(self, snapshots: SnapshotColumns) -> Ints:
        """The snapshot that each row belongs to; every row has one."""
        return np.searchsorted(snapshots.key, self.list_day)


def _runs(list_id: Ints, offer: Ints) -> tuple[Ints, Ints]:
    is_new = np.ones(len(list_id), np.bool_)
    is_new[1:] = (list_id[1:] != list_id[:-1]) | (offer[1:] != offer[:-1])
    start = np.flatnonzero(is_new)
    return start, np.diff(np.append(start, len(list_id)))
