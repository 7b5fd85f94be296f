"""How the lists of a crawl's own plan ended, and the verdict that follows. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from toplist.items import ListKey, RankList, Status
from toplist.ranktypes import named
from toplist.tables import text_table

NO_GRANT = "no grant"
_MAX_NAMED = 20
_ENDED_WELL = (Status.COMPLETE, Status.PARTIAL, Status.EMPTY, Status.ABSENT)


class CrawlSummary:
    """Counts lists by rank type and status; flat in memory, whatever the plan's size."""

    def __init__(self) -> None:
        self.planned: Counter[str] = Counter()
        self.skipped: Counter[str] = Counter()
        self.ended: dict[str, Counter[Status]] = defaultdict(Counter)
        self.ungranted: Counter[str] = Counter()
        self.rows: Counter[str] = Counter()
        self.rejected = 0
        self.failures: list[str] = []
        self.unread: dict[str, str] = {}  # categories whose lists below could not be planned, and why
        self.notes: list[str] = []
        self.warnings: list[str] = []  # what the verdict mentions, and does not count against the crawl
        self.vanished = 0  # lists without a row that had some on their last complete day

    def plan(self, key: ListKey) -> None:
        self.planned[key.rank_type] += 1

    def skip(self, key: ListKey, rows: int) -> None:
        """The list was complete already, with `rows` rows."""
        self.skipped[key.rank_type] += 1
        self.rows[key.rank_type] += rows

    def end(self, ended: RankList) -> None:
        """The list has ended, and is stored."""
        kind = ended.key.rank_type
        self.ended[kind][ended.status] += 1
        self.rows[kind] += len(ended.entries)
        self.rejected += len(ended.rejected)
        self.vanished += ended.status in (Status.EMPTY, Status.ABSENT) and ended.message is not None
        if ended.status is Status.FAILED:
            self.ungranted[kind] += ended.code == NO_GRANT
            if len(self.failures) < _MAX_NAMED:
                reason = ": ".join(part for part in (ended.code, ended.message) if part)
                self.failures.append(f"{kind} in {ended.key.category_id or 'all'}: {reason}")

    def status(self, status: Status) -> int:
        return sum(counter[status] for counter in self.ended.values())

    @property
    def total_rows(self) -> int:
        """Rows that came, and those that were stored already."""
        return sum(self.rows.values())

    @property
    def pending(self) -> int:
        """Planned, and neither ended nor skipped."""
        done = sum(sum(counter.values()) for counter in self.ended.values())
        return sum(self.planned.values()) - sum(self.skipped.values()) - done

    def problems(self, named: Sequence[str]) -> list[str]:
        """What keeps the lists from a good verdict. `named` are the rank types that were asked for by name."""
        failed = self.status(Status.FAILED) - sum(count for kind, count in self.ungranted.items() if kind not in named)
        said = [
            (failed, f"{failed} of {sum(self.planned.values())} lists failed"),
            (self.pending, f"{self.pending} lists were not asked for or not stored"),
            (not self.total_rows, "no row came"),
        ]
        return [text for count, text in said if count] + self.gaps()

    def all_warnings(self) -> list[str]:
        """What the verdict mentions, and does not count against the crawl."""
        vanished = f"{self.vanished} lists are empty or absent and had rows on their last complete day"
        return [*([vanished] if self.vanished else []), *self.warnings]

    def gaps(self) -> list[str]:
        """What keeps the plan itself from being whole."""
        unread = len(self.unread)
        return [f"{unread} categories could not be read, so the lists below them are not planned"] if unread else []


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the crawl is complete, and the problems that say it is not."""

    problems: tuple[str, ...]
    warnings: tuple[str, ...] = ()

    @property
    def is_good(self) -> bool:
        return not self.problems

    @property
    def exit_status(self) -> int:
        return 0 if self.is_good else 3

    def __str__(self) -> str:
        said = "complete" if self.is_good else "incomplete: " + "; ".join(self.problems)
        return f"{said} (warning: {'; '.join(self.warnings)})" if self.warnings else said


def table(summary: CrawlSummary) -> str:
    """Which list ended how, on one screen."""
    heads = ["rank type", "planned", "complete before", *(status.value for status in _COLUMNS), "rows"]
    rows: list[tuple[object, ...]] = []
    for kind in summary.planned:
        ended = summary.ended[kind]
        pending = summary.planned[kind] - summary.skipped[kind] - sum(ended.values())
        counts = [pending if status is Status.PENDING else ended[status] for status in _COLUMNS]
        rows.append((named(kind), summary.planned[kind], summary.skipped[kind], *counts, summary.rows[kind]))
    failures = (f"  failed: {failure}" for failure in summary.failures)
    return "\n".join([text_table(heads, rows), *failures, *remarks(summary)])


def remarks(summary: CrawlSummary) -> list[str]:
    """What is to be said of the plan: the first of the categories that could not be read, and notes."""
    unread = list(summary.unread.items())[:_MAX_NAMED]
    return [*(f"  category {category_id} could not be read: {why}" for category_id, why in unread), *summary.notes]


_COLUMNS = (*_ENDED_WELL, Status.FAILED, Status.PENDING)
