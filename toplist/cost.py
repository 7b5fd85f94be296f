"""What a plan costs before it starts: requests, and the time that the limits make of them. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from toplist.config import Limits
from toplist.ratelimit.slots import CATEGORY_SAFETY_MARGIN, spacing


@dataclass
class Cost:
    """Lists by rank type and by category, as the plan is counted up.

    `pages` is how many pages a list of a rank type took the day before; where that is unknown, a list counts as one.
    """

    limits: Limits
    pages: Mapping[str, float] = field(default_factory=dict)
    lists: Counter[str] = field(default_factory=Counter)
    there: Counter[str] = field(default_factory=Counter)
    _by_category: Counter[str] = field(default_factory=Counter, repr=False)

    def count(self, rank_type: str, category_id: str, *, is_there: bool) -> None:
        """One list of the plan; `is_there` says that it need not be asked."""
        self.lists[rank_type] += 1
        if is_there:
            self.there[rank_type] += 1
        else:
            self._by_category[category_id] += 1

    @property
    def asked(self) -> int:
        """Lists that are left to ask for."""
        return self.lists.total() - self.there.total()

    @property
    def requests(self) -> int:
        """Requests for lists, as many as can be foreseen."""
        return math.ceil(sum(self._requests(kind) for kind in self.lists))

    @property
    def seconds(self) -> float:
        """The least time that the limits allow: the budget's for all, or the interval's for the fullest category."""
        by_budget = self.requests * spacing(self.limits.qps)
        interval = self.limits.category_interval
        fullest = max(self._by_category.values(), default=0)
        in_a_row = fullest * self.requests / self.asked if self.asked else 0.0
        return max(by_budget, in_a_row * (interval + CATEGORY_SAFETY_MARGIN) if interval else 0.0)

    def _requests(self, kind: str) -> float:
        return (self.lists[kind] - self.there[kind]) * max(1.0, self.pages.get(kind, 1.0))

    def __str__(self) -> str:
        """In one line, for the log."""
        lists, there = self.lists.total(), self.there.total()
        time = f", {duration(self.seconds)} by the limits" if self.seconds else ""
        return f"{lists} lists, {there} of them complete already; {self._foreseen()} requests{time}"

    def _foreseen(self) -> str:
        known = all(kind in self.pages for kind in self.lists)
        return f"about {self.requests}" if known else f"at least {self.requests}"

    def table(self) -> str:
        """What is asked, what is skipped, and how long it takes, on one screen."""
        lines = [f"{'rank type':<16}{'lists':>8}{'there':>8}{'asked':>8}{'requests':>10}"]
        for kind, lists in self.lists.items():
            there = self.there[kind]
            requests = math.ceil(self._requests(kind))
            lines.append(f"{kind:<16}{lists:>8}{there:>8}{lists - there:>8}{requests:>10}")
        if len(self.lists) > 1:
            figures = (self.lists.total(), self.there.total(), self.asked)
            lines.append(f"{'all':<16}" + "".join(f"{each:>8}" for each in figures) + f"{self.requests:>10}")
        if any(kind not in self.pages for kind in self.lists) and self.asked:
            lines.append("A list counts as one request where no earlier day says how many pages it has.")
        limits = self.limits
        if self.seconds:
            lines.append(
                f"Time by the limits: {duration(self.seconds)}, at {limits.qps:g} requests a second and"
                f" {limits.category_interval:g} s between two of a category."
            )
        elif self.asked:
            lines.append("Time by the limits: none, they are lifted.")
        return "\n".join(lines)


def duration(seconds: float) -> str:
    """`3 h 49 min`, `4 min 10 s`, `12 s`; rounded up, so that it is never less than it takes."""
    whole = math.ceil(seconds)
    if whole >= 3600:
        minutes = math.ceil(whole / 60)
        return f"{minutes // 60} h {minutes % 60:02} min"
    return f"{whole // 60} min {whole % 60:02} s" if whole >= 60 else f"{whole} s"
