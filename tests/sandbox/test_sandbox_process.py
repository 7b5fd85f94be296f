from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from sandbox_client import Client

import toplist
from toplist.sandbox.process import SandboxError, SandboxProcess

PROJECT = Path(toplist.__file__).parents[1]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(PROJECT)}

PARENT = """
import sys, time
from toplist.sandbox.process import SandboxProcess
sandbox = SandboxProcess()
print(sandbox.pid, flush=True)
time.sleep(600)
"""


def wait_for_end(pid: int, timeout: float = 10) -> None:
    """Wait for the end of a process that is nobody's child here."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        ready, _, _ = select.select([handle], [], [], timeout)
        assert ready, f"process {pid} is still there"
    finally:
        os.close(handle)


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="waits by pidfd")
def test_a_sandbox_is_gone_with_its_killed_parent() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], env=ENVIRONMENT, stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        os.kill(child, 0)
        parent.send_signal(signal.SIGKILL)
        wait_for_end(child)


def test_stop_ends_it_and_may_be_called_again() -> None:
    sandbox = SandboxProcess()
    pid = sandbox.pid
    sandbox.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    sandbox.stop()


def test_what_the_child_said_is_in_the_error() -> None:
    with pytest.raises(SandboxError, match="--qps: 'many' is not a number"):
        SandboxProcess("--qps", "many")


def test_a_child_that_says_nothing_is_given_up() -> None:
    with pytest.raises(SandboxError, match="within 0 s"):
        SandboxProcess(timeout=0)


def test_each_sandbox_has_secrets_of_its_own_that_its_arguments_do_not_show() -> None:
    with SandboxProcess() as one, SandboxProcess() as two:
        assert one.app_secret != two.app_secret
        assert one.access_token != two.access_token
        arguments = Path(f"/proc/{one.pid}/cmdline").read_bytes() if Path("/proc").exists() else b""
        assert one.app_secret.encode() not in arguments


def test_it_runs_from_an_egg(tmp_path: Path) -> None:
    egg = tmp_path / "toplist.egg"
    with zipfile.ZipFile(egg, "w") as archive:
        for file in (PROJECT / "toplist").rglob("*"):
            if file.suffix in (".py", ".json"):
                archive.write(file, file.relative_to(PROJECT))
    script = (
        f"import sys; sys.path.insert(0, {str(egg)!r})\n"
        "from toplist.sandbox import process\n"
        f"assert process.__file__.startswith({str(egg)!r}), process.__file__\n"
        "with process.SandboxProcess() as sandbox: print(sandbox.url)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False
    )
    assert ran.stdout.startswith("http://127.0.0.1:"), ran.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--date", "tomorrow"], "tomorrow"),
        (["--date", "1999-01-01"], "1999-01-01"),
        (["--fault", "kind=oops"], "oops"),
        (["--total", "x"], "'x'"),
        (["--total", "10166/worst=5"], "worst"),
        (["--no-grant", "VNhot"], "VNhot"),
        (["--port", "70000"], "70000"),
        (["--qps", "-1"], "-1"),
        (["--latency", "nan"], "nan"),
        (["--whatever"], "--whatever"),
        (["--host", "192.0.2.1"], "192.0.2.1"),
    ],
)
def test_bad_options_are_said_in_one_sentence(options: list[str], said: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "toplist.sandbox.server", *options],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ran.returncode == 2
    assert ran.stdout == ""
    (sentence,) = ran.stderr.splitlines()
    assert said in sentence


def test_scrapy_sandbox_serves_too() -> None:
    scrapy = [sys.executable, "-m", "scrapy", "sandbox", "--until-stdin-closes", "--total", "10166=3"]
    with subprocess.Popen(
        scrapy, cwd=PROJECT, env=ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdin
        assert child.stdout
        announced = json.loads(child.stdout.readline())
        assert len(Client(cast(SandboxProcess, SimpleNamespace(**announced))).new().rows) == 3
        child.stdin.close()
        assert child.wait(10) == 0
