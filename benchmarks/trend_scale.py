"""What the backtest and the refit take at scale: `python -m benchmarks.trend_scale [LISTS] [DAYS]` (27,000 and 90).

Fills a SQLite database (8 GB at the default size) with lists of 20 rows whose counts are running totals that grow at
each offer's own pace, then runs the backtest and a refit on it, each in a process of its own, and prints the seconds on
the clock, those of the processor, and the most memory that it held.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from sqlalchemy import Engine, text

from toplist.backtesting import prove
from toplist.items import Source
from toplist.ranktypes import Protocol
from toplist.storage.database import open_database
from toplist.storage.trend_models import TrendModels
from toplist.trends.table import as_table

FIRST, ROWS, OFFERS = date(2026, 1, 1), 20, 30
_DAY_MS = 86_400_000
_MADE = 100
_INSERT = (
    "INSERT INTO observation (list_id, snapshot_date, rank, version_id, collected_ms, sale_count, trend_score, price,"
    " heat_index, sale_growth, sale_growth_per_day, sale_growth_adjusted, price_change, price_change_per_day,"
    " price_volatility, rank_change, movement, breakout_score, note_id)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, 9.5, 51.25, 0.01, 0.0101, 0.002, 0.0, 0.0, 0.013, 0, 'steady', 0.081, 7)"
)


def fill(engine: Engine, lists: int, days: int) -> None:
    """Lists of one source, every day complete; those beyond the first 100 are copies of them with ids of their own."""
    dates = [(FIRST + timedelta(days=step)).isoformat() for step in range(days)]
    connection = engine.raw_connection()
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous = OFF")
    some = range(1, min(lists, _MADE) + 1)
    everyone = range(1, lists + 1)
    cursor.executemany("INSERT INTO list VALUES (?, '1688', 'base64', 'hot', ?)", [(at, str(at)) for at in everyone])
    cursor.executemany(
        "INSERT INTO offer_version (version_id, digest, offer_id, title) VALUES (?, ?1, ?1, 'offer ' || ?1)",
        [(at * 100 + each,) for at in everyone for each in range(OFFERS)],
    )
    cursor.executemany(
        "INSERT INTO first_seen VALUES (?, ?, '2026-01-01')",
        [(at, str(at * 100 + each)) for at in everyone for each in range(OFFERS)],
    )
    cursor.executemany(
        "INSERT INTO list_snapshot (list_id, snapshot_date, status, received, rejected, duplicates, page_size,"
        " reported_total, collected_ms) VALUES (?, ?, 'complete', 20, 0, 0, 20, 20, ?)",
        ((at, day, 1767225600000 + step * _DAY_MS) for at in everyone for step, day in enumerate(dates)),
    )
    for at in some:
        cursor.executemany(_INSERT, _rows(at, dates))
    connection.commit()
    columns = [row[1] for row in cursor.execute("PRAGMA table_info(observation)")]
    moved = {"list_id": "list_id + {0}", "version_id": "version_id + {0} * 100"}
    for copy in range(_MADE, lists, _MADE):
        shown = ", ".join(moved.get(name, name).format(copy) for name in columns)
        cursor.execute(
            f"INSERT INTO observation SELECT {shown} FROM observation WHERE list_id <= {min(_MADE, lists - copy)}"
        )
        connection.commit()
    connection.close()
    with engine.begin() as ended:
        ended.execute(text("ANALYZE"))


def _rows(list_id: int, dates: list[str]) -> Iterator[tuple[object, ...]]:
    random = np.random.default_rng(list_id)
    pace = random.lognormal(2.0, 1.5, OFFERS)
    drift = np.exp(np.cumsum(random.normal(0, 0.08, (len(dates), OFFERS)), axis=0))
    counts = np.cumsum(random.poisson(pace * drift), axis=0) + random.integers(100, 5000, OFFERS)
    for step, day in enumerate(dates):
        best = np.argsort(-counts[step], kind="stable")[:ROWS]
        for rank, offer in enumerate(best.tolist(), 1):
            count = int(counts[step, offer])
            yield list_id, day, rank, list_id * 100 + offer, 1767225600000 + step * _DAY_MS, count, count / 1000


def measure(url: str, what: str, days: int) -> None:
    """One of the two, in this process."""
    engine = open_database(url)
    began = time.perf_counter()
    if what == "backtest":
        (proof,) = prove(engine, days=days, k=20, horizons=(7, 30), count_covers="auto")
        print(as_table(proof.results))
        print(f"backtest of {proof.lists} lists x {days} days, counts {proof.coverage}: ", end="")
    else:
        TrendModels(engine).refit(Source.GATEWAY, Protocol.BASE64, FIRST + timedelta(days=days - 1))
        print("refit: ", end="")
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    took = f"{time.perf_counter() - began:.0f} s, {time.process_time():.0f} s of the processor"
    print(f"{took}, at most {most:.0f} MB", flush=True)


def main() -> None:
    if sys.argv[1:2] == ["measure"]:
        return measure(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    lists, days = (int(given) for given in (sys.argv[1:] + ["27000", "90"][len(sys.argv) - 1 :]))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scale.db"
        engine = open_database(f"sqlite:///{path}")
        began = time.perf_counter()
        fill(engine, lists, days)
        engine.dispose()
        print(f"filled in {time.perf_counter() - began:.0f} s, {path.stat().st_size / 1e9:.1f} GB", flush=True)
        for what in ("backtest", "refit"):
            command = (sys.executable, "-m", "benchmarks.trend_scale", "measure", f"sqlite:///{path}", what, str(days))
            subprocess.run(command, check=True)
    return None


if __name__ == "__main__":
    main()
