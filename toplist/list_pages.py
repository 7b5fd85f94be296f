"""A list's pages put together, and how the list ended. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from toplist.api.responses import ListPage
from toplist.api.rows import ReadRow, Rows
from toplist.categories.tree import Tree
from toplist.items import Entry, ListKey, RankList, Status
from toplist.options import CrawlOptions


@dataclass
class ListAccumulator:
    """What came of one list so far; it travels with the request for the next page."""

    rows: Rows = field(default_factory=Rows)
    total: int | None = None
    is_absent: bool = False
    first_at: datetime | None = None
    seen: set[str] = field(default_factory=set)
    is_stale: bool = False

    def add(self, key: ListKey, page: int, page_size: int, answer: ListPage, collected_at: datetime) -> None:
        """Take a page in. `is_stale` says that it repeated what was there, as of a gateway that ignores the page."""
        self.first_at = self.first_at or collected_at
        self.total = answer.total if answer.total is not None else self.total
        self.is_absent = answer.rows is None and page == 1
        self.rows.add_page(key.protocol, answer.rows or [], page, page_size, collected_at)
        offers = {row.offer.offer_id for row in self.rows.pages[page] if isinstance(row, ReadRow)}
        self.is_stale = bool(offers) and offers <= self.seen
        self.seen |= offers


def is_last(options: CrawlOptions, page: int, accumulator: ListAccumulator, answer: ListPage) -> bool:
    """Whether nothing more is to be asked: as deep as was asked, as much as there is, or a page that brought nothing.

    Where the gateway gives no total, a page that is not full is the last.
    """
    if not answer.rows or page == options.pages or accumulator.is_stale:
        return True
    if accumulator.total is None:
        return len(answer.rows) < options.page_size
    return page * options.page_size >= accumulator.total


def status_of(options: CrawlOptions, accumulator: ListAccumulator) -> Status:
    """The contract's status of a list whose pages have all been answered."""
    received = accumulator.rows.received
    if accumulator.is_absent:
        return Status.ABSENT
    expected = accumulator.total if options.rows is None else min(accumulator.total or 0, options.rows)
    if accumulator.total is not None and expected is not None and received < expected:
        return Status.PARTIAL
    return Status.COMPLETE if received else Status.EMPTY


def finished_list(
    key: ListKey,
    accumulator: ListAccumulator,
    options: CrawlOptions,
    tree: Tree,
    *,
    code: str | None = None,
    message: str | None = None,
) -> RankList:
    """The list as it ended; failed where a `code` says so, and then without rows: a list is stored whole."""
    category = tree.get(key.category_id)
    about = {
        "category_name": category and category.name,
        "category_level": category and category.level,
        "category_path": tree.path(key.category_id),
    }
    place = {
        "snapshot_date": options.snapshot_date,
        "source": key.source,
        "protocol": key.protocol,
        "rank_type": key.rank_type,
        "category_id": key.category_id,
        **about,
        "total": accumulator.total,
    }
    entries = [
        Entry.model_validate({**place, **offer.model_dump(), "rank": rank, "collected_at": collected_at})
        for rank, offer, collected_at in accumulator.rows.arranged()
    ]
    return RankList(
        key=key,
        snapshot_date=options.snapshot_date,
        status=Status.FAILED if code else status_of(options, accumulator),
        **about,
        code=code,
        message=message,
        reported_total=accumulator.total,
        requested_rows=options.rows,
        page_size=options.page_size,
        duplicates=accumulator.rows.duplicates,
        collected_at=accumulator.first_at,
        entries=entries,
        rejected=accumulator.rows.rejected,
    )
