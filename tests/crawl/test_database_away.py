"""A crawl whose PostgreSQL goes away in the middle and comes back."""

from __future__ import annotations

import os
from collections.abc import Callable
from threading import Event

from tests.conftest import missing
from tests.harness import Project
from tests.postgres_server import NoPostgres, serve_postgres
from toplist.sandbox.process import SandboxProcess

RANK_TYPES = "complex,hot,goodPrice,best,rise,new"
LISTS = 12


def test_a_crawl_outlasts_a_database_that_goes_away(project: Project, gateway: Callable[..., SandboxProcess]) -> None:
    """`AWAY_FOR` seconds, 2 unless the environment says otherwise."""
    away_for = float(os.environ.get("AWAY_FOR", "2"))
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
            log: list[str] = []
            while "] DEBUG: complete: " not in (line := crawl.stderr.readline()):
                assert line, "".join(log)
                log.append(line)
            server.stop()
            Event().wait(away_for)  # how long it is away is what the test is about
            server.start()
            rest = crawl.stderr.read()
            crawl.wait(120)
    except NoPostgres as error:
        missing(str(error))
    assert crawl.returncode == 0, rest
    assert "Traceback" not in rest
    assert len([line for line in rest.splitlines() if "database" in line]) <= 5, rest
    feed = project.feed()
    assert len(feed) == 20 * LISTS
    assert len({(each["rank_type"], each["category_id"], each["rank"]) for each in feed}) == 20 * LISTS
