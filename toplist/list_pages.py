"""A list's pages put together, and how the list ended. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from toplist.api.responses import ListPage
from toplist.api.rows import ReadRow, Rows
from toplist.categories.tree import Tree
from toplist.items import Entry, ListKey, RankList, Status
from toplist.options import CrawlOptions
from toplist.storage.ledger import COMPARED, LastDay

MAX_ROWS = 10_000  # of one list; the longest of the platform have some hundreds
OTHER_LIST = "other list"
MIN_COMPARED = 10  # offers of a page: fewer may all be new


@dataclass
class ListAccumulator:
    """What came of one list so far; it travels with the request for the next page.

    `before` is the first attempt, where its result was doubtful and the list is asked once more.
    """

    last_day: LastDay | None = None
    before: ListAccumulator | None = None
    rows: Rows = field(default_factory=Rows)
    total: int | None = None
    is_absent: bool = False
    first_at: datetime | None = None
    seen: set[str] = field(default_factory=set)
    is_stale: bool = False
    other_list: str | None = None
    contradiction: str | None = None
    strange_page: int | None = None

    def add(self, key: ListKey, page: int, page_size: int, answer: ListPage, collected_at: datetime) -> None:
        """Take a page in, unless it is of another list or repeats what came before (`is_stale`)."""
        self.first_at = self.first_at or collected_at
        self.other_list = answer.other_list(key.rank_type, key.category_id)
        if self.other_list:
            return
        self._take_total(answer.total)
        self.is_absent = answer.rows is None and page == 1
        self.rows.add_page(key.protocol, answer.rows or [], page, page_size, collected_at)
        offers = {row.offer.offer_id for row in self.rows.pages[page] if isinstance(row, ReadRow)}
        self.is_stale = bool(offers) and offers <= self.seen
        if self.is_stale:
            del self.rows.pages[page]
            self.contradiction = f"page {page} repeats the pages before it"
        self.seen |= offers
        if self._is_strange(offers, page * page_size):
            self.strange_page = self.strange_page or page
        if self.total is not None and self.rows.received > max(self.total, 0):
            self.contradiction = f"{self.rows.received} rows came, and the total is {self.total}"

    def doubt(self, options: CrawlOptions) -> str | None:
        """Why the list is not believed to be as it came; None where nothing speaks against it."""
        if self.other_list:
            return self.other_list
        if self.contradiction and status_of(options, self) is not Status.COMPLETE:
            return self.contradiction
        expected, received = self._expected(options), self.rows.received
        return f"{received} rows came, {expected} on its last complete day" if 2 * received < expected else None

    def unlikely(self, options: CrawlOptions) -> str | None:
        """What speaks against a list that may well be as it came; None where nothing does.

        Nothing but its last complete day shows that a list without a total was cut, or that rows that do not name their
        list are another's.
        """
        expected, received = self._expected(options), self.rows.received
        if self.total is None and expected and expected % options.page_size == 0 and received < expected:
            return f"{received} rows came, {expected} on its last complete day"
        if self.strange_page:
            return f"no offer of page {self.strange_page} was in the list on its last complete day"
        return None

    def _expected(self, options: CrawlOptions) -> int:
        """How many rows the last complete day makes us expect."""
        rows = self.last_day.rows if self.last_day else 0
        return rows if options.rows is None else min(rows, options.rows)

    def why_again(self, options: CrawlOptions) -> str | None:
        """Why the list is asked once more; None where it is believed, and at the second attempt."""
        return None if self.before is not None else self.doubt(options) or self.unlikely(options)

    def again(self) -> ListAccumulator:
        """For the second and last attempt."""
        return ListAccumulator(self.last_day, before=self)

    def best(self, options: CrawlOptions) -> ListAccumulator:
        """The attempt that is believed; of two in doubt the one with more rows, and none that is of another list."""
        first = self.before
        return self if first is None or first._worth(options) <= self._worth(options) else first

    def _worth(self, options: CrawlOptions) -> tuple[bool, bool, bool, int]:
        is_believed = status_of(options, self) is Status.COMPLETE and self.doubt(options) is None
        return self.other_list is None, is_believed, self.strange_page is None, self.rows.received

    def _is_strange(self, offers: set[str], to_rank: int) -> bool:
        """Whether a page that ends at `to_rank` has none of the offers of the last complete day."""
        if self.last_day is None or to_rank > min(self.last_day.rows, COMPARED) or len(offers) < MIN_COMPARED:
            return False
        return not offers & self.last_day.offers

    def _take_total(self, total: int | None) -> None:
        if total is not None and self.total is not None and total < self.total:
            self.contradiction = f"the total fell from {self.total} to {total} between two pages"
        self.total = max((each for each in (total, self.total) if each is not None), default=None)


def is_last(options: CrawlOptions, page: int, accumulator: ListAccumulator, answer: ListPage) -> bool:
    """Whether nothing more is to be asked: as deep as was asked, as much as there is, or a page that brought nothing.

    Where the gateway gives no total, or one that is too small, a page that is not full is the last.
    """
    if not answer.rows or page == options.pages or accumulator.is_stale or accumulator.other_list:
        return True
    if page * options.page_size >= MAX_ROWS:
        return True
    if accumulator.total is None or accumulator.rows.received > accumulator.total:
        return len(answer.rows) < options.page_size
    return page * options.page_size >= accumulator.total


def status_of(options: CrawlOptions, accumulator: ListAccumulator) -> Status:
    """The contract's status of a list whose pages have all been answered."""
    received, total = accumulator.rows.received, accumulator.total
    if accumulator.is_absent:
        return Status.ABSENT
    if received >= MAX_ROWS and (options.rows is None or options.rows > received):
        return Status.PARTIAL
    if total is not None:
        expected = total if options.rows is None else min(total, options.rows)
        if received < expected or received > total:
            return Status.PARTIAL
    if accumulator.is_stale:
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
    """The list as it ended; failed where a `code` says so, and then without rows: a list is stored whole.

    What is still in doubt at the second attempt is stored under the status that says so, with the reason. What is
    merely unlikely is believed then, with the reason.
    """
    accumulator = accumulator.best(options)
    status = status_of(options, accumulator)
    if code is None and (doubt := accumulator.doubt(options)):
        message = doubt
        if accumulator.other_list:
            code, accumulator = OTHER_LIST, ListAccumulator()
        elif status is Status.COMPLETE:
            status = Status.PARTIAL
    elif code is None and status is Status.COMPLETE:
        message = accumulator.unlikely(options)
    if code is None and accumulator.rows.received >= MAX_ROWS and status is Status.PARTIAL:
        message = f"the list has no end: {accumulator.rows.received} rows were taken"
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
        Entry.model_validate({**place, **vars(offer), "rank": rank, "collected_at": collected_at})
        for rank, offer, collected_at in accumulator.rows.arranged()
    ]
    return RankList(
        key=key,
        snapshot_date=options.snapshot_date,
        status=Status.FAILED if code else status,
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
