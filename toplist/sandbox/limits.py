"""What the sandbox records: every request, and every request that broke a limit the sandbox was started with.

Pure: arrivals come in with their times. Nothing secret is kept, and the memory is bounded.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import asdict, dataclass, field
from typing import Any

_MAX_RECORDS = 200_000
_MAX_CATEGORIES = 10_000
_MAX_DESCRIPTIONS = 1_000


@dataclass(slots=True)
class LoggedRequest:
    """One request. `at` and `sent_at` are monotonic seconds (one clock for all processes of a machine), `wall` is Unix
    time by the gateway's clock; `age` is how old its timestamp was on arrival, in seconds. `answer` is ``ok``,
    ``refused <code>``, ``throttled <limit>``, ``fault <kind>``, or None while there is none."""

    number: int
    at: float
    wall: float
    connection: int
    api: str | None = None
    protocol: str | None = None
    rank_type: str | None = None
    category_id: str | None = None
    page: int | None = None
    offer_id: str | None = None
    age: float | None = None
    status: int | None = None
    answer: str | None = None
    sent_at: float | None = None


@dataclass(slots=True)
class RequestLog:
    """The last requests, and how many there were of each answer."""

    arrivals: int = 0
    records: deque[LoggedRequest] = field(default_factory=lambda: deque(maxlen=_MAX_RECORDS))
    answers: dict[str, int] = field(default_factory=dict)

    def open(self, at: float, wall: float, connection: int) -> LoggedRequest:
        self.arrivals += 1
        record = LoggedRequest(self.arrivals, at, wall, connection)
        self.records.append(record)
        return record

    def close(self, record: LoggedRequest, answer: str, status: int | None, sent_at: float | None) -> None:
        record.answer, record.status, record.sent_at = answer, status, sent_at
        self.answers[answer] = self.answers.get(answer, 0) + 1

    def as_json(self, since: int = 0) -> dict[str, Any]:
        """The records after number `since`, and the counts of all."""
        chosen = [asdict(record) for record in self.records if record.number > since]
        return {"arrivals": self.arrivals, "answers": self.answers, "requests": chosen}


@dataclass(slots=True)
class LimitChecker:
    """Counts requests that break a limit. Times are monotonic seconds; 0 switches a limit off.

    `qps`: requests in a half-open second. `category_interval`: seconds between two list requests of one category.
    `pause`: seconds after a 403 in which nothing may arrive.
    """

    qps: float = 0
    category_interval: float = 0
    pause: float = 0
    violations: int = 0
    descriptions: deque[str] = field(default_factory=lambda: deque(maxlen=_MAX_DESCRIPTIONS))
    _recent: deque[float] = field(default_factory=deque)
    _categories: OrderedDict[str, float] = field(default_factory=OrderedDict)
    _forbidden_at: float | None = None

    def request_arrived(self, number: int, at: float) -> str | None:
        """The limit that an arrival broke, `pause` or `qps`, or None."""
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

    def list_requested(self, number: int, at: float, category_id: str) -> str | None:
        """`category` if this list request came too early after another of its category, or None."""
        if not self.category_interval:
            return None
        before = self._categories.pop(category_id, None)
        self._categories[category_id] = at
        if len(self._categories) > _MAX_CATEGORIES:
            self._categories.popitem(last=False)
        if before is None or at - before >= self.category_interval:
            return None
        return self._count("category", number, f"{at - before:.4f} s after another of category {category_id or 'all'}")

    def forbidden_sent(self, at: float) -> None:
        """A 403 was sent: the pause begins."""
        self._forbidden_at = at

    def _count(self, limit: str, number: int, what: str) -> str:
        self.violations += 1
        self.descriptions.append(f"{limit}: request {number}, {what}")
        return limit
