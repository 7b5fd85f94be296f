"""Whether a list need not be asked."""

from __future__ import annotations

import pytest

from toplist.items import Status
from toplist.storage.ledger import LedgerEntry


def entry(
    requested_rows: int | None = None, reported_total: int | None = 100, status: Status = Status.COMPLETE
) -> LedgerEntry:
    return LedgerEntry(1, status, 20, reported_total, requested_rows)


@pytest.mark.parametrize("status", [each for each in Status if each is not Status.COMPLETE])
def test_only_a_complete_list_need_not_be_asked(status: Status) -> None:
    assert not entry(status=status).satisfies(None)
    assert not entry(status=status).satisfies(20)
    assert entry().satisfies(None)


@pytest.mark.parametrize(
    ("requested", "total", "wanted", "is_satisfied"),
    [
        (None, 100, None, True),  # it was asked for all of it
        (None, 100, 500, True),
        (40, 100, 40, True),
        (40, 100, 20, True),
        (40, 100, 60, False),  # it was asked less deep
        (40, 100, None, False),
        (40, 40, None, True),  # there is no more
        (40, 30, 60, True),
        (40, None, 60, False),  # nothing says how much there is
        (40, None, None, False),
    ],
)
def test_a_list_that_was_asked_less_deep_is_asked_again(
    requested: int | None, total: int | None, wanted: int | None, is_satisfied: bool
) -> None:
    assert entry(requested, total).satisfies(wanted) is is_satisfied


def test_a_refetch_asks_for_everything() -> None:
    assert not entry().satisfies(None, refetch=True)


def test_stored_rows_are_those_of_the_feed() -> None:
    assert LedgerEntry(1, Status.COMPLETE, 20, 100, None, rejected=2, duplicates=3).stored_rows == 15
