"""A crawl on a database that the first release left, and what `TOPLIST_RETENTION_DAYS` deletes at its end."""

from __future__ import annotations

from collections.abc import Callable

from tests.harness import Project
from tests.storage.old_database import DAYS, make_old_database
from toplist.sandbox.process import SandboxProcess

BY_SOURCE = "SELECT source, snapshot_date, count(*) FROM entries GROUP BY 1, 2 ORDER BY 1, 2"
OLD = [("1688", DAYS[0].isoformat(), 3), ("1688", DAYS[1].isoformat(), 3)]
OLD_SANDBOX = [("sandbox", DAYS[0].isoformat(), 3), ("sandbox", DAYS[1].isoformat(), 3)]


def test_a_crawl_upgrades_an_old_database_and_goes_on(project: Project, gateway: Callable[..., SandboxProcess]) -> None:
    (project.folder / ".scrapy").mkdir()
    make_old_database(f"sqlite:///{project.folder / '.scrapy' / 'toplist.db'}")
    with gateway("--total=20") as sandbox:
        crawled = project.crawl(sandbox, "categories=10166", "rank_types=hot")
        assert crawled.status == 0, crawled.log
        today = {each["snapshot_date"] for each in project.feed()}
        new = [("1688", min(today), 20)]
        assert project.query(BY_SOURCE) == [*OLD, *new, *OLD_SANDBOX]
        # The same again, with nothing to fetch: what is old goes, but not what is another source's.
        crawled = project.crawl(sandbox, "categories=10166", "rank_types=hot", TOPLIST_RETENTION_DAYS="34")
        assert crawled.status == 0, crawled.log
        assert project.query(BY_SOURCE) == [*new, *OLD_SANDBOX]
