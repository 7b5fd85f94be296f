"""Which lists stand on which page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from toplist.report.facts import ListFacts

#: More entries than this are an index and several pages.
MAX_ENTRIES = 20_000


@dataclass(frozen=True, slots=True)
class PagePlan:
    """One page below the index: a root category, or a part of one that is too large for a page."""

    name: str
    part: int
    parts: int
    suffix: str
    lists: tuple[ListFacts, ...]

    @property
    def entries(self) -> int:
        """Entries of its lists."""
        return sum(each.entries for each in self.lists)


def plan_pages(lists: Sequence[ListFacts], max_entries: int = MAX_ENTRIES) -> list[PagePlan]:
    """No page: one file holds all. Else one for each root category, in the order of their sizes, the largest first."""
    if sum(each.entries for each in lists) <= max_entries:
        return []
    roots: dict[str, list[ListFacts]] = {}
    for each in lists:
        roots.setdefault(each.path[0], []).append(each)
    order = sorted(roots.items(), key=lambda item: (-sum(each.entries for each in item[1]), item[0]))
    pages: list[PagePlan] = []
    for number, (name, members) in enumerate(order, start=1):
        parts = _split(sorted(members, key=lambda each: (each.path, each.id)), max_entries)
        for part, chosen in enumerate(parts, start=1):
            tail = f"-{part}" if len(parts) > 1 else ""
            pages.append(PagePlan(name, part, len(parts), f"{number:03d}{tail}", tuple(chosen)))
    return pages


def page_name(index_name: str, suffix: str) -> str:
    """The file of a page: beside its index, under its name with a suffix."""
    return f"{index_name.removesuffix('.html')}.{suffix}.html"


def _split(lists: Sequence[ListFacts], max_entries: int) -> list[list[ListFacts]]:
    parts: list[list[ListFacts]] = [[]]
    size = 0
    for each in lists:
        if parts[-1] and size + each.entries > max_entries:
            parts.append([])
            size = 0
        parts[-1].append(each)
        size += each.entries
    return parts
