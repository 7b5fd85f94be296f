"""What arrives at a gateway: `python -m benchmarks.ratelimit [row …]`. Rows take between one and three minutes each.

Every crawl is a process of its own, against a sandbox with 300 ms latency that notes each arrival; nothing is scaled.
"""

from __future__ import annotations

import argparse
import itertools
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

from toplist.categories.tree import roots_data
from toplist.ranktypes import RANK_TYPES
from toplist.sandbox.process import SandboxProcess

ROOT = Path(__file__).resolve().parent.parent
ROOTS = [str(each["id"]) for each in roots_data()][:20]
NINE = ",".join(list(RANK_TYPES)[:9])


def environment(sandbox: SandboxProcess, folder: Path) -> dict[str, str]:
    """For a crawl of the sandbox as if it were the gateway, with a database and a feed in `folder`."""
    return os.environ | {
        "TOPLIST_APP_KEY": sandbox.app_key,
        "TOPLIST_APP_SECRET": sandbox.app_secret,
        "TOPLIST_GATEWAY_URL": sandbox.url,
        "TOPLIST_DATABASE_URL": f"sqlite:///{folder / 'crawl.db'}",
        "TOPLIST_FEED_URI": str(folder / "feed.jsonl"),
    }


def crawl(sandbox: SandboxProcess, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """One crawl of the sandbox as if it were the gateway, with a database and a feed in `folder`."""
    command = [sys.executable, "-m", "scrapy", "crawl", "toplist", "-L", "WARNING"]
    command += [part for argument in arguments for part in ("-a", argument)]
    return subprocess.run(
        command, cwd=ROOT, env=environment(sandbox, folder), text=True, capture_output=True, check=False
    )


def prefer(sandbox: SandboxProcess) -> str:
    """Real-time priority for the gateway, so that a busy computer does not make it note arrivals late; what came of it.

    An arrival that is noted late looks too close to the next one.
    """
    try:
        os.sched_setscheduler(sandbox.pid, os.SCHED_RR, os.sched_param(1))
    except (AttributeError, OSError) as error:
        return f"the gateway at the usual priority ({error})"
    return "the gateway at real-time priority"


def arrivals(state: dict[str, Any]) -> list[dict[str, Any]]:
    """The signed requests, in the order they arrived."""
    return sorted((each for each in state["requests"] if each["category_id"]), key=lambda each: each["at"])


def figures(requests: list[dict[str, Any]]) -> str:
    """Rate, and the tightest spots: over three requests, in a category, and the oldest timestamp."""
    times = [each["at"] for each in requests]
    by_category = defaultdict(list)
    for each in requests:
        by_category[each["category_id"]].append(each["at"])
    rate = (len(times) - 1) / (times[-1] - times[0])
    three = min((later - earlier for earlier, later in zip(times, times[2:], strict=False)), default=float("inf"))
    gap = min(
        (later - earlier for own in by_category.values() for earlier, later in itertools.pairwise(own)),
        default=float("inf"),
    )
    age = max(each["age"] for each in requests)
    return f"{len(times)} requests, {rate:.3f}/s, three within {three:.4f} s, category gap {gap:.4f} s, age {age:.3f} s"


def row(name: str, options: list[str], *arguments: str) -> float:
    """Returns requests a second."""
    with tempfile.TemporaryDirectory() as folder, SandboxProcess("--latency", "300", *options) as sandbox:
        observer = prefer(sandbox)
        done = crawl(sandbox, Path(folder), *arguments)
        requests = arrivals(sandbox.state())
    load = os.getloadavg()[0]
    print(f"{name}: {figures(requests)}, exit {done.returncode}, load {load:.1f}, {observer}", flush=True)
    times = [each["at"] for each in requests]
    others = [each["at"] - requests[0]["at"] for each in requests if each["category_id"] != ROOTS[0]]
    if name.startswith("50"):
        print(f"  the others were all asked within {max(others):.1f} s")
    if done.returncode:
        print(done.stderr[-2000:], done.stdout)
    return float((len(times) - 1) / (times[-1] - times[0]))


ROWS = {
    "eight": lambda: row("8 categories x 9 rank types x 2 pages", ["--total", "40"],
                         f"categories={','.join(ROOTS[:8])}", f"rank_types={NINE}"),
    "closing": lambda: row("the same, connection closed every 10", ["--total", "40", "--close-every", "10"],
                           f"categories={','.join(ROOTS[:8])}", f"rank_types={NINE}"),
    "one": lambda: row("one category", ["--total", "40"], f"categories={ROOTS[0]}", f"rank_types={NINE}"),
    "deep": lambda: row("50 pages beside 10 categories with one", ["--total", "20", "--total", f"{ROOTS[0]}=1000"],
                        f"categories={','.join(ROOTS[:11])}", "rank_types=hot"),
}  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", choices=[*ROWS, []], help="which rows; all if none is given")
    for chosen in parser.parse_args().rows or list(ROWS):
        ROWS[chosen]()
