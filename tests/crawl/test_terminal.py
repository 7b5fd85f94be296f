"""A crawl on a terminal: a plan, one live line, the table and the verdict; Scrapy's own lines in a file."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness import QUICK, Project


def on_terminal(project: Project, *options: str) -> tuple[int, list[str]]:
    """Exit status and the lines that stay on the screen."""
    screen, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "scrapy", "crawl", "toplist", "-a", "gateway=sandbox", "-a", "rank_types=hot", *options],
        cwd=project.folder,
        env=project.environment(None, **QUICK, COLUMNS="100", TERM="xterm"),
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    written = b""
    try:
        while part := os.read(screen, 65536):
            written += part
    except OSError:  # Linux says so when the other side is closed
        pass
    os.close(screen)
    lines = written.decode().replace("\r\n", "\n").split("\n")
    # What was drawn over is gone: a line shows what follows its last "erase line".
    shown = [re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", line.rpartition("\x1b[2K")[2]).rstrip() for line in lines]
    return process.wait(60), [line for line in shown if line]


def test_a_terminal_shows_the_plan_the_table_and_the_verdict(tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    status, lines = on_terminal(project)
    assert status == 0
    assert len(lines) <= 30
    assert any(line.startswith("Plan: 2 lists") for line in lines)
    assert any(line.startswith("rank type") for line in lines)
    log = project.folder / ".scrapy" / "crawl.log"
    assert lines[-2:] == ["Verdict: complete", f"Log: {log}"]
    assert not any("[scrapy" in line for line in lines)
    assert "[toplist] INFO: Verdict: complete" in log.read_text(encoding="utf-8")


@pytest.mark.parametrize("options", [["-L", "INFO"], ["--logfile", "mine.log"]])
def test_options_of_the_log_are_honoured(tmp_path: Path, options: list[str]) -> None:
    project = Project(tmp_path / "project")
    status, lines = on_terminal(project, *options)
    assert status == 0
    assert not (project.folder / ".scrapy" / "crawl.log").exists()
    assert any("[toplist] INFO: Verdict" in line for line in lines) is ("-L" in options)
