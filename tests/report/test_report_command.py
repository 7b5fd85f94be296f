"""`scrapy report`, and the page that a crawl writes at its end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness import WITH_PAGE, Project
from tests.report.made_history import TODAY, Market, make_history
from toplist.storage.database import open_database


@pytest.fixture
def history(project: Project) -> Project:
    (project.folder / ".scrapy").mkdir()
    engine = open_database(f"sqlite:///{project.folder / '.scrapy' / 'sandbox.db'}")
    make_history(engine, Market(lists=2, rows=10, days=3))
    engine.dispose()
    return project


def run(project: Project, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "scrapy", "report", *arguments],
        cwd=project.folder,
        env=project.environment(None, **settings),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_writes_the_newest_snapshot_beside_the_feed(history: Project) -> None:
    done = run(history, "--gateway=sandbox")
    path = history.folder / "exports" / f"sandbox-{TODAY}.html"
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{path}: 20 entries, {done.stdout.split(', ')[1].split()[0]} candidates\n"
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert not list(path.parent.glob(".*"))  # no half-written file is left


def test_writes_a_named_day_where_it_is_told(history: Project, tmp_path: Path) -> None:
    target = tmp_path / "pages" / "%(snapshot_date)s.html"
    done = run(history, "--gateway=sandbox", "--snapshot-date=2026-11-25", f"--to={target}")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "pages" / "2026-11-25.html").exists()


@pytest.mark.parametrize(
    ("arguments", "settings", "status", "said"),
    [
        (["--gateway=sandbox", "--to=x.pdf"], {}, 2, "TOPLIST_REPORT_URI"),
        (["--gateway=sandbox"], {"TOPLIST_REPORT_URI": "ftp://h/x.html"}, 2, "TOPLIST_REPORT_URI"),
        ([], {"TOPLIST_DATABASE_URL": "sqlite:///empty.db"}, 3, "no snapshot of 1688 yet"),
        (["--gateway=sandbox", "--to=/proc/x/y.html"], {}, 3, "was not delivered"),
        (["now"], {}, 2, "takes options only"),
    ],
)
def test_says_what_is_wrong(
    history: Project, arguments: list[str], settings: dict[str, str], status: int, said: str
) -> None:
    done = run(history, *arguments, **settings)
    assert done.returncode == status, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_crawl_ends_with_its_page(project: Project) -> None:
    crawled = project.crawl(None, "gateway=sandbox", "categories=10166", "rank_types=hot", **WITH_PAGE)
    assert crawled.status == 0, crawled.log
    (page,) = (project.folder / "exports").glob("*.html")
    assert f"Page: {page}" in crawled.out
    assert "Report written: " in crawled.log


def test_a_page_that_fails_does_not_fail_the_crawl(project: Project) -> None:
    (project.folder / "pages").mkdir()
    target = project.folder / "pages" / "%(snapshot_date)s.html"
    crawled = project.crawl(
        None,
        "gateway=sandbox",
        "categories=10166",
        "rank_types=hot",
        TOPLIST_REPORT_URI="",
        TOPLIST_FEED_URI="out/f.jsonl",
    )
    assert crawled.status == 0, crawled.log
    assert not list(project.folder.rglob("*.html"))
    assert "Page:" not in crawled.out
    again = project.crawl(
        None,
        "gateway=sandbox",
        "categories=10166",
        "rank_types=hot",
        TOPLIST_REPORT_URI=str(target),
        PYTHONPATH=broken(project),
    )
    assert "The report was not written: The package vl-convert-python does not work: ImportError: not here" in again.log
    assert again.status == 0, again.log


def broken(project: Project) -> str:
    """A path on which the plotting library can't be imported."""
    folder = project.folder / "broken"
    folder.mkdir()
    (folder / "vl_convert.py").write_text("raise ImportError('not here')\n")
    return f"{folder}:{project.environment(None)['PYTHONPATH']}"
