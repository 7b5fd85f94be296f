"""Follows one list through a crawl: `python -m tests.journey` prints the files that its request and its answer pass.

A crawl of one page of one list runs in a process of its own, under `sys.setprofile`. A file is on the way when one of
its functions is called with, returns or yields what is on the way (`REQUEST`, `ANSWER`), alone or first in a
collection. Constructors do not count.

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

#: What the request is, on its way: modules of classes, or classes.
REQUEST = (
    "toplist.options",
    "toplist.config.Config",
    "toplist.items.ListKey",
    "toplist.api.calls.Call",
    "scrapy.http.request",
)
#: What the answer is, on its way: its bytes, its rows, the list with its entries, and what the trends see of it.
ANSWER = (
    "builtins.bytes",
    "scrapy.http.response",
    "toplist.http.ApiResponse",
    "toplist.api.responses",
    "toplist.api.rows",
    "toplist.list_pages",
    "toplist.items.RankList",
    "toplist.items.Entry",
    "toplist.items.Offer",
    "toplist.trends.observation",
)


class Call(NamedTuple):
    """A function of the package, and the classes of its arguments or of what it returned."""

    file: str
    function: str
    kinds: list[str]

    def has(self, carried: tuple[str, ...]) -> bool:
        return any(kind == each or kind.startswith(each + ".") for kind in self.kinds for each in carried)


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
    begun = _first(calls, "commands/crawl.py", "run")
    signed = _first(calls, "api/calls.py", "sign")
    handled = _first(calls, "downloadermiddlewares.py", "process_response")
    received = max(at for at in range(handled) if calls[at].file == "downloadhandlers.py")
    delivered = max(at for at, call in enumerate(calls) if call.file.startswith("feeds/"))
    request = [calls[begun].file, *_files(calls[begun : signed + 1], REQUEST)]
    answer = [calls[received].file, *_files(calls[received : delivered + 1], ANSWER)]
    return Journey(list(dict.fromkeys(request)), list(dict.fromkeys(answer)))


def _first(calls: list[Call], file: str, function: str) -> int:
    return next(at for at, call in enumerate(calls) if call[:2] == (file, function))


def _files(calls: Iterable[Call], carried: tuple[str, ...]) -> list[str]:
    return [call.file for call in calls if call.function not in _CONSTRUCTORS and call.has(carried)]


def _kind(value: Any) -> str:
    if type(value) in (list, tuple) and value:
        value = value[0]
    elif type(value) is dict and value:
        value = next(iter(value.values()))
    return f"{type(value).__module__}.{type(value).__qualname__}"


def _traced() -> None:
    """In the crawl's process: `scrapy`, with every call in the package noted."""
    calls: list[Call] = []

    def note(frame: FrameType, event: str, returned: object) -> None:
        code = frame.f_code
        if (
            event in ("call", "return")
            and code.co_filename.startswith(PACKAGE)
            and code.co_flags & inspect.CO_OPTIMIZED
        ):
            names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
            values = [returned] if event == "return" else [frame.f_locals.get(name) for name in names]
            kinds = sorted({_kind(value) for value in values})
            calls.append(Call(code.co_filename.removeprefix(PACKAGE), code.co_name, kinds))

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
