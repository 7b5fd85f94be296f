"""Four crawls, one key, and four with a key each: `python -m benchmarks.processes [row …]`.

A row takes about three and a half minutes, `keys` a minute and a half. Every crawl is a process of its own, against a
sandbox with 300 ms latency that notes each arrival; nothing is scaled.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text

from benchmarks.ratelimit import ROOT, arrivals, figures, prefer
from tests.postgres_server import serve_postgres
from toplist.categories.tree import roots_data
from toplist.ranktypes import RANK_TYPES
from toplist.sandbox.process import SandboxProcess

CATEGORIES = [str(each["id"]) for each in roots_data()]
SHARES = [CATEGORIES[start : start + 8] for start in range(0, 40, 8)]  # each crawl its own; the fifth comes late
LENGTH = 150.0  # seconds that a row measures
KILL_EVERY = 10.0
PAUSE = 60
KEYS = 4


class Crawls:
    """The crawls of a row: started, killed, awaited."""

    def __init__(self, sandbox: SandboxProcess, folder: Path, database_url: str):
        self._sandbox = sandbox
        self._folder = folder
        self._url = database_url
        self._started = 0

    def start(self, share: int) -> subprocess.Popen[bytes]:
        """A crawl of a share of the categories."""
        return self.start_plan(SHARES[share], self._sandbox)

    def start_plan(self, categories: list[str], sandbox: SandboxProcess) -> subprocess.Popen[bytes]:
        """A crawl of these categories, with the key of a sandbox."""
        self._started += 1
        environment = os.environ | {
            "TOPLIST_APP_KEY": sandbox.app_key,
            "TOPLIST_APP_SECRET": sandbox.app_secret,
            "TOPLIST_GATEWAY_URL": sandbox.url,
            "TOPLIST_DATABASE_URL": self._url,
            "TOPLIST_FEED_URI": str(self._folder / f"feed-{self._started}.jsonl"),
            "TOPLIST_PAUSE_403": str(PAUSE),
        }
        kept = self._folder / f"statements-{self._started}.jsonl"
        log = self._folder / f"log-{self._started}.txt"
        command = [sys.executable, "-m", "benchmarks.counted", str(kept), "crawl", "toplist", "-s", f"LOG_FILE={log}"]
        command += ["-a", f"categories={','.join(categories)}", "-a", f"rank_types={','.join(RANK_TYPES)}"]
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)

    def statements(self) -> list[tuple[str, float, list[float]]]:
        files = sorted(self._folder.glob("statements-*.jsonl"))
        return [tuple(json.loads(line)) for file in files for line in file.read_text().splitlines()]


def when_all_send(sandbox: SandboxProcess, shares: int) -> None:
    while len(_by_share(arrivals(sandbox.state()))) < shares:
        time.sleep(0.2)


def undisturbed(crawls: Crawls, sandbox: SandboxProcess) -> list[subprocess.Popen[bytes]]:
    started = [crawls.start(share) for share in range(4)]
    when_all_send(sandbox, 4)
    time.sleep(LENGTH)
    return started


def killed(crawls: Crawls, sandbox: SandboxProcess) -> list[subprocess.Popen[bytes]]:
    started = [crawls.start(share) for share in range(4)]
    when_all_send(sandbox, 4)
    ends = time.monotonic() + LENGTH
    times = 0
    while time.monotonic() < ends:
        time.sleep(KILL_EVERY)
        started[0].send_signal(signal.SIGKILL)
        started[0].wait()
        started[0] = crawls.start(0)
        times += 1
    print(f"  killed {times} times", flush=True)
    return started


def forbidden(crawls: Crawls, sandbox: SandboxProcess) -> list[subprocess.Popen[bytes]]:
    started = [crawls.start(share) for share in range(4)]
    when_all_send(sandbox, 4)
    while not any(each["status"] == 403 for each in sandbox.state()["requests"]):
        time.sleep(0.2)
    started.append(crawls.start(4))
    time.sleep(PAUSE + 60)
    return started


def tell_pause(sandbox: SandboxProcess) -> None:
    requests = sandbox.state()["requests"]
    refused = next(each for each in requests if each["status"] == 403)
    inside = sorted(each["at"] - refused["sent_at"] for each in requests if each["at"] > refused["sent_at"])
    before = [at for at in inside if at < PAUSE]
    later = next(at for at in inside if at >= PAUSE)
    print(
        f"  after the 403 was sent: {len(before)} arrivals within {PAUSE} s {before[:3]}, the next after {later:.3f} s"
    )
    fifth = min(each["at"] for each in requests if each["category_id"] in SHARES[4]) - refused["sent_at"]
    print(f"  the crawl that started in the pause sent first after {fifth:.3f} s")


def _by_share(requests: list[dict[str, Any]]) -> Counter[int]:
    owner = {category: number for number, share in enumerate(SHARES) for category in share}
    return Counter(owner[each["category_id"]] for each in requests)


def tell(requests: list[dict[str, Any]], violations: int) -> None:
    """What came in the measured time, and how it was shared out."""
    owner = {category: number for number, share in enumerate(SHARES) for category in share}
    firsts = {number: min(e["at"] for e in requests if owner[e["category_id"]] == number) for number in range(4)}
    begin = max(firsts.values())
    measured = [each for each in requests if begin <= each["at"] < begin + LENGTH]
    print(f"  in {LENGTH:g} s: {figures(measured)}; the gateway counts {violations} violations")
    print(f"  altogether: {figures(requests)}")
    gaps = {}
    for number in range(4):
        own = [each["at"] for each in measured if owner[each["category_id"]] == number]
        gaps[number] = max(later - earlier for earlier, later in pairwise(own))
    shares = _by_share(measured)
    print(f"  each: {dict(sorted(shares.items()))}, longest wait {', '.join(f'{gap:.1f}' for gap in gaps.values())} s")


def tell_cost(statements: list[tuple[str, float, list[float]]], requests: int) -> None:
    each = [took for _, _, all_ in statements for took in all_]
    whole = [took for _, took, _ in statements]
    late = sorted(each)[int(len(each) * 0.99)] if each else 0.0
    print(
        f"  limiter: {len(each) / requests:.2f} statements a request, each {statistics.median(each) * 1000:.2f} ms,"
        f" 99 % below {late * 1000:.2f} ms, at most {max(each) * 1000:.1f} ms; a call with its transaction"
        f" {statistics.median(whole) * 1000:.2f} ms, {Counter(name for name, *_ in statements)}"
    )


def tell_stored(database_url: str, requests: list[dict[str, Any]], planned: int) -> int:
    """Returns how many pages were asked more than once."""
    engine = create_engine(database_url)
    with engine.connect() as connection:
        complete = connection.execute(text("SELECT count(*) FROM ledger WHERE status = 'complete'")).scalar_one()
        rows = connection.execute(text("SELECT count(*) FROM entries")).scalar_one()
    engine.dispose()
    asked = Counter((each["category_id"], each["rank_type"], each["page"]) for each in requests)
    repeated = len(requests) - len(asked)
    print(f"  {complete} of {planned} lists complete, {rows} rows, {repeated} asked more than once")
    return repeated


@contextmanager
def sqlite() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        yield f"sqlite:///{folder}/shared.db"


@contextmanager
def postgres() -> Iterator[str]:
    with serve_postgres() as server:
        yield server.url()


def row(
    name: str,
    database: Callable[[], Any],
    run: Callable[[Crawls, SandboxProcess], list[subprocess.Popen[bytes]]],
    *options: str,
) -> None:
    print(f"{name} (load {os.getloadavg()[0]:.1f} before)", flush=True)
    limits = ["--total=20", "--latency=300", "--qps=2", "--category-interval=1.5", f"--pause={PAUSE}"]
    with (
        tempfile.TemporaryDirectory() as folder,
        database() as url,
        SandboxProcess(*limits, *options) as sandbox,
    ):
        print(f"  {prefer(sandbox)}", flush=True)
        crawls = Crawls(sandbox, Path(folder), url)
        started = run(crawls, sandbox)
        load = os.getloadavg()[0]
        statuses = [process.wait(400) for process in started]
        state = sandbox.state()
        requests = arrivals(state)
        tell(requests, state["violations"])
        if run is forbidden:
            tell_pause(sandbox)
        tell_stored(url, requests, len(started) * 8 * len(RANK_TYPES))
        tell_cost(crawls.statements(), len(requests))
        print(f"  exits {statuses}, load {load:.1f} after", flush=True)
        for each in state["violation_descriptions"][:5]:
            print(f"  {each}")


def keys() -> tuple[float, int, int]:
    """Four keys, one database, one plan: each key has a gateway of its own, which counts what breaks its limits.

    Returns requests a second together, violations of all keys, and pages that were asked more than once.
    """
    limits = ["--total=20", "--latency=300", "--qps=2", "--category-interval=1.5"]
    planned = len(CATEGORIES) * len(RANK_TYPES)
    print(f"4 keys on SQLite, one plan of {planned} lists (load {os.getloadavg()[0]:.1f} before)", flush=True)
    with tempfile.TemporaryDirectory() as folder, sqlite() as url, ExitStack() as stack:
        sandboxes = [
            stack.enter_context(SandboxProcess(*limits, environment={"SANDBOX_APP_KEY": f"{number}00000{number}"}))
            for number in range(1, KEYS + 1)
        ]
        observers = {prefer(sandbox) for sandbox in sandboxes}
        crawls = Crawls(sandboxes[0], Path(folder), url)
        started = [crawls.start_plan(CATEGORIES, sandbox) for sandbox in sandboxes]
        statuses = [process.wait(400) for process in started]
        states = [sandbox.state() for sandbox in sandboxes]
        each = [arrivals(state) for state in states]
        begin, end = max(own[0]["at"] for own in each), min(own[-1]["at"] for own in each)
        measured = [sum(begin <= request["at"] <= end for request in own) for own in each]
        rate = sum(measured) / (end - begin)
        print(f"  while all four sent, {end - begin:.0f} s: {rate:.3f} requests/s together, each {measured}")
        print(f"  violations of each key: {[state['violations'] for state in states]}; {', '.join(observers)}")
        repeated = tell_stored(url, [request for own in each for request in own], planned)
        print(f"  exits {statuses}, load {os.getloadavg()[0]:.1f} after", flush=True)
    return rate, sum(state["violations"] for state in states), repeated


ROWS: dict[str, Callable[[], object]] = {
    "sqlite": lambda: row("4 crawls on SQLite", sqlite, undisturbed),
    "postgres": lambda: row("4 crawls on PostgreSQL", postgres, undisturbed),
    "killed": lambda: row("the same on SQLite, one killed every 10 s", sqlite, killed),
    "killed-postgres": lambda: row("the same on PostgreSQL, one killed every 10 s", postgres, killed),
    "forbidden": lambda: row("a 403 to one of 4, SQLite", sqlite, forbidden, "--fault=kind=403,nth=60"),
    "forbidden-postgres": lambda: row("a 403 to one of 4, PostgreSQL", postgres, forbidden, "--fault=kind=403,nth=60"),
    "keys": keys,
}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", choices=[*ROWS, []], help="which rows; all if none is given")
    for chosen in parser.parse_args().rows or list(ROWS):
        ROWS[chosen]()
