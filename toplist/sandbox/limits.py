"""The watchdog of the limits that the sandbox was started with. Pure: arrivals come in with their times."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field

_CATEGORIES_KEPT = 10_000
_DESCRIPTIONS_KEPT = 1_000


@dataclass(slots=True)
class Watchdog:
    """Times are monotonic seconds. `qps` requests in a half-open second, one list request of a category within
    `category_interval` seconds, none for `pause` seconds after a 403 was answered; 0 lifts a limit."""

    qps: float = 0
    category_interval: float = 0
    pause: float = 0
    violations: int = 0
    descriptions: deque[str] = field(default_factory=lambda: deque(maxlen=_DESCRIPTIONS_KEPT))
    _recent: deque[float] = field(default_factory=deque)
    _categories: OrderedDict[str, float] = field(default_factory=OrderedDict)
    _forbidden_at: float | None = None

    def arrived(self, number: int, at: float) -> str | None:
        """A request arrived. What it broke, `pause` or `qps`, or None."""
        broken = None
        if self.qps:
            allowed = max(1, int(self.qps))
            window = allowed / self.qps
            if len(self._recent) >= allowed and at - self._recent[-allowed] < window:
                span = at - self._recent[-allowed]
                broken = self._count("qps", number, f"{allowed + 1} requests within {span:.4f} s")
            self._recent.append(at)
            while len(self._recent) > allowed:
                self._recent.popleft()
        if self.pause and self._forbidden_at is not None and at - self._forbidden_at < self.pause:
            broken = self._count("pause", number, f"{at - self._forbidden_at:.4f} s after a 403")
        return broken

    def asked_list(self, number: int, at: float, category_id: str) -> str | None:
        """It asks for a list of this category. `category` if too early, or None."""
        if not self.category_interval:
            return None
        before = self._categories.pop(category_id, None)
        self._categories[category_id] = at
        if len(self._categories) > _CATEGORIES_KEPT:
            self._categories.popitem(last=False)
        if before is None or at - before >= self.category_interval:
            return None
        return self._count("category", number, f"{at - before:.4f} s after another of category {category_id or 'all'}")

    def forbade(self, at: float) -> None:
        """A 403 was answered."""
        self._forbidden_at = at

    def _count(self, kind: str, number: int, what: str) -> str:
        self.violations += 1
        self.descriptions.append(f"{kind}: request {number}, {what}")
        return kind
