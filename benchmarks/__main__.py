"""The measurements in one command, beside those of the last release: `python -m benchmarks [--save] [row …]`.

Each row runs a part of one of the other modules at a small size; all of them take about eight minutes. A row that is
10 % or more worse than in `benchmarks/figures.json` is marked, and the exit status is 1. `--save` writes the file: a
release does, on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from benchmarks import cpu, history, plan, processes, ratelimit, startup
from toplist.storage.database import open_database
from toplist.tables import text_table

KEPT = Path(__file__).with_name("figures.json")
LOST = 0.1  # of a figure
LISTS = {"small": history.MEASURED, "large": 1000}  # of 2,000 rows each: 50 thousand and 2 million
STARTUP_ENTRIES = 2_000_000
MEMORY_LISTS = 900


class Figure(NamedTuple):
    """`name` is its key in the file. Without `more_is_better`, less is."""

    name: str
    value: float
    more_is_better: bool = False

    def is_lost(self, before: float | None) -> bool:
        """Whether it is 10 % or more worse than before; of what was 0, anything else is."""
        if before is None:
            return False
        if self.more_is_better:
            return self.value <= before * (1 - LOST)
        return self.value > 0 and self.value >= before * (1 + LOST)


def of_arrivals() -> list[Figure]:
    rate = ratelimit.row(
        "8 categories x 5 rank types", ["--total", "20"],
        f"categories={','.join(ratelimit.ROOTS[:8])}", f"rank_types={','.join(ratelimit.NINE.split(',')[:5])}",
    )  # fmt: skip
    return [Figure("requests a second, one crawl", rate, more_is_better=True)]


def of_keys() -> list[Figure]:
    rate, violations, repeated = processes.keys()
    return [
        Figure("requests a second, 4 keys on one database", rate, more_is_better=True),
        Figure("violations of 4 keys", violations),
        Figure("pages asked twice by 4 keys", repeated),
    ]


def of_cpu() -> list[Figure]:
    return [Figure(f"CPU a page, {each}", ratio) for each, ratio in cpu.measure().items()]


def of_memory() -> list[Figure]:
    return [Figure(f"memory of {MEMORY_LISTS} lists over 300", plan.memory(MEMORY_LISTS))]


def of_store() -> list[Figure]:
    """A list's trends and its storing, in turn on two sizes of history."""
    took: dict[str, list[float]] = {size: [] for size in LISTS}
    with tempfile.TemporaryDirectory() as folder:
        engines = {size: open_database(f"sqlite:///{folder}/{size}.db") for size in LISTS}
        for size, engine in engines.items():
            history.fill(engine, LISTS[size])
        for list_id in range(1, history.MEASURED + 1):
            for size, engine in engines.items():
                took[size].append(sum(history.cost(engine, list_id)))
        for engine in engines.values():
            engine.dispose()
    small, large = (statistics.median(took[size]) for size in LISTS)
    print(
        f"trends and storing of a list: {small * 1000:.2f} ms at 50 thousand entries, {large * 1000:.2f} at 2 million"
    )
    return [Figure("trends and storing at 2 M entries over 50 k", large / small)]


def of_startup() -> list[Figure]:
    empty, filled = startup.measure(STARTUP_ENTRIES).values()
    return [
        Figure("s to the first list, empty history", empty),
        Figure("start-up at 2 M entries over an empty history", filled / empty),
    ]


ROWS: dict[str, Callable[[], list[Figure]]] = {
    "arrivals": of_arrivals,
    "keys": of_keys,
    "cpu": of_cpu,
    "memory": of_memory,
    "store": of_store,
    "startup": of_startup,
}


def main(rows: list[str], *, save: bool) -> int:
    """Measure, print the table, and save where wanted. Returns 1 where a figure was lost."""
    kept: dict[str, float] = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    found = [figure for row in rows for figure in ROWS[row]()]
    lost = [figure for figure in found if figure.is_lost(kept.get(figure.name))]
    print(text_table(("measured", "now", "last release", ""), [_line(figure, kept, lost) for figure in found]))
    if save:
        new = kept | {figure.name: round(figure.value, 3) for figure in found}
        KEPT.write_text(json.dumps(new, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return 1 if lost and not save else 0


def _line(figure: Figure, kept: dict[str, float], lost: list[Figure]) -> tuple[str, ...]:
    before = kept.get(figure.name)
    shown = "" if before is None else f"{before:.2f}"
    return figure.name, f"{figure.value:.2f}", shown, "10 % worse or more" if figure in lost else ""


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", choices=[*ROWS, []], help="which rows; all if none is given")
    parser.add_argument("--save", action="store_true", help=f"write {KEPT.name}")
    given = parser.parse_args()
    sys.exit(main(given.rows or list(ROWS), save=given.save))
