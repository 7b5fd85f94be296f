"""docs/metrics.md says what the code does: its examples are run, and it has a word for every figure and reason."""

from __future__ import annotations

import doctest
from dataclasses import fields
from pathlib import Path

import pytest

from toplist.trends.lists import OfferTrends
from toplist.trends.reasons import Reason

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
TEXT = PAGE.read_text("utf-8")


def test_the_worked_numbers_are_what_the_code_gives() -> None:
    ran = doctest.testfile(str(PAGE), module_relative=False, encoding="utf-8")
    assert ran.attempted > 40
    assert ran.failed == 0


@pytest.mark.parametrize("name", [each.name for each in fields(OfferTrends)][1:])
def test_every_figure_is_explained(name: str) -> None:
    assert name in {"reasons", "breakout_z"} or f"`{name}`" in TEXT or name in TEXT.split("\n## ", 1)[1]


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_explained(reason: Reason) -> None:
    assert f"`{reason}`" in TEXT.split("## Words for a null")[1]
