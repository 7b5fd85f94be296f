"""Follows one list through a crawl: `python -m tests.journey` prints the files that its request and its answer pass.

A crawl of one page of one list runs in a process of its own, under `sys.setprofile`. A file counts when one of its
functions runs. Importing it and constructing its classes does not count.

- The request: from the command `scrapy crawl` until the request is signed.
- The answer: from the download handler that received it until the feed is delivered.
"""

from __future__ import annotations

import inspect
import json
import os
import runpy
import sys
import tempfile
import threading
from collections.abc import Iterable
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from tests.harness import Project
from toplist.sandbox.process import SandboxProcess

PACKAGE = str(Path(__file__).resolve().parent.parent / "toplist") + "/"
TRACE = "JOURNEY_TRACE"
_CONSTRUCTORS = {"__init__", "__new__", "from_crawler", "update_settings", "__get_pydantic_core_schema__"}


class Call(NamedTuple):
    """A function of the package that was called or resumed."""

    file: str
    function: str


class Journey(NamedTuple):
    """Files in the order in which each first runs."""

    request: list[str]
    answer: list[str]


def follow(folder: Path) -> Journey:
    """Run the crawl and read its trace."""
    trace = folder / "trace.json"
    project = Project(folder / "project")
    with SandboxProcess("--total=20") as sandbox:
        one_list = ("categories=311", "rank_types=hot", "pages=1")
        project.crawl(sandbox, *one_list, "dry_run=1")  # makes the database
        done = project.crawl(sandbox, *one_list, module="tests.journey", **{TRACE: str(trace)})
    assert done.status == 0, done.log
    calls = [Call(*each) for each in json.loads(trace.read_text(encoding="utf-8"))]
    begun = _first(calls, lambda call: call == ("commands/crawl.py", "run"))
    signed = _first(calls, lambda call: call.function == "sign" and call.file.startswith("api/"))
    handled = _first(calls, lambda call: call == ("downloadermiddlewares.py", "process_response"))
    received = max(at for at in range(handled) if calls[at].file == "downloadhandlers.py")
    delivered = max(at for at, call in enumerate(calls) if call.file.startswith("feeds/"))
    return Journey(_files(calls[begun : signed + 1]), _files(calls[received : delivered + 1]))


def _first(calls: list[Call], wanted: Any) -> int:
    return next(at for at, call in enumerate(calls) if wanted(call))


def _files(calls: Iterable[Call]) -> list[str]:
    return list(dict.fromkeys(call.file for call in calls if call.function not in _CONSTRUCTORS))


def _traced() -> None:
    """In the crawl's process: `scrapy`, with every call in the package noted."""
    calls: list[tuple[str, str]] = []

    def note(frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(PACKAGE) and code.co_flags & inspect.CO_OPTIMIZED:
            call = (code.co_filename.removeprefix(PACKAGE), code.co_name)
            if not calls or calls[-1] != call:
                calls.append(call)

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        runpy.run_module("scrapy", run_name="__main__")
    finally:
        sys.setprofile(None)
        Path(os.environ.pop(TRACE)).write_text(json.dumps(calls), encoding="utf-8")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = follow(Path(folder))
    for name, files in found._asdict().items():
        print(f"The {name}: {len(files)} files\n")
        print("\n".join(f"{number}. `{file}`" for number, file in enumerate(files, 1)), end="\n\n")


if __name__ == "__main__":
    if TRACE in os.environ:
        _traced()
    else:
        main()
