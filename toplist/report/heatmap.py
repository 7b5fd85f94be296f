"""Categories x rank types: median growth, share of new entries, completeness."""

from __future__ import annotations

from array import array
from collections import defaultdict
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from toplist.report.facts import ListFacts
from toplist.report.table import EntryTable

#: Rows of the heat map; with more categories than this, the levels below are summed up.
MAX_ROWS = 40


@dataclass(slots=True)
class Cell:
    """One rank type in one category."""

    lists: int = 0
    complete: int = 0
    entries: int = 0
    placed: int = 0  # entries of which one can say whether they are new
    new: int = 0
    growths: array[float] = field(default_factory=lambda: array("d"))

    def merge(self, other: Cell) -> None:
        """Take the other cell's lists in."""
        self.lists += other.lists
        self.complete += other.complete
        self.entries += other.entries
        self.placed += other.placed
        self.new += other.new
        self.growths.extend(other.growths)

    def as_json(self) -> dict[str, Any]:
        """Figures that can't be had are null."""
        return {
            "lists": self.lists,
            "complete": self.complete,
            "entries": self.entries,
            "new_share": self.new / self.placed if self.placed else None,
            "median_growth": round(median(self.growths), 6) if self.growths else None,
        }


class HeatMap:
    """Grows list by list and page by page."""

    def __init__(self) -> None:
        self.cells: dict[tuple[tuple[str, ...], str], Cell] = defaultdict(Cell)

    def add_list(self, facts: ListFacts) -> None:
        """Count a planned list. An empty or absent list is whole: it has nothing that could be missing."""
        cell = self.cells[facts.path, facts.id.rank_type]
        cell.lists += 1
        cell.complete += facts.status in ("complete", "empty", "absent")

    def add_entries(self, table: EntryTable) -> None:
        """Count a page's entries."""
        movements = table.columns["movement"]
        growths = table.columns["sale_growth_per_day"]
        for at, number in enumerate(table.list_of):
            facts = table.lists[number]
            cell = self.cells[facts.path, facts.id.rank_type]
            cell.entries += 1
            if movements[at] not in (None, "unknown"):
                cell.placed += 1
                cell.new += movements[at] == "new_entry"
            if growths[at] is not None:
                cell.growths.append(growths[at])

    def add_page(self, page: HeatMap) -> None:
        """Take in the heat map of a page of the same snapshot."""
        for key, cell in page.cells.items():
            self.cells[key].merge(cell)

    def as_json(self) -> dict[str, Any]:
        """Rows with the most entries first; a cell without a list is null."""
        depth = self._depth()
        cells: dict[tuple[tuple[str, ...], str], Cell] = defaultdict(Cell)
        for (path, rank_type), cell in self.cells.items():
            cells[path[:depth], rank_type].merge(cell)
        rank_types = list(dict.fromkeys(rank_type for _, rank_type in cells))
        sizes: dict[tuple[str, ...], int] = defaultdict(int)
        for (path, _), cell in cells.items():
            sizes[path] += cell.entries
        rows = sorted(sizes, key=lambda path: (-sizes[path], path))
        return {
            "rank_types": rank_types,
            "rows": [
                {
                    "path": list(path),
                    "cells": [cells[path, each].as_json() if (path, each) in cells else None for each in rank_types],
                }
                for path in rows
            ],
        }

    def _depth(self) -> int:
        """The deepest level of the tree that does not have too many rows; at least the root categories."""
        paths = {path for path, _ in self.cells}
        deepest = max(map(len, paths), default=1)
        return next((depth for depth in range(deepest, 1, -1) if len({p[:depth] for p in paths}) <= MAX_ROWS), 1)
