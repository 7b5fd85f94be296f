"""What the package uses of other projects' private names is still there, and is counted."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from scrapy.core.engine import ExecutionEngine

from tests.private_attributes import private_names, uses
from toplist.compat import is_closing


def engine(*, running: bool = True, slot: object = None) -> ExecutionEngine:
    return cast(Any, SimpleNamespace(running=running, _slot=slot))


def test_scrapys_engine_still_has_its_slot() -> None:
    """A release that renames it must be met in `toplist.compat`, not in the middle of a crawl."""
    assert "_slot" in private_names(ExecutionEngine), "Scrapy's engine has no _slot any more: see toplist/compat.py"
    assert isinstance(ExecutionEngine.close_spider_async.__doc__, str)


@pytest.mark.parametrize(
    ("given", "closing"),
    [
        (engine(slot=SimpleNamespace(closing=None)), False),
        (engine(slot=SimpleNamespace(closing=object())), True),
        (engine(slot=None), True),
        (engine(running=False, slot=SimpleNamespace(closing=None)), True),
    ],
)
def test_an_engine_is_closing_from_the_moment_it_was_told_to(given: ExecutionEngine, closing: bool) -> None:
    assert is_closing(given) is closing


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("engine._slot.closing", ["engine._slot"]),
        ("self._slot = cls._slot", []),
        ("row._asdict()", []),
        ("getattr(spider, '_job', None)", ["getattr(spider, '_job', None)"]),
        ("getattr(self, '_job', None)", []),
        ("from twisted.web._newclient import Response", ["from twisted.web._newclient import Response"]),
        ("from toplist.storage.tables import _private", []),
        ("super()._close_slot()", ["super()._close_slot"]),
    ],
)
def test_a_private_name_of_another_object_is_counted(source: str, found: list[str]) -> None:
    assert [use.name for use in uses(source, Path("m.py"))] == found
