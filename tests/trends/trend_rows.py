"""Short ways to write down observations and snapshots."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from toplist.trends.observation import ListHistory, Observation, Snapshot

DAY0 = date(2026, 3, 10)


def day(number: float) -> date:
    return DAY0 + timedelta(days=int(number))


def at(number: float) -> datetime:
    return datetime(DAY0.year, DAY0.month, DAY0.day, 1, tzinfo=UTC) + timedelta(days=number)


def seen(offer_id: str, number: int, rank: int = 1, **values: Any) -> Observation:
    """An offer on day `number`; not said is not known."""
    fields: dict[str, Any] = {"price": None, "sale_count": None, "buyer_count": None, **values}
    fields.setdefault("collected_at", at(number))
    return Observation(offer_id, day(number), rank=rank, **fields)


def snapshot(number: int, status: str = "complete", **values: Any) -> Snapshot:
    return Snapshot(day(number), status, values.pop("collected_at", at(number)), **values)


def history(*rows: Observation | Snapshot, first_seen: dict[str, date] | None = None) -> ListHistory:
    return ListHistory.of(
        [row for row in rows if isinstance(row, Observation)],
        [row for row in rows if isinstance(row, Snapshot)],
        first_seen,
    )
