"""The tree, the plan and a crawl's memory: `python -m benchmarks.plan [row …]`.

`tree` walks within the limits and takes about five minutes; `memory` takes as long as 27,000 lists do (`--lists` for
fewer). Every crawl is a process of its own against a sandbox that is another; what is measured is the crawl's process.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toplist.ranktypes import RANK_TYPES
from toplist.sandbox.process import SandboxProcess

ROOT = Path(__file__).resolve().parent.parent
NINE = ",".join(list(RANK_TYPES)[:9])
LEAVES = 3000
LIFTED = {"TOPLIST_QPS": "0", "TOPLIST_DOWNLOAD_DELAY": "0"}


@dataclass
class Ran:
    """A finished process: exit status, what it printed and logged, wall seconds, and the most memory it had, in MB."""

    status: int
    out: str
    log: str
    seconds: float
    peak: float

    def stat(self, name: str) -> float:
        found = re.findall(rf"'{name}': ([0-9.]+)", self.log)
        return float(found[-1]) if found else float("nan")


def run(sandbox: SandboxProcess, folder: Path, *command: str, database: str = "bench", **settings: str) -> Ran:
    """Run a command of Scrapy's on the sandbox as if it were the gateway."""
    environment = os.environ | settings | {
        "TOPLIST_APP_KEY": sandbox.app_key,
        "TOPLIST_APP_SECRET": sandbox.app_secret,
        "TOPLIST_GATEWAY_URL": sandbox.url,
        "TOPLIST_DATABASE_URL": f"sqlite:///{folder / database}.db",
        "TOPLIST_FEED_URI": str(folder / f"{database}.jsonl"),
    }  # fmt: skip
    begun = time.monotonic()
    with (folder / "out").open("w+b") as out, (folder / "log").open("w+b") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "scrapy", *command], cwd=ROOT, env=environment, stdout=out, stderr=log
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    printed, logged = ((folder / name).read_text(encoding="utf-8") for name in ("out", "log"))
    return Ran(process.returncode, printed, logged, time.monotonic() - begun, usage.ru_maxrss / 1024)


def walked(sandbox: SandboxProcess, folder: Path, **settings: str) -> tuple[Ran, list[dict[str, Any]]]:
    """The whole tree, fetched or stored."""
    done = run(sandbox, folder, "categories", "--json", **settings)
    if done.status:
        sys.exit(done.log[-2000:])
    return done, json.loads(done.out)


def crawl(sandbox: SandboxProcess, folder: Path, ids: list[str], *more: str, database: str = "bench") -> Ran:
    arguments = (f"categories={','.join(ids)}", f"rank_types={NINE}", *more)
    options = [part for argument in arguments for part in ("-a", argument)]
    done = run(sandbox, folder, "crawl", "toplist", *options, database=database, **LIFTED)
    if done.status:
        print(done.log[-2000:], done.out)
    return done


def tree() -> None:
    """Fetch it as a user does, with the limits on, beside a sandbox that watches them."""
    limits = ("--qps=2", "--category-interval=1.5", "--latency=300")
    with tempfile.TemporaryDirectory() as folder, SandboxProcess(*limits) as sandbox:
        done, categories = walked(sandbox, Path(folder), TOPLIST_QPS="2", TOPLIST_DOWNLOAD_DELAY="1.5")
        state = sandbox.state()
        at = sorted(each["at"] for each in state["requests"])
        levels = [sum(each["level"] == level for each in categories) for level in (1, 2, 3)]
        leaves = sum(each["is_leaf"] for each in categories)
        print(f"tree: {levels} categories on levels 1 to 3, {leaves} leaves; {done.log.strip().splitlines()[-1]}")
        print(
            f"  {len(at)} requests in {done.seconds:.0f} s, {(len(at) - 1) / (at[-1] - at[0]):.3f}/s,"
            f" {state['violations']} violations, peak {done.peak:.0f} MB"
        )
        for each in state["violation_descriptions"][:5]:
            print(f"  {each}; load {os.getloadavg()[0]:.1f}")
        again, _ = walked(sandbox, Path(folder))
        print(f"  kept: {again.seconds:.1f} s, {sandbox.state()['arrivals'] - len(at)} requests", flush=True)


def memory(lists: int) -> float:
    """The plan's time and memory, and a crawl's from 300 lists to `lists`. Returns the ratio of the two crawls'."""
    with tempfile.TemporaryDirectory() as name, SandboxProcess("--total=5") as sandbox:
        folder = Path(name)
        _, categories = walked(sandbox, folder, **LIFTED)
        leaves = [each["category_id"] for each in categories if each["is_leaf"]][:LEAVES]
        few, many = leaves[: 300 // 9 + 1], leaves[: lists // 9]
        for ids in (leaves[:1], leaves):
            dry = crawl(sandbox, folder, ids, "dry_run=1")
            print(
                f"plan of {dry.stat('toplist/plan/lists'):.0f} lists, dry run: {dry.stat('toplist/plan/seconds'):.2f}"
                f" s, peak of the whole process {dry.peak:.1f} MB",
                flush=True,
            )
        peaks = []
        for database, ids in (("few", few), ("many", many)):
            shutil.copy(folder / "bench.db", folder / f"{database}.db")  # the tree is kept in both
            done = crawl(sandbox, folder, ids, database=database)
            peaks.append(done.peak)
            print(
                f"crawl of {done.stat('toplist/plan/lists'):.0f} lists: exit {done.status}, plan entered in"
                f" {done.stat('toplist/plan/seconds'):.2f} s, {done.stat('toplist/lists/complete'):.0f} lists asked,"
                f" {done.seconds:.0f} s, peak {done.peak:.1f} MB",
                flush=True,
            )
        print(f"memory of the larger crawl against the smaller: {peaks[1] / peaks[0]:.3f}")
    return peaks[1] / peaks[0]


def denied(lists: int) -> None:
    """A crawl's memory when no rank type is granted, from 300 lists to `lists`."""
    grants = [f"--no-grant={rank_type}" for rank_type in NINE.split(",")]
    with tempfile.TemporaryDirectory() as name, SandboxProcess("--total=5", *grants) as sandbox:
        peaks = []
        for count in (300, lists):
            ids = [str(1_000_000 + number) for number in range(-(-count // 9))]
            options = ("-a", f"categories={','.join(ids)}", "-a", f"rank_types={NINE}", "--loglevel=INFO")
            done = run(sandbox, Path(name), "crawl", "toplist", *options, database=str(count), **LIFTED)
            peaks.append(done.peak)
            print(
                f"crawl of {done.stat('toplist/plan/lists'):.0f} lists without a grant:"
                f" {done.stat('toplist/lists/failed'):.0f} failed, {done.stat('toplist/ratelimit/waited'):.0f} requests"
                f" reached the limiter, {done.seconds:.0f} s, peak {done.peak:.1f} MB",
                flush=True,
            )
        print(f"memory of the larger crawl against the smaller: {peaks[1] / peaks[0]:.3f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", choices=["tree", "memory", "denied", []], help="rows; all by default")
    parser.add_argument("--lists", type=int, default=9 * LEAVES, help="lists of the larger crawl (%(default)s)")
    chosen = parser.parse_args()
    if not chosen.rows or "tree" in chosen.rows:
        tree()
    if not chosen.rows or "memory" in chosen.rows:
        memory(chosen.lists)
    if not chosen.rows or "denied" in chosen.rows:
        denied(chosen.lists)
