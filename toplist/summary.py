"""How the lists of a crawl's own plan ended, and the verdict that follows. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from toplist.items import ListKey, RankList, Status
from toplist.language import Language, Sentence, said_in
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
        self.denials: dict[str, str] = {}  # rank types that the app may not have, and what the gateway said
        self.rows: Counter[str] = Counter()
        self.rejected = 0
        self.failures: list[str] = []  # the first of the lists that failed for another reason
        self.unread: dict[str, str] = {}  # categories whose lists below could not be planned, and why
        self.notes: list[str] = []
        self.warnings: list[str] = []  # what the verdict mentions, and does not count against the crawl
        self.vanished = 0  # lists without a row that had some on their last complete day
        self.unlikely = 0  # complete lists that stayed unlike their last complete day when they were asked once more

    def plan(self, key: ListKey) -> None:
        self.planned[key.rank_type] += 1

    def skip(self, key: ListKey, rows: int) -> None:
        """The list was complete already, with `rows` stored rows."""
        self.skipped[key.rank_type] += 1
        self.rows[key.rank_type] += rows

    def end(self, ended: RankList) -> None:
        """The list has ended, and is stored."""
        kind = ended.key.rank_type
        self.ended[kind][ended.status] += 1
        self.rows[kind] += len(ended.entries)
        self.rejected += len(ended.rejected)
        self.vanished += ended.status in (Status.EMPTY, Status.ABSENT) and ended.message is not None
        self.unlikely += ended.status is Status.COMPLETE and ended.message is not None
        if ended.status is Status.FAILED:
            self._fail(ended)

    def _fail(self, ended: RankList) -> None:
        kind = ended.key.rank_type
        if ended.code == NO_GRANT:
            self.ungranted[kind] += 1
            self.denials.setdefault(kind, ended.message or "")
        elif len(self.failures) < _MAX_NAMED:
            reason = ": ".join(part for part in (ended.code, ended.message) if part)
            self.failures.append(f"{kind} in {ended.key.category_id or 'all'}: {reason}")

    def status(self, status: Status) -> int:
        return sum(counter[status] for counter in self.ended.values())

    @property
    def failed(self) -> int:
        """Lists that failed for another reason than a missing grant."""
        return self.status(Status.FAILED) - self.ungranted.total()

    @property
    def total_rows(self) -> int:
        """Rows that are stored of the plan's lists, by this crawl or before it."""
        return sum(self.rows.values())

    @property
    def pending(self) -> int:
        """Planned, and neither ended nor skipped."""
        done = sum(sum(counter.values()) for counter in self.ended.values())
        return sum(self.planned.values()) - sum(self.skipped.values()) - done

    def problems(self, named: Sequence[str]) -> list[str]:
        """What keeps the lists from a good verdict. `named` are the rank types that were asked for by name."""
        planned, failed, pending = self.planned.total(), self.failed, self.pending
        denied = sum(count for kind, count in self.ungranted.items() if kind in named)
        said = [
            (failed, Sentence.of("{n} of {of} lists failed", "{of} 个榜单中 {n} 个失败", n=failed, of=planned)),
            (
                denied,
                Sentence.of("{n} of {of} lists have no grant", "{of} 个榜单中 {n} 个没有授权", n=denied, of=planned),
            ),
            (pending, Sentence.of("{n} lists were not asked for or not stored", "{n} 个榜单未抓取或未保存", n=pending)),
            (not self.total_rows, Sentence.of("no row came", "没有得到任何条目")),
        ]
        return [text for count, text in said if count] + self.gaps()

    def all_warnings(self) -> list[str]:
        """What the verdict mentions, and does not count against the crawl."""
        counted = (
            (self.vanished, f"{self.vanished} lists are empty or absent and had rows on their last complete day"),
            (
                self.unlikely,
                f"{self.unlikely} complete lists have fewer rows or none of the offers of their last complete day",
            ),
        )
        return [*(text for count, text in counted if count), *self.warnings]

    def gaps(self) -> list[str]:
        """What keeps the plan itself from being whole."""
        if not self.unread:
            return []
        english = "{n} categories could not be read, so the lists below them are not planned"
        return [Sentence.of(english, "{n} 个类目无法读取，其下的榜单未列入计划", n=len(self.unread))]


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

    def in_language(self, language: Language) -> str:
        """For people. What has no translation is said in English."""
        if language is Language.ENGLISH:
            return f"Verdict: {self}"
        problems = "；".join(said_in(language, each) for each in self.problems)
        warnings = "；".join(said_in(language, each) for each in self.warnings)
        said = "完整" if self.is_good else f"不完整：{problems}"
        return f"结论：{said}（警告：{warnings}）" if warnings else f"结论：{said}"


def table(summary: CrawlSummary, language: Language = Language.ENGLISH) -> str:
    """Which list ended how, on one screen."""
    words = _WORDS[language]
    grants = [NO_GRANT] if summary.ungranted.total() else []
    columns = [*_ENDED_WELL, Status.FAILED, *grants, Status.PENDING]
    heads = [words[name] for name in ("rank type", "planned", "complete before", *columns, "rows")]
    rows: list[tuple[object, ...]] = []
    for kind, planned in summary.planned.items():
        ended, skipped, denied = summary.ended[kind], summary.skipped[kind], summary.ungranted[kind]
        counts: dict[str, int] = {status: ended[status] for status in Status}
        counts[Status.FAILED] -= denied
        counts |= {NO_GRANT: denied, Status.PENDING: planned - skipped - ended.total()}
        rows.append((named(kind), planned, skipped, *(counts[each] for each in columns), summary.rows[kind]))
    return "\n".join([text_table(heads, rows), *_failures(summary, language), *remarks(summary, language)])


def _failures(summary: CrawlSummary, language: Language) -> list[str]:
    """What failed, the first by name; then a missing grant once a rank type."""
    words, more = _WORDS[language], summary.failed - len(summary.failures)
    lines = [words["  failed: {}"].format(failure) for failure in summary.failures]
    lines += [words["  … and {} more"].format(more)] if more > 0 else []
    for kind, why in summary.denials.items():
        lines.append(words["  no grant for {}, {} lists: {}"].format(named(kind), summary.ungranted[kind], why))
    return lines


def remarks(summary: CrawlSummary, language: Language = Language.ENGLISH) -> list[str]:
    """What is to be said of the plan: the first of the categories that could not be read, and notes."""
    text = _WORDS[language]["  category {} could not be read: {}"]
    unread = [text.format(*each) for each in list(summary.unread.items())[:_MAX_NAMED]]
    return [*unread, *(said_in(language, note) for note in summary.notes)]


_CHINESE = {
    "rank type": "榜单类型",
    "planned": "计划",
    "complete before": "此前已完整",
    Status.COMPLETE: "完整",
    Status.PARTIAL: "部分",
    Status.EMPTY: "空榜",
    Status.ABSENT: "无此榜",
    Status.FAILED: "失败",
    NO_GRANT: "无授权",
    Status.PENDING: "未抓取",
    "rows": "条目",
    "  failed: {}": "  失败：{}",
    "  … and {} more": "  ……另有 {} 个",
    "  no grant for {}, {} lists: {}": "  {} 没有授权，{} 个榜单：{}",
    "  category {} could not be read: {}": "  类目 {} 无法读取：{}",
}
_WORDS: dict[Language, dict[str, str]] = {
    Language.ENGLISH: {str(text): str(text) for text in _CHINESE},
    Language.CHINESE: {str(text): chinese for text, chinese in _CHINESE.items()},
}
