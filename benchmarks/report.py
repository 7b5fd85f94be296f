"""What the page costs: `python -m benchmarks.report [small] [large]`.

`small`: 20,000 entries with 30 days behind them: size, time of the build beside the bare queries, memory, first paint
and the time of a filter in a real Chromium. `large`: 540,000 entries in 27,000 lists, two days. Each step is a process
of its own, so that its memory is its own. Needs 2 GB of disk and `chromium`.
"""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sqlalchemy import create_engine, text

from tests.report.made_history import TODAY, Market, make_history
from toplist.report.build import build_report
from toplist.storage.database import open_database

MARKETS = {
    "small": Market(lists=400, rows=50, days=30, categories_per_root=7),
    "large": Market(lists=27_000, rows=20, days=2, categories_per_root=45),
}
BARE = (
    "SELECT * FROM entries WHERE snapshot_date = '{today}'",
    "SELECT rank_type, category_id, snapshot_date, rank, offer_id, price, sale_count, sale_growth_per_day,"
    " breakout_score, breakout_probability FROM entries",
)


def fill(name: str, database: str) -> dict[str, float]:
    """Make the history."""
    make_history(open_database(database), MARKETS[name])
    return {}


def bare(name: str, database: str) -> dict[str, float]:
    """The same rows by two queries, and nothing done with them."""
    began, cpu = time.perf_counter(), time.process_time()
    rows = 0
    with create_engine(database).connect().execution_options(yield_per=2000) as connection:
        for query in BARE:
            for _ in connection.execute(text(query.format(today=TODAY))):
                rows += 1
    return {"rows": rows, "seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - cpu}


def build(name: str, database: str) -> dict[str, float]:
    """The page, or the pages, written to a folder."""
    folder = Path(database.removeprefix("sqlite:///")).parent / "pages"
    folder.mkdir(exist_ok=True)
    sizes = []

    def write(uri: str, page: str) -> None:
        Path(uri).write_text(page, encoding="utf-8")
        sizes.append(Path(uri).stat().st_size)

    began, cpu = time.perf_counter(), time.process_time()
    built = build_report(create_engine(database), "sandbox", TODAY, str(folder / "index.html"), write)
    seconds = time.perf_counter() - began
    return {
        "seconds": seconds,
        "cpu_seconds": time.process_time() - cpu,
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "entries": built.facts.entries,
        "pages": len(sizes),
        "largest_mb": max(sizes) / 1e6,
        "all_mb": sum(sizes) / 1e6,
    }


def browse(name: str, database: str) -> dict[str, float]:
    """First paint, the table's first rows, and filters, as the browser measures them. The median of five visits."""
    from playwright.sync_api import sync_playwright

    page_path = Path(database.removeprefix("sqlite:///")).parent / "pages" / "index.html"
    visits = []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"])
        for _ in range(5):
            page = browser.new_page()
            page.goto(page_path.as_uri())
            page.wait_for_selector("html[data-ready]")
            visit = {
                "first_paint_ms": page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"),
                "table_ms": float(page.evaluate("document.documentElement.dataset.ready")),
            }
            for label, hash_ in {"search": "q=韩版", "price": "price_min=100", "sort": "sort=-sale_count"}.items():
                page.evaluate(f"location.hash = '{hash_}'")
                page.wait_for_timeout(150)
                visit[f"{label}_ms"] = float(page.evaluate("document.documentElement.dataset.filterMs"))
            visits.append(visit)
            page.close()
        browser.close()
    return {key: sorted(visit[key] for visit in visits)[2] for key in visits[0]}


STEPS = {"fill": fill, "bare": bare, "build": build, "browse": browse}


def main() -> None:
    """Run the steps of each size, each in a process of its own, and print what they measured."""
    if sys.argv[1:2] == ["--step"]:
        step, name, database = sys.argv[2:]
        print(json.dumps(STEPS[step](name, database)))
        return
    for name in sys.argv[1:] or list(MARKETS):
        with tempfile.TemporaryDirectory() as folder:
            database = f"sqlite:///{folder}/history.db"
            for step in STEPS:
                command = [sys.executable, "-m", "benchmarks.report", "--step", step, name, database]
                found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
                if found:
                    print(
                        f"{name} {step}: " + ", ".join(f"{key} {value:,.2f}" for key, value in found.items()),
                        flush=True,
                    )


if __name__ == "__main__":
    main()
