"""Monitors of a day's data: each compares one figure of the snapshot with a threshold. Pure.

The words are Spidermon's (monitor, suite, passed, failed). Its runner is not used: its suites run at `spider_closed`
with Scrapy's stats alone, before the feed is delivered, while these monitors need the history of the days before, and
the same lines on the page, in the message and in the verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

#: A day is compared with the snapshots of this many days before it.
TRAILING_DAYS = 14
#: With fewer earlier days a comparison says nothing, and the monitor passes.
MIN_DAYS = 3
#: With fewer rows a share of them is chance.
MIN_ROWS = 100


@dataclass(frozen=True, slots=True)
class DayFigures:
    """What the monitors look at, of one source's snapshot. Shares are 0-1.

    `null_share` is by field. `lists` counts planned lists, `ungranted` those of them that failed for want of a grant.
    """

    lists: int = 0
    ended: int = 0
    ungranted: int = 0
    rows: int = 0
    null_share: Mapping[str, float] = field(default_factory=dict)
    new_share: float | None = None
    compared_lists: int = 0
    unchanged_lists: int = 0

    @property
    def rows_per_list(self) -> float | None:
        return self.rows / self.ended if self.ended else None


@dataclass(frozen=True, slots=True)
class CrawlFigures:
    """What the monitors look at, of the crawl itself."""

    requests: int = 0
    throttled: int = 0
    pauses: int = 0
    delivery_failures: int = 0


@dataclass(frozen=True, slots=True)
class MonitorResult:
    """One line of the verdict, the page and the message."""

    name: str
    passed: bool
    text: str

    def __str__(self) -> str:
        return f"{self.name}: {self.text}"


Check = Callable[[DayFigures, Sequence[DayFigures], CrawlFigures], str | None]


@dataclass(frozen=True, slots=True)
class Monitor:
    """`check` returns what is wrong, or None. `reason` says why the threshold is where it is."""

    name: str
    reason: str
    check: Check


def run_monitors(today: DayFigures, earlier: Sequence[DayFigures], crawl: CrawlFigures) -> list[MonitorResult]:
    """Every monitor's result, in the order of `MONITORS`. `earlier` are the snapshots of `TRAILING_DAYS` before."""
    results = []
    for monitor in MONITORS:
        found = monitor.check(today, earlier, crawl)
        results.append(MonitorResult(monitor.name, found is None, found or "passed"))
    return results


COMPLETENESS = 0.98
ROWS_RATIO = 0.8
NULL_RISE = 0.2
NEW_SHARE, NEW_RATIO = 0.3, 3.0
STUCK_SHARE, STUCK_LISTS = 0.5, 3
THROTTLED_SHARE = 0.05


def _completeness(today: DayFigures, earlier: Sequence[DayFigures], crawl: CrawlFigures) -> str | None:
    granted = today.lists - today.ungranted
    if not granted or today.ended / granted >= COMPLETENESS:
        return None
    return f"{today.ended} of {granted} granted lists ended with an answer, {COMPLETENESS:.0%} are expected"


def _rows(today: DayFigures, earlier: Sequence[DayFigures], crawl: CrawlFigures) -> str | None:
    usual = _median([day.rows_per_list for day in earlier])
    now = today.rows_per_list
    if usual is None or now is None or now >= ROWS_RATIO * usual:
        return None
    return f"{now:.1f} rows per list, {usual:.1f} is the median of the days before"


def _nulls(today: DayFigures, earlier: Sequence[DayFigures], crawl: CrawlFigures) -> str | None:
    if today.rows < MIN_ROWS:
        return None
    risen = []
    for name, share in today.null_share.items():
        usual = _median([day.null_share.get(name) for day in earlier])
        if usual is not None and share - usual > NULL_RISE:
            risen.append(f"{name} {share:.0%} (was {usual:.0%})")
    return f"share of null rose: {', '.join(risen)}" if risen else None


def _new_entries(today: DayFigures, earlier: Sequence[DayFigures], crawl: CrawlFigures) -> str | None:
    usual = _median([day.new_share for day in earlier])
    now = today.new_share
    if usual is None or now is None or today.rows < MIN_ROWS or now <= max(NEW_SHARE, NEW_RATIO * usual):
        return None
    return f"{now:.0%} of the rows are new entries, {usual:.0%} is the median of the days before"


def _unchanged(today: DayFigures, earlier: Sequence[DayFigures], crawl: CrawlFigures) -> str | None:
    stuck = today.unchanged_lists
    if stuck < STUCK_LISTS or stuck < STUCK_SHARE * today.compared_lists:
        return None
    return f"{stuck} of {today.compared_lists} lists equal the snapshot before to the last row"


def _throttles(today: DayFigures, earlier: Sequence[DayFigures], crawl: CrawlFigures) -> str | None:
    said = []
    if crawl.requests and crawl.throttled / crawl.requests > THROTTLED_SHARE:
        said.append(f"{crawl.throttled} of {crawl.requests} requests were throttled")
    if crawl.pauses:
        said.append(f"{crawl.pauses} pauses after HTTP 403")
    return "; ".join(said) or None


def _delivery(today: DayFigures, earlier: Sequence[DayFigures], crawl: CrawlFigures) -> str | None:
    return f"{crawl.delivery_failures} feeds were not delivered" if crawl.delivery_failures else None


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if len(known) >= MIN_DAYS else None


MONITORS: tuple[Monitor, ...] = (
    Monitor("completeness", "a list now and then fails for good; one in fifty is no accident", _completeness),
    Monitor("rows", "lists keep their length from day to day; a fifth less means that rows are lost", _rows),
    Monitor("nulls", "a field that a fifth of the rows lose at once has been renamed or dropped by the source", _nulls),
    Monitor("new_entries", "a ranking moves by some per cent a day; a third of it new is another list", _new_entries),
    Monitor("unchanged", "sale counts move daily; most lists equal to the last row mean a stuck source", _unchanged),
    Monitor("throttles", "the limits are kept, so a gateway that refuses has changed its own", _throttles),
    Monitor("delivery", "a feed that is not there is missed by those who read it", _delivery),
)
