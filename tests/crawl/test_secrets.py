"""Key, secret and token stand nowhere: not in logs at any level, feeds, job directories or databases."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.harness import QUICK, WITH_PAGE, Project
from toplist.sandbox.process import SandboxProcess

Gateway = Callable[..., SandboxProcess]
KEY, SECRET, TOKEN = "73051946", "s3cr3t/with+sign=", "9b1f6c1e-token-4d55"
S3_KEY, S3_SECRET = "AKIA7C1B0PLACE4TEST9", "wJalr/XUtn+FEMI/K7MDENG"
SANDBOX = {"SANDBOX_APP_KEY": KEY, "SANDBOX_APP_SECRET": SECRET, "SANDBOX_ACCESS_TOKEN": TOKEN}
FAULTS = [
    {"kind": "403", "nth": 2},
    {"kind": "throttle", "nth": 3},
    {"kind": "5xx", "nth": 4},
    {"kind": "truncated", "nth": 5},
    {"kind": "timeout", "nth": 6},
    {"kind": "reset", "nth": 7},
    {"kind": "html", "nth": 8},
    {"kind": "code", "nth": 9, "code": "777", "message": f"no app {KEY} with {SECRET} and token {TOKEN}"},
    {"kind": "redirect", "nth": 10},
    {"kind": "echo", "nth": 11},
    {"kind": "broken", "nth": 12},
    {"kind": "drip", "nth": 13, "seconds": 30},
]


@pytest.fixture
def sandbox() -> Iterator[SandboxProcess]:
    with SandboxProcess("--total=20", environment=SANDBOX) as started:
        yield started


def leaks(folder: Path, *texts: str, known: tuple[str, ...] = (KEY, SECRET, TOKEN)) -> list[str]:
    """Where any of the known shows, raw or percent-encoded, in texts and in every file of a folder."""
    secrets = [spelling.encode() for each in known for spelling in {each, quote(each, safe="")}]
    lines = [line for text in texts for line in text.splitlines()]
    found = [line for line in lines if any(secret in line.encode() for secret in secrets)]
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return found + [str(path) for path in files if any(secret in path.read_bytes() for secret in secrets)]


@pytest.mark.parametrize("token", ["", TOKEN])
def test_nothing_secret_is_left_behind(project: Project, sandbox: SandboxProcess, token: str) -> None:
    sandbox.faults(FAULTS)
    options = ["categories=311,312,54,67", "rank_types=hot,complex,goodPrice", "-LDEBUG", "--set=JOBDIR=job"]
    limits = {**WITH_PAGE, "TOPLIST_PAUSE_403": "0.2", "DOWNLOAD_TIMEOUT": "3", "TOPLIST_ACCESS_TOKEN": token}
    done = project.crawl(sandbox, *options, "--output=own.csv", **limits)
    assert done.status == 3
    assert "777" in done.log
    assert "DEBUG" in done.log
    known = (KEY, SECRET, TOKEN) if token else (KEY, SECRET)  # a crawl without the token can't know it
    assert leaks(project.folder, done.log, done.out, known=known) == []


def test_no_request_is_written_to_a_job_directory(project: Project, sandbox: SandboxProcess) -> None:
    sandbox.faults([{"kind": "403", "nth": 2}])
    options = ["categories=311,312,54,67", "rank_types=hot,complex,goodPrice", "-LDEBUG", "--set=JOBDIR=job"]
    token = {"TOPLIST_ACCESS_TOKEN": TOKEN, "TOPLIST_PAUSE_403": "300"}
    process = project.start(sandbox, *options, **QUICK, **token)
    assert process.stderr is not None
    read = []
    for line in process.stderr:
        read.append(line)
        if "HTTP 403" in line:
            break
    process.send_signal(signal.SIGINT)
    out, log = process.communicate(timeout=60)
    assert process.returncode == 3
    assert not list(project.folder.rglob("requests.queue"))
    assert "".join(read).count("no requests are written to it") == 1
    assert leaks(project.folder, "".join(read), log, out) == []


def test_with_a_job_directory_a_crawl_goes_on_by_the_ledger(project: Project, sandbox: SandboxProcess) -> None:
    sandbox.faults([{"kind": "403", "nth": 5}])
    options = ["categories=311,312,54,67", "rank_types=hot,complex,goodPrice", "--set=JOBDIR=job"]
    process = project.start(sandbox, *options, **QUICK, TOPLIST_PAUSE_403="300")
    assert process.stderr is not None
    next(line for line in process.stderr if "HTTP 403" in line)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    with project.database() as connection:  # five minutes later
        connection.execute("UPDATE rate_limit SET state = ''")
        connection.commit()
    done = project.crawl(sandbox, *options)
    assert done.status == 0, done.log
    served = [
        (each["rank_type"], each["category_id"], each["page"])
        for each in sandbox.state()["requests"]
        if each["rank_type"] and each["status"] == 200
    ]
    assert len(served) == len(set(served)) == 12


def test_bad_credentials_are_not_repeated(project: Project, sandbox: SandboxProcess) -> None:
    wrong = {"TOPLIST_APP_SECRET": "hunter2-hunter2"}
    done = project.crawl(sandbox, "categories=311", "-LDEBUG", **wrong)
    assert done.status == 3
    assert "hunter2" not in done.log + done.out
    assert leaks(project.folder, done.log, done.out) == []


def test_a_foreign_librarys_log_line_and_traceback_are_redacted(project: Project, sandbox: SandboxProcess) -> None:
    loud = project.folder / "loud.py"
    loud.write_text(
        "import logging, os\n"
        f"crawler_key = {S3_KEY!r}\n"
        "class Loud:\n"
        "    async def process_start(self, start):\n"
        "        secret = os.environ['TOPLIST_APP_SECRET']\n"
        "        logging.getLogger('foreign').warning('signed with %s', secret)\n"
        "        logging.getLogger('foreign').warning('uploaded with %s', os.environ['AWS_SECRET_ACCESS_KEY'])\n"
        "        logging.getLogger('foreign').warning('as %r', crawler_key)\n"
        "        try:\n"
        "            raise RuntimeError('no use for ' + secret)\n"
        "        except RuntimeError:\n"
        "            logging.getLogger('foreign').exception('failed')\n"
        "        async for each in start:\n"
        "            yield each\n"
    )
    middleware = '--set=SPIDER_MIDDLEWARES={"loud.Loud": 1}'
    settings = {
        "PYTHONPATH": f"{project.folder}:{Path.cwd()}",
        "PYTHONDONTWRITEBYTECODE": "1",  # the module above holds a key
        "AWS_SECRET_ACCESS_KEY": S3_SECRET,
    }
    keys = f"--set=AWS_ACCESS_KEY_ID={S3_KEY}"
    done = project.crawl(sandbox, "categories=311", "rank_types=hot", middleware, keys, **settings)
    assert done.status == 0, done.log
    assert "signed with ***" in done.log
    assert "uploaded with ***" in done.log
    assert "as '***'" in done.log
    assert "RuntimeError: no use for ***" in done.log
    loud.unlink()
    assert leaks(project.folder, done.log, done.out, known=(KEY, SECRET, TOKEN, S3_KEY, S3_SECRET)) == []
