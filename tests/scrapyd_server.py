"""A real Scrapyd for the tests, in a folder of its own, on a free port."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

USER, PASSWORD = "deployer", "kept-out-of-the-log"

CONFIG = f"""
[scrapyd]
http_port = {{port}}
username = {USER}
password = {PASSWORD}
poll_interval = 0.2
max_proc = 4
items_dir =
jobs_dir =
"""


@dataclass
class Scrapyd:
    """A running Scrapyd: its address, its folder, and all it said."""

    url: str
    folder: Path
    said: list[str] = field(default_factory=list)

    def ask(self, method: str, name: str, **values: str | list[str]) -> dict[str, Any]:
        """What the API answers to GET or POST. Fails on anything but status ok."""
        where = {"params" if method == "GET" else "data": values}
        response = requests.request(method, f"{self.url}/{name}.json", auth=(USER, PASSWORD), **where)  # type: ignore
        answer: dict[str, Any] = response.json()
        assert answer["status"] == "ok", answer
        return answer

    def versions(self) -> list[str]:
        """Of the project, the newest last."""
        versions: list[str] = self.ask("GET", "listversions", project="toplist")["versions"]
        return versions

    def crawl(self, *settings: str, **arguments: str) -> str:
        """Schedule a crawl and wait for its end. Returns its log."""
        return self.log(self.start(*settings, **arguments))

    def start(self, *settings: str, **arguments: str) -> str:
        asked: dict[str, str | list[str]] = {
            "project": "toplist",
            "spider": "toplist",
            "setting": list(settings),
            **arguments,
        }
        return str(self.ask("POST", "schedule", **asked)["jobid"])

    def log(self, job: str) -> str:
        """A job's log, when it has ended."""
        while self.state(job) != "finished":
            time.sleep(0.1)
        return self.log_so_far(job)

    def state(self, job: str) -> object:
        return self.ask("GET", "status", job=job)["currstate"]

    def log_so_far(self, job: str) -> str:
        path = self.folder / "logs" / "toplist" / "toplist" / f"{job}.log"
        return path.read_text(encoding="utf-8") if path.exists() else ""


@contextmanager
def serve_scrapyd(folder: Path, environment: Mapping[str, str]) -> Iterator[Scrapyd]:
    """Ready when entered, gone when left. `environment` is all that it and its jobs have, beside the PATH."""
    folder.mkdir(parents=True)
    (folder / "scrapyd.conf").write_text(CONFIG.format(port=_free_port()))
    command = [str(Path(sys.executable).with_name("scrapyd")), "--pidfile="]
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "TMPDIR", "LANG")}
    with subprocess.Popen(
        command, cwd=folder, env=kept | dict(environment), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        server = Scrapyd("", folder)
        for line in process.stdout:
            server.said.append(line)
            if found := re.search(r"Site starting on (\d+)", line):
                server.url = f"http://127.0.0.1:{found[1]}"
                break
        assert server.url, "".join(server.said)
        out = process.stdout
        reader = threading.Thread(target=lambda: server.said.extend(out), daemon=True)
        reader.start()
        try:
            yield server
        finally:
            process.terminate()
            process.wait(20)
            reader.join(5)


def _free_port() -> int:
    """Scrapyd takes 0 for no port at all, so that one must be named."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port
