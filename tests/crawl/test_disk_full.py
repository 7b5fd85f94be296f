"""A disk that fills in the middle of a crawl, on a small file system of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.harness import WITH_PAGE, Project
from toplist.sandbox.process import SandboxProcess

CATEGORIES = "categories=311,312,54,67,10166,71,122916001,127380009"
RANK_TYPES = "rank_types=hot,complex,goodPrice,best,rise"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """1.5 MB: some lists fit, not all."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=1500k", "tmpfs", str(tmp_path)]
    try:
        mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        pytest.skip(f"no file system can be mounted: {error}")
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted: {mounted.stderr.strip()}")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_crawl_on_a_full_disk_ends_in_order_and_the_next_one_completes_it(
    small_disk: Path, gateway: Callable[..., SandboxProcess]
) -> None:
    sandbox, project = gateway("--total=20"), Project(small_disk / "project")
    done = project.crawl(sandbox, CATEGORIES, RANK_TYPES, **WITH_PAGE)
    assert done.status == 3
    assert "Traceback" not in done.log
    assert "the database of TOPLIST_DATABASE_URL can't be written: database or disk is full" in done.verdict
    assert "was not delivered: the disk is full" in done.verdict
    assert not list(small_disk.rglob("*.toplist-part"))
    subprocess.run(["mount", "-o", "remount,size=50m", str(small_disk)], check=True)
    assert set(project.query("SELECT status FROM ledger WHERE status = 'complete'")) == {("complete",)}
    again = project.crawl(sandbox, CATEGORIES, RANK_TYPES, **WITH_PAGE)
    assert again.status == 0, again.log
    # Two of these categories have been retired.
    counts = dict(project.query("SELECT status, count(*) FROM ledger GROUP BY status"))
    assert counts["complete"] + counts["absent"] == 40
    assert set(counts) == {"complete", "absent"}
    assert len(project.feed()) == 20 * counts["complete"]
