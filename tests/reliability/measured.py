"""One crawl with many faults: what it cost, what came of each list, and what the gateway saw of it."""

from __future__ import annotations

import os
import re
import sqlite3
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness import QUICK, Project
from toplist.sandbox.process import SandboxProcess

FAST = {**QUICK, "DOWNLOAD_TIMEOUT": "12", "TOPLIST_PAUSE_403": "0.2"}
ListName = tuple[str, str]  # rank type, category


@dataclass(frozen=True)
class Measured:
    """`memory`: its peak in MB. `seconds`: of processor time. `requests`: what arrived at the gateway."""

    status: int
    out: str
    log: str
    memory: float
    seconds: float
    requests: list[dict[str, Any]]

    @property
    def verdict(self) -> str:
        return self.log.strip().splitlines()[-1]

    def asked(self, **wanted: object) -> int:
        """How many requests had these properties."""
        return sum(all(each[name] == value for name, value in wanted.items()) for each in self.requests)

    def faults_of(self) -> dict[ListName, list[str]]:
        """The kinds of faults that each list met, in their order."""
        met: dict[ListName, list[str]] = defaultdict(list)
        for each in sorted(self.requests, key=lambda each: each["at"]):
            kind = (each["answer"] or "").partition("fault ")[2]
            if each["rank_type"]:
                met[each["rank_type"], each["category_id"]] += [kind] * bool(kind)
        return met


def measure(project: Project, sandbox: SandboxProcess, *arguments: str, **settings: str) -> Measured:
    """Run a crawl to its end."""
    before = sandbox.state()["arrivals"]
    process = project.start(sandbox, *arguments, **FAST | settings)
    assert process.stdout is not None
    assert process.stderr is not None
    with ThreadPoolExecutor(2) as threads:
        out = threads.submit(process.stdout.read)
        memory = threads.submit(_peak_memory, process.pid)
        log = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)  # not `wait`, which does not say what the process used
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = used.ru_utime + used.ru_stime
    requests = sandbox.state(before)["requests"]
    return Measured(process.returncode, out.result(), log, memory.result(), seconds, requests)


def _peak_memory(pid: int) -> float:
    """In MB, by the kernel's own record, read until the process ends. `ru_maxrss` begins with its parent's memory."""
    most = 0.0
    while found := re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text()):
        most = int(found[1]) / 1024
        time.sleep(0.05)
    return most


@dataclass(frozen=True)
class StoredList:
    """A list as the database has it: `offers` by rank, and how many rows were rejected."""

    outcome: str
    offers: tuple[tuple[int, str], ...]
    rejected: int
    message: str | None


def stored(project: Project) -> dict[ListName, StoredList]:
    """Every planned list of the last day. `outcome` is the status, and its code or that it has a warning."""
    offers: dict[ListName, list[tuple[int, str]]] = defaultdict(list)
    with project.database() as connection:
        connection.row_factory = sqlite3.Row
        of_last_day = "WHERE snapshot_date = (SELECT max(snapshot_date) FROM ledger)"
        for row in connection.execute(f"SELECT rank_type, category_id, rank, offer_id FROM entries {of_last_day}"):
            offers[row["rank_type"], row["category_id"]].append((row["rank"], row["offer_id"]))
        ledger = connection.execute(f"SELECT * FROM ledger {of_last_day}").fetchall()
    return {
        (name := (row["rank_type"], row["category_id"])): StoredList(
            _outcome(row), tuple(sorted(offers[name])), row["rejected"], row["message"]
        )
        for row in ledger
    }


def _outcome(row: sqlite3.Row) -> str:
    if row["status"] == "complete":
        return "complete with a warning" if row["message"] else "complete"
    return f"{row['status']} {row['code'] or ''}".strip()


def a_day_after(before: Project, folder: Path) -> Project:
    """A project whose history has the crawl of another one as the day before."""
    project = Project(folder)
    (folder / ".scrapy").mkdir()
    with before.database() as given, project.database() as copy:
        given.backup(copy)
        for table in ("list_snapshot", "observation", "first_seen"):
            copy.execute(f"UPDATE {table} SET snapshot_date = date(snapshot_date, '-1 day')")
        copy.commit()
    return project


def lost_and_doubled(held: StoredList, undisturbed: StoredList) -> tuple[int, int]:
    """Rows that are missing from a list that counts as complete, and rows that are there more than once.

    A list that ended otherwise, or with a warning, is named; no row of it is lost without a word.
    """
    ids = [offer for _, offer in held.offers]
    doubled = sum(times - 1 for times in Counter(ids).values())
    if held.outcome != "complete":
        return 0, doubled
    missing = len({offer for _, offer in undisturbed.offers} - set(ids))
    return max(0, missing - held.rejected), doubled
