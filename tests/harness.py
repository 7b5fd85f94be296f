"""Crawls as a user starts them: a process of their own, in a project folder of their own, against a real gateway."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toplist.product_settings import SCRAPY_SETTINGS
from toplist.sandbox.process import SandboxProcess

ROOT = Path(__file__).resolve().parent.parent
#: Without the limits, and without the page, which takes as long as all else of a small crawl.
QUICK: dict[str, str | None] = {"TOPLIST_QPS": "0", "DOWNLOAD_DELAY": "0", "TOPLIST_REPORT_URI": ""}
#: After `QUICK`: with the page, where it is by default.
WITH_PAGE = {"TOPLIST_REPORT_URI": None}


@dataclass
class Crawled:
    """A finished crawl: exit status, what it printed, what it logged."""

    status: int
    out: str
    log: str

    @property
    def verdict(self) -> str:
        """The last log line."""
        return self.log.strip().splitlines()[-1]

    def stat(self, name: str) -> str | None:
        """A value of the stats that Scrapy dumps at the end, as text."""
        found = [line for line in self.log.splitlines() if f"'{name}': " in line]
        return found[-1].split(": ", 1)[1].rstrip(",}") if found else None


class Project:
    """A project folder with the package of this checkout; databases and feeds are its own."""

    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "scrapy.cfg", folder)

    def environment(self, sandbox: SandboxProcess | None, **settings: str | None) -> dict[str, str]:
        """The settings as variables, but for those that are None; Scrapy's own get the prefix that they have there."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("TOPLIST_", "LC_"))}
        kept["LANG"] = "C.UTF-8"  # the reader's language is English, whoever runs the tests
        gateway = {}
        if sandbox is not None:
            gateway = {
                "TOPLIST_GATEWAY_URL": sandbox.url,
                "TOPLIST_APP_KEY": sandbox.app_key,
                "TOPLIST_APP_SECRET": sandbox.app_secret,
            }
        given = {name: value for name, value in settings.items() if value is not None}
        named = {f"TOPLIST_{name}" if name in SCRAPY_SETTINGS else name: value for name, value in given.items()}
        return kept | {"PYTHONPATH": str(ROOT)} | gateway | named

    def start(self, sandbox: SandboxProcess | None, *arguments: str, **settings: str | None) -> subprocess.Popen[str]:
        """Start a crawl. What looks like `name=value` is a spider argument, anything else an option."""
        command = [sys.executable, "-m", settings.pop("module", None) or "scrapy", "crawl", "toplist"]
        for argument in arguments:
            command += ["-a", argument] if not argument.startswith("-") and "=" in argument else [argument]
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment(sandbox, **settings),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def crawl(self, sandbox: SandboxProcess | None, *arguments: str, **settings: Any) -> Crawled:
        """Run a crawl to its end; without the limits, unless a test is about them and says `limits=True`."""
        lifted = {} if settings.pop("limits", False) else QUICK
        process = self.start(sandbox, *arguments, **lifted | settings)
        out, log = process.communicate(timeout=300)
        return Crawled(process.returncode, out, log)

    def feed(self, source: str = "toplist") -> list[dict[str, Any]]:
        """The entries of the only feed file of a source."""
        (path,) = (each for each in (self.folder / "exports").glob(f"{source}-2*.jsonl"))
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]

    @contextmanager
    def database(self, name: str = "toplist") -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(self.folder / ".scrapy" / f"{name}.db")
        try:
            yield connection
        finally:
            connection.close()

    def query(self, sql: str, name: str = "toplist") -> list[tuple[Any, ...]]:
        with self.database(name) as connection:
            return connection.execute(sql).fetchall()

    def ledger(self) -> dict[tuple[str, str], tuple[str, str | None, int]]:
        """(rank type, category) → status, code, rows received."""
        rows = self.query("SELECT rank_type, category_id, status, code, received FROM ledger")
        return {(kind, category): (status, code, received) for kind, category, status, code, received in rows}


def asked(sandbox: SandboxProcess) -> list[dict[str, Any]]:
    """The list requests that a sandbox noted, in the order of their arrival."""
    requests = [each for each in sandbox.state()["requests"] if each["rank_type"]]
    return sorted(requests, key=lambda each: each["at"])
