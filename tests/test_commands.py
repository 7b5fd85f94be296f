"""The commands as a user calls them: help, and words that they do not take."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness import Project
from toplist.options import Arguments

OURS = sorted(path.stem for path in (Path(__file__).parent.parent / "toplist" / "commands").glob("[a-z]*.py"))


def scrapy(project: Project, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "scrapy", *words],
        cwd=project.folder,
        env=project.environment(None, **settings),
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_the_help_of_crawl_lists_every_argument_of_the_spider(project: Project) -> None:
    said = scrapy(project, "crawl", "toplist", "-h")
    assert said.returncode == 0
    arguments = said.stdout.partition("Arguments of the spider toplist")[2]
    assert [line.split()[0] for line in arguments.splitlines() if line.startswith("  ") and line[2] != " "] == list(
        Arguments.model_fields
    )


@pytest.mark.parametrize("command", [name for name in OURS if name not in ("crawl", "deploycheck", "export")])
def test_a_word_that_a_command_does_not_take_is_refused(project: Project, command: str) -> None:
    done = scrapy(project, command, "nonsense")
    assert (done.returncode, done.stdout) == (2, "")
    assert "nonsense" in done.stderr
    assert not list(project.folder.glob(".scrapy/*"))


def test_a_wrong_number_of_words_is_refused(project: Project) -> None:
    assert scrapy(project, "export", "nonsense", "--snapshot-date=2026-11-24").returncode == 2
    assert scrapy(project, "deploycheck", "one", "two").returncode == 2


def test_an_old_name_of_a_setting_is_refused_on_the_command_line(project: Project) -> None:
    done = scrapy(project, "crawl", "toplist", "-a", "gateway=sandbox", "-s", "TOPLIST_KEEP_DAYS=40")
    assert done.returncode == 2
    assert "TOPLIST_RETENTION_DAYS" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("days", ["0", "-3"])
def test_a_demo_without_a_day_keeps_the_database_of_the_last(project: Project, days: str) -> None:
    kept = project.folder / ".scrapy" / "demo.db"
    kept.parent.mkdir()
    kept.write_bytes(b"history")
    done = scrapy(project, "demo", f"--days={days}")
    assert done.returncode == 2
    assert "--days takes a whole number from 1 on" in done.stderr
    assert kept.read_bytes() == b"history"


def test_the_doctor_speaks_the_readers_language(project: Project) -> None:
    done = scrapy(project, "doctor", TOPLIST_LANGUAGE="zh", TOPLIST_QPS="much")
    assert done.returncode == 3
    assert done.stdout.splitlines()[0].startswith("问题")
    assert done.stdout.splitlines()[-1] == "现在无法抓取。"
    english = scrapy(project, "doctor", "-s", "TOPLIST_LANGUAGE=en", LANG="zh_CN.UTF-8", TOPLIST_QPS="much")
    assert english.stdout.splitlines()[-1] == "A crawl would not work."
