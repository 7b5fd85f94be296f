"""A spread of the fault matrix; `python -m benchmarks.faults` tries all of it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tests.reliability import matrix, whole
from tests.reliability.fault_table import FAULTS
from tests.reliability.matrix import Cell, Crawl
from toplist.ranktypes import Protocol


def wrong(*crawls: Crawl) -> list[Cell]:
    """The cells that did not end as expected, where the answer shows that something is wrong."""
    return [cell for crawl in crawls for cell in crawl.cells if not cell.is_right and not cell.is_unseen]


def rows(table: Iterable[whole.Whole], *rules: str) -> tuple[whole.Whole, ...]:
    return tuple(row for row in table if row.rule in rules)


def test_every_fault_of_a_page_leads_to_what_the_table_says(tmp_path: Path) -> None:
    crawl = matrix.pages(tmp_path, Protocol.BASE64)
    assert wrong(crawl) == []
    assert len(crawl.cells) > 100


def test_every_fault_of_an_openplatform_list_leads_to_what_the_table_says(tmp_path: Path) -> None:
    assert wrong(matrix.pages(tmp_path, Protocol.OPENPLATFORM)) == []


def test_faults_of_single_offers_leave_the_lists_whole(tmp_path: Path) -> None:
    assert wrong(matrix.offers(tmp_path)) == []


def test_a_category_whose_children_can_not_be_read_is_named(tmp_path: Path) -> None:
    assert wrong(matrix.tree(tmp_path)) == []


def test_a_share_of_all_requests_loses_no_row_without_a_word(tmp_path: Path) -> None:
    seen = [fault for fault in FAULTS if fault.rule != "kind=other"]
    assert wrong(matrix.shares(tmp_path, Protocol.BASE64, 0.2, tuple(seen))) == []


def test_a_refresh_of_the_token_gets_its_attempts(tmp_path: Path) -> None:
    chosen = tuple(fault for fault in FAULTS if fault.rule in ("kind=5xx", "kind=bomb"))
    assert wrong(*matrix.token(tmp_path, chosen)) == []


def test_what_is_refused_to_the_whole_crawl_ends_it_as_the_table_says(tmp_path: Path) -> None:
    chosen = rows(whole.WHOLE, "kind=403,share=0.2", "kind=acl,rank_type=hot")
    assert len(chosen) == 2
    assert wrong(*whole.whole(tmp_path, chosen)) == []
