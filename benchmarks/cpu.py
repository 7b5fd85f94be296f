"""CPU of a crawl with everything on, per page, over a bare Scrapy spider: `python -m benchmarks.cpu`.

The bare spider signs, parses and exports the same pages of the same sandbox in the same run: no limiter, no ledger, no
history, no trends, no verdict. It is run twice, with Scrapy's own exporter for the same 35-field items, and for plain
dicts. CPU is what the operating system accounted to each finished process, less that of a crawl of one page: into a new
database, so that the whole day's feed and HTML page are in it, and into the filled one, so that they are not.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from sqlalchemy import inspect, text

from benchmarks.ratelimit import ROOT, ROOTS
from toplist.ranktypes import RANK_TYPES
from toplist.sandbox.process import SandboxProcess
from toplist.storage.database import open_database

RUNS = 5
DAYS = 30
WHOLE, CRAWL = "toplist with the day's feed and page", "toplist"
BARE = ("items", "dicts")


def cpu(command: list[str], environment: dict[str, str]) -> float:
    """User and system seconds of one process."""
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    said = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{command}: {said.decode()[-2000:]}")
    return used.ru_utime + used.ru_stime


def environment(sandbox: SandboxProcess, folder: Path) -> dict[str, str]:
    return os.environ | {
        "TOPLIST_APP_KEY": sandbox.app_key,
        "TOPLIST_APP_SECRET": sandbox.app_secret,
        "TOPLIST_GATEWAY_URL": sandbox.url,
        "TOPLIST_DATABASE_URL": f"sqlite:///{folder / 'crawl.db'}",
        "TOPLIST_FEED_URI": str(folder / "feed-%(snapshot_date)s.jsonl"),
        "TOPLIST_QPS": "0",
        "TOPLIST_DOWNLOAD_DELAY": "0",
        "BARE_FEED": str(folder / "bare.jsonl"),
    }


def ours(categories: list[str], rank_types: list[str]) -> list[str]:
    arguments = [f"categories={','.join(categories)}", f"rank_types={','.join(rank_types)}", "refresh=1"]
    flags = [part for argument in arguments for part in ("-a", argument)]
    return [sys.executable, "-m", "scrapy", "crawl", "toplist", "--set=AUTOTHROTTLE_ENABLED=0", *flags]


def bare(categories: list[str], rank_types: list[str], items: str) -> list[str]:
    return [sys.executable, "-m", "benchmarks.bare", items, ",".join(categories), ",".join(rank_types)]


def measure() -> dict[str, float]:
    """Our CPU a page over each bare spider's, with the day's feed and page and without, by name; all of it printed."""
    kinds = list(RANK_TYPES)
    pages = len(ROOTS) * len(kinds)
    figures: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as name, SandboxProcess("--total=20") as sandbox:
        folder = Path(name)
        env = environment(sandbox, folder)
        new = [environment(sandbox, folder / str(number)) for number in range(RUNS)]
        first = statistics.median(cpu(ours(ROOTS[:1], kinds[:1]), each) for each in new)
        cpu(ours(ROOTS, kinds), env)
        fill_history(env)
        for _ in range(RUNS):
            whole, one = cpu(ours(ROOTS, kinds), env), cpu(ours(ROOTS[:1], kinds[:1]), env)
            times = {WHOLE: whole - first, CRAWL: whole - one}
            for each in BARE:
                times[each] = cpu(bare(ROOTS, kinds, each), env) - cpu(bare(ROOTS[:1], kinds[:1], each), env)
            for each, seconds in times.items():
                figures.setdefault(each, []).append(seconds / (pages - 1) * 1000)
    print(f"{pages} pages of 20 rows, median of {RUNS} runs, CPU a page:")
    for each, values in figures.items():
        print(f"  {each}: {statistics.median(values):.2f} ms ({min(values):.2f} to {max(values):.2f})")
    found = {}
    for mine in (WHOLE, CRAWL):
        for each in BARE:
            ratios = [one / other for one, other in zip(figures[mine], figures[each], strict=True)]
            found[f"{mine} over bare {each}"] = statistics.median(ratios)
            print(
                f"  {mine} over bare {each}: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
            )
    return found


def fill_history(env: dict[str, str]) -> None:
    """The month before, made from today: the same rows, a little less sold each day back."""
    engine = open_database(env["TOPLIST_DATABASE_URL"])
    with engine.begin() as connection:
        for back in range(1, DAYS + 1):
            for table in ("list_snapshot", "observation"):
                names = [column["name"] for column in inspect(connection).get_columns(table)]
                shifted = {
                    "snapshot_date": f"date(snapshot_date, '-{back} day')",
                    "collected_ms": f"collected_ms - {back} * 86400000",
                    "sale_count": f"CAST(sale_count * (1 - 0.01 * {back}) AS INTEGER)",
                }
                values = ", ".join(shifted.get(name, f'"{name}"') for name in names)
                newest = f"snapshot_date = (SELECT max(snapshot_date) FROM {table})"
                listed = ", ".join(f'"{name}"' for name in names)
                connection.execute(text(f"INSERT INTO {table} ({listed}) SELECT {values} FROM {table} WHERE {newest}"))
    engine.dispose()


if __name__ == "__main__":
    measure()
