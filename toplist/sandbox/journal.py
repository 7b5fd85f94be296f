"""What arrived when, and what it was answered: the sandbox's memory, bounded, without anything secret."""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass, field
from typing import Any

KEPT = 200_000


@dataclass(slots=True)
class Record:
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
class Journal:
    """The last requests, and how many there were of each answer."""

    arrivals: int = 0
    records: deque[Record] = field(default_factory=lambda: deque(maxlen=KEPT))
    answers: dict[str, int] = field(default_factory=dict)

    def open(self, at: float, wall: float, connection: int) -> Record:
        self.arrivals += 1
        record = Record(self.arrivals, at, wall, connection)
        self.records.append(record)
        return record

    def close(self, record: Record, answer: str, status: int | None, sent_at: float | None) -> None:
        record.answer, record.status, record.sent_at = answer, status, sent_at
        self.answers[answer] = self.answers.get(answer, 0) + 1

    def as_json(self, since: int = 0) -> dict[str, Any]:
        """The records after number `since`, and the counts of all."""
        chosen = [asdict(record) for record in self.records if record.number > since]
        return {"arrivals": self.arrivals, "answers": self.answers, "requests": chosen}
