"""`scrapy` with the limiter's statements counted, in FILE: `python -m benchmarks.counted FILE crawl toplist …`.

A line of JSON for each call of the shared state: what, how long altogether (s), and how long each statement took.
"""

from __future__ import annotations

import atexit
import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

from scrapy.cmdline import execute
from sqlalchemy import Engine, event

from toplist.ratelimit.shared_state import SharedState

_statements: dict[int, list[float]] = {}
_lines: list[str] = []


@event.listens_for(Engine, "before_cursor_execute")
def _begin(connection: Any, *_: Any) -> None:
    connection.info["began"] = time.perf_counter()


@event.listens_for(Engine, "after_cursor_execute")
def _end(connection: Any, _: Any, statement: str, *__: Any) -> None:
    if statement.startswith("BEGIN"):
        return
    _statements.setdefault(threading.get_ident(), []).append(time.perf_counter() - connection.info["began"])


def _counted(name: str) -> None:
    stock = getattr(SharedState, name)

    def call(*args: Any, **kwargs: Any) -> Any:
        _statements[threading.get_ident()] = []
        began = time.perf_counter()
        try:
            return stock(*args, **kwargs)
        finally:
            took = time.perf_counter() - began
            _lines.append(json.dumps([name, took, _statements.pop(threading.get_ident())]))

    setattr(SharedState, name, call)


if __name__ == "__main__":
    kept = Path(sys.argv.pop(1))
    for each in ("reserve", "confirm", "pause", "back_off", "recover"):
        _counted(each)
    atexit.register(lambda: kept.write_text("\n".join(_lines)))
    execute()
