"""Killed crawls: `python -m benchmarks.kills [N] [--database sqlite|postgresql] [--seed S]`. 100 kills take 7 minutes.

A crawl of today's lists, their details, the feed and the page, on a database that knows yesterday, is killed (SIGKILL)
up to four times at random moments, from its start to its end, and then runs once undisturbed; in a fifth of the kills a
second crawl of the day runs beside it and is killed a little later. After that every list is
complete, each entry is stored once, the feed is that of a crawl that was never killed (but for `collected_at`), and no
half-written file is left.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from benchmarks.kill_checks import differences, feed_of, half_written, wrong_in_database
from tests.harness import QUICK, WITH_PAGE, Project
from tests.postgres_server import serve_postgres
from toplist.dates import business_date
from toplist.sandbox.process import SandboxProcess

PLAN = ("categories=10166,311,312", "rank_types=hot,complex,goodPrice")
LISTS = 3 * 3
ENTRIES = LISTS * 20
KILLS_IN_A_ROW = 4
LONGEST = 300  # seconds of a last run, on a machine that is busy with other work
START_SHARE = 0.1  # of the kills come before the spider is open
FILE_SHARE = 0.15  # of the kills wait until a file is being written
BESIDE_SHARE = 0.2  # of the kills hit two crawls of the same day
FEEDS = "exports/toplist-%(snapshot_date)s.jsonl exports/toplist-%(snapshot_date)s.jsonl.gz"


@dataclass
class Databases:
    """Makes databases: `template` is one that knows yesterday, `copy` gives the URL of a copy of it."""

    template: str
    copy: Callable[[Path], str]


@contextmanager
def sqlite(folder: Path) -> Iterator[Databases]:
    def copy(to: Path) -> str:
        shutil.copy(folder / "template.db", to / "toplist.db")
        return f"sqlite:///{to / 'toplist.db'}"

    yield Databases(f"sqlite:///{folder / 'template.db'}", copy)


@contextmanager
def postgresql(folder: Path) -> Iterator[Databases]:
    with serve_postgres("fsync=off") as server:

        def copy(to: Path) -> str:
            engine = create_engine(server.url(), isolation_level="AUTOCOMMIT")
            with engine.connect() as connection:
                connection.execute(text(f'CREATE DATABASE "{to.name}" TEMPLATE history'))
            engine.dispose()
            return str(make_url(server_url).set(database=to.name).render_as_string(hide_password=False))

        server_url = server.url("history")
        yield Databases(server_url, copy)


DATABASES = {"sqlite": sqlite, "postgresql": postgresql}


@dataclass
class Killed:
    """What a run saw: kills by the phase that they hit, crawls that ended before their kill, what was wrong."""

    phases: Counter[str] = field(default_factory=Counter)
    too_late: int = 0
    beside: int = 0
    rounds: int = 0
    leftovers: int = 0
    wrong: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Undisturbed:
    """A crawl that nothing disturbed: its feed, its requests, and the seconds that it took from the open spider to the
    last request, from there to its end, and until the spider was open."""

    feed: list[dict[str, Any]]
    requests: int
    until_last: float
    ending: float
    opening: float


class Rounds:
    """Rounds on one kind of database: some kills, a last run, a look at what is there."""

    def __init__(self, sandbox: SandboxProcess, databases: Databases, folder: Path, seed: int):
        self._sandbox = sandbox
        self._databases = databases
        self._folder = folder
        self._random = random.Random(seed)
        self._today = business_date(datetime.now(UTC))
        self.seen = Killed()
        self._crawl_history()
        self._plain = self._undisturbed()

    def _start(self, project: Project, url: str, day: str | None = None) -> subprocess.Popen[str]:
        temporary = project.folder / "tmp"
        temporary.mkdir(exist_ok=True)
        return project.start(
            self._sandbox,
            *PLAN,
            "details=0" if day else "details=1",
            f"snapshot_date={day or self._today}",
            TOPLIST_DATABASE_URL=url,
            TOPLIST_ACCESS_TOKEN=self._sandbox.access_token,
            TOPLIST_FEED_URI=FEEDS,
            TMPDIR=str(temporary),
            **QUICK | WITH_PAGE,
        )

    def _crawl_history(self) -> None:
        yesterday = str(self._today - timedelta(days=1))
        self._sandbox.move_to(yesterday)
        crawl = self._start(Project(self._folder / "yesterday"), self._databases.template, yesterday)
        _, log = crawl.communicate(timeout=120)
        assert crawl.returncode == 0, log
        self._sandbox.move_to(str(self._today))

    def _undisturbed(self) -> Undisturbed:
        project = Project(self._folder / "undisturbed")
        begun = time.monotonic()
        crawl = self._start(project, self._databases.copy(project.folder))
        opened = _opened(crawl)
        crawl.wait(120)
        ended = time.monotonic()
        assert crawl.returncode == 0
        requests = self._requests()
        requests = [each for each in requests if each["at"] > begun]
        last = max(each["at"] for each in requests)
        return Undisturbed(feed_of(project), len(requests), last - opened, ended - last, opened - begun)

    def _requests(self, since: int = 0) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._sandbox.state(since)["requests"]
        return found

    def run(self, kills: int) -> None:
        """One round with at most so many kills."""
        self.seen.rounds += 1
        project = Project(self._folder / f"round_{self.seen.rounds}")
        url = self._databases.copy(project.folder)
        first = self._sandbox.state(10**9)["arrivals"]
        moments = [self._kill(project, url, first) for _ in range(kills)]
        last = self._start(project, url)
        said = f"round {self.seen.rounds} (kills: {', '.join(moments)})"
        try:
            _, log = last.communicate(timeout=LONGEST)
        except subprocess.TimeoutExpired:
            last.send_signal(signal.SIGKILL)
            _, log = last.communicate()
        if last.returncode != 0:
            self.seen.wrong.append(f"{said}: exit status {last.returncode}\n{log[-2000:]}")
        self.seen.wrong += [f"{said}: {each}" for each in self._faults(project, url)]
        shutil.rmtree(project.folder)
        print(f"  {said}: {self.seen.phases.total()} kills, {len(self.seen.wrong)} faults so far", flush=True)

    def _kill(self, project: Project, url: str, first: int) -> str:
        """Kill one crawl at a random moment of the time that it still needs. Returns the phase that was hit.

        Most moments are evenly spread over the time from the open spider to the end.
        """
        before = sum(1 for each in self._requests(first) if each["answer"] == "ok")
        plain = self._plain
        aim = self._random.random()
        crawl = self._start(project, url)
        beside = self._start(project, url) if self._random.random() < BESIDE_SHARE else None
        if aim < START_SHARE:
            wait = self._random.uniform(0.1, plain.opening)
        else:
            _opened(crawl)
            left = plain.until_last * max(0.0, 1 - before / plain.requests) + plain.ending
            wait = self._random.uniform(0, left)
        if aim > 1 - FILE_SHARE:
            _wait_for_file(crawl, project)
            wait = self._random.uniform(0, 0.003)
        try:
            crawl.wait(wait)
        except subprocess.TimeoutExpired:
            phase = self._phase(project, first, before)
            crawl.kill()
            crawl.wait()
        else:
            self.seen.too_late += 1
            phase = "too late"
        if beside is not None:
            time.sleep(self._random.uniform(0, 1))
            beside.kill()
            beside.communicate()
            self.seen.beside += 1
        if phase != "too late":
            self.seen.phases[phase] += 1
        self.seen.wrong += half_written(project)
        return phase + " and another crawl" * (beside is not None)

    def _phase(self, project: Project, first: int, before: int) -> str:
        if list(project.folder.rglob("*.toplist-part")):
            return "writing a file"
        requests = self._requests(first)
        if len(requests) <= before:
            return "start" if before < self._plain.requests else "ending"
        if requests[-1]["rank_type"]:
            return "lists"
        return "details" if len(requests) < self._plain.requests else "ending"

    def _faults(self, project: Project, url: str) -> list[str]:
        """What is not as it should be after the last run."""
        found = wrong_in_database(url, self._today, LISTS, ENTRIES)
        found += differences(feed_of(project), self._plain.feed)
        left = [str(path) for path in project.folder.rglob("*.toplist-part")]
        left += [str(path) for path in (project.folder / "tmp").iterdir()]
        self.seen.leftovers += len(left)
        return found + [f"left behind: {', '.join(left)}"] * bool(left)


def _opened(crawl: subprocess.Popen[str]) -> float:
    """The moment in which the spider is open; what the crawl says after it is read and forgotten."""
    assert crawl.stderr is not None
    assert crawl.stdout is not None
    for line in crawl.stderr:
        if "Spider opened" in line:
            break
    for stream in (crawl.stderr, crawl.stdout):
        threading.Thread(target=stream.read, daemon=True).start()
    return time.monotonic()


def _wait_for_file(crawl: subprocess.Popen[str], project: Project) -> None:
    while crawl.poll() is None and not list((project.folder / "exports").glob(".*.toplist-part")):
        time.sleep(0.0005)


def measure(kind: str, kills: int, seed: int) -> Killed:
    """So many kills on one kind of database."""
    with (
        tempfile.TemporaryDirectory() as folder,
        DATABASES[kind](Path(folder)) as databases,
        SandboxProcess("--total=20", "--latency=120") as sandbox,
    ):
        rounds = Rounds(sandbox, databases, Path(folder), seed)
        while (done := rounds.seen.phases.total()) < kills:
            rounds.run(min(KILLS_IN_A_ROW, kills - done))
        return rounds.seen


def tell(kind: str, seen: Killed, took: float) -> None:
    hit = ", ".join(f"{times} {phase}" for phase, times in seen.phases.most_common())
    print(f"{kind}: {seen.phases.total()} kills ({hit}), {seen.rounds} last runs, {seen.too_late} crawls ended first")
    print(f"  in {seen.beside} of them, a second crawl of the day was killed, too")
    print(f"  {len(seen.wrong)} faults, {seen.leftovers} files left; {took:.0f} s, load {os.getloadavg()[0]:.1f} after")
    for each in seen.wrong:
        print(f"  {each}")
    sys.stdout.flush()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kills", nargs="?", type=int, default=200, help="in all, half on each database (200)")
    parser.add_argument("--database", choices=list(DATABASES), help="on this one alone")
    parser.add_argument("--seed", type=int, default=1, help="of the moments (1)")
    given = parser.parse_args()
    chosen = [given.database] if given.database else list(DATABASES)
    is_wrong = False
    for name in chosen:
        began = time.monotonic()
        figures = measure(name, given.kills // len(chosen), given.seed)
        tell(name, figures, time.monotonic() - began)
        is_wrong = is_wrong or bool(figures.wrong)
    sys.exit(1 if is_wrong else 0)
