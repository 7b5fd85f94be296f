"""Seconds from the start of a crawl until its first list is stored: `python -m benchmarks.startup [ENTRIES]`.

Twice in the same run, in turn: beside an empty history, and on one of `ENTRIES` rows (20 million by default: 4 GB of
disk, minutes to fill) that ends on the day before. SQLite; the sandbox stands in for the gateway.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from sqlalchemy import create_engine, text

from benchmarks.history import DAYS, ROWS, fill
from benchmarks.ratelimit import ROOT
from toplist.dates import business_date, utc_now
from toplist.sandbox.process import SandboxProcess
from toplist.storage.database import open_database

RUNS = 3
LISTS = 20  # that the crawl asks for
POLL = 0.01
LONGEST = 120.0
_STORED = text("SELECT count(*) FROM list_snapshot WHERE snapshot_date = :day AND status = 'complete'")


def first_stored(sandbox: SandboxProcess, folder: Path, url: str) -> tuple[float, float]:
    """Seconds until the crawl's first request arrives, and until its first list is stored. The day is emptied first."""
    day = business_date(utc_now()).isoformat()
    engine = create_engine(url)
    with engine.begin() as connection:
        for table in ("observation", "dropped_out", "list_snapshot"):
            connection.execute(text(f"DELETE FROM {table} WHERE snapshot_date = :day"), {"day": day})
    before = sandbox.state()["arrivals"]
    categories = ",".join(str(number) for number in range(1, LISTS + 1))
    command = [sys.executable, "-m", "scrapy", "crawl", "toplist", "-a", f"categories={categories}"]
    environment = os.environ | {
        "TOPLIST_APP_KEY": sandbox.app_key,
        "TOPLIST_APP_SECRET": sandbox.app_secret,
        "TOPLIST_GATEWAY_URL": sandbox.url,
        "TOPLIST_DATABASE_URL": url,
        "TOPLIST_FEED_URI": str(folder / "feed.jsonl"),
    }
    began = time.monotonic()
    log = folder / "log.txt"
    with log.open("wb") as kept:
        process = subprocess.Popen(
            [*command, "-a", "rank_types=hot"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=kept
        )
    try:
        with engine.connect() as connection:
            while not connection.execute(_STORED, {"day": day}).scalar_one():
                connection.rollback()
                if process.poll() is not None or time.monotonic() > began + LONGEST:
                    raise SystemExit(f"no list was stored:\n{log.read_text(encoding='utf-8')[-2000:]}")
                time.sleep(POLL)
        took = time.monotonic() - began
    finally:
        process.kill()
        process.wait()
        engine.dispose()
    arrived = min(each["at"] for each in sandbox.state()["requests"][before:])
    return arrived - began, took


def measure(entries: int) -> dict[str, float]:
    """Median seconds until the first list is stored, without a history and with one of `entries`; all of it printed."""
    lists = max(entries // (DAYS * ROWS), LISTS)
    figures: dict[str, list[tuple[float, float]]] = {"empty": [], f"{lists * DAYS * ROWS:,} entries": []}
    with tempfile.TemporaryDirectory() as name, SandboxProcess("--total=20") as sandbox:
        folder = Path(name)
        urls = {size: f"sqlite:///{folder / str(place)}.db" for place, size in enumerate(figures)}
        for size, url in urls.items():
            engine = open_database(url)
            if size != "empty":
                fill(engine, lists, business_date(utc_now()) - timedelta(days=DAYS))
            engine.dispose()
        for _ in range(RUNS):
            for size, url in urls.items():
                figures[size].append(first_stored(sandbox, folder, url))
    print(f"from the start of the process, median of {RUNS} runs, load {os.getloadavg()[0]:.1f}:")
    medians = {}
    for size, values in figures.items():
        asked, stored = (statistics.median(column) for column in zip(*values, strict=True))
        worst = max(each for _, each in values)
        print(
            f"  {size}: first request after {asked:.2f} s, first list stored after {stored:.2f} s (at most {worst:.2f})"
        )
        medians[size] = stored
    return medians


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("entries", nargs="?", type=int, default=20_000_000, help="rows of the history (%(default)s)")
    measure(parser.parse_args().entries)
