"""A crawl whose PostgreSQL goes away in the middle and comes back."""

from __future__ import annotations

import os
from collections.abc import Callable
from threading import Event
from typing import IO

from tests.conftest import missing
from tests.harness import Project
from tests.postgres_server import NoPostgres, serve_postgres
from toplist.sandbox.process import SandboxProcess

RANK_TYPES = "complex,hot,goodPrice,best,rise,new"
LISTS = 12


def test_a_crawl_outlasts_a_database_that_goes_away(project: Project, gateway: Callable[..., SandboxProcess]) -> None:
    """It comes back once the crawl has noticed; for a measurement, `AWAY_FOR` seconds later."""
    try:
        with serve_postgres("fsync=off") as server, gateway("--total=20") as sandbox:
            crawl = project.start(
                sandbox,
                "-L",
                "DEBUG",
                "categories=10166,311",
                f"rank_types={RANK_TYPES}",
                TOPLIST_DATABASE_URL=server.url(),
                TOPLIST_QPS="3",
                TOPLIST_DOWNLOAD_DELAY="0",
            )
            assert crawl.stderr is not None
            log = read_until(crawl.stderr, "] DEBUG: complete: ")
            server.stop()
            log += read_until(crawl.stderr, "database")
            Event().wait(float(os.environ.get("AWAY_FOR", "0")))
            server.start()
            log += crawl.stderr.readlines()
            crawl.wait(120)
    except NoPostgres as error:
        missing(str(error))
    assert crawl.returncode == 0, "".join(log)
    assert not any(line.startswith("Traceback") for line in log)
    about = [line for line in log if "database" in line]
    assert 2 <= len(about) <= 5, "".join(about)
    feed = project.feed()
    assert len(feed) == 20 * LISTS
    assert len({(each["rank_type"], each["category_id"], each["rank"]) for each in feed}) == 20 * LISTS


def read_until(lines: IO[str], wanted: str) -> list[str]:
    """The lines up to the first that has `wanted`."""
    read: list[str] = []
    while not read or wanted not in read[-1]:
        read.append(lines.readline())
        assert read[-1], "".join(read)
    return read
