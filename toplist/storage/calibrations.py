"""What turns a breakout score into a probability, learnt from the user's own past. Blocking.

Fitted once a day from what was known that morning, and kept: a list that is crawled twice gets the same answer.
"""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import Connection, Engine, Select, select

from toplist.items import ListKey
from toplist.storage.database import insert_if_absent, writing
from toplist.storage.history_reader import snapshot_from
from toplist.storage.tables import calibration, list_, list_snapshot, observation, offer_version
from toplist.trends.backtest import CANDIDATE, calibrate
from toplist.trends.calibration import Calibration
from toplist.trends.replay import SCORES, ScoredRow

#: Days of the past that are learnt from, and the most lists: about 200,000 rows, a second of work a day.
DAYS, LISTS = 42, 300


class Calibrations:
    """One day's calibrations, by source and protocol; fitted when first asked for."""

    def __init__(self, engine: Engine, snapshot_date: date):
        self._engine = engine
        self._date = snapshot_date
        self._known: dict[tuple[str, str], Calibration | None] = {}

    def of(self, key: ListKey) -> Calibration | None:
        """The calibration for a list, or None while there is too little history."""
        whose = (key.source.value, key.protocol.value)
        if whose not in self._known:
            self._known[whose] = self._load(*whose)
        return self._known[whose]

    def _load(self, source: str, protocol: str) -> Calibration | None:
        here = {"source": source, "protocol": protocol, "snapshot_date": self._date}
        kept = select(calibration.c.data).filter_by(**here)
        with self._engine.connect() as connection:
            row = connection.execute(kept).first()
            found = None if row else self._fit(connection, source, protocol)
        if row:
            return Calibration.from_json(row.data) if row.data else None
        with writing(self._engine) as connection:
            connection.execute(insert_if_absent(connection, calibration), [{**here, "data": found and found.to_json()}])
        return found

    def _fit(self, connection: Connection, source: str, protocol: str) -> Calibration | None:
        ids = list(connection.execute(self._lists(source, protocol)).scalars())
        if not ids:
            return None
        window = (
            list_snapshot.c.list_id.in_(ids),
            list_snapshot.c.snapshot_date < self._date,
            list_snapshot.c.snapshot_date >= self._date - timedelta(days=DAYS),
        )
        ended = select(list_snapshot).where(*window, list_snapshot.c.status != "pending")
        snapshots = {(str(row.list_id), row.snapshot_date): snapshot_from(row) for row in connection.execute(ended)}
        scored = (
            select(
                observation.c.list_id,
                observation.c.snapshot_date,
                offer_version.c.offer_id,
                observation.c.rank,
                observation.c.sale_count,
                observation.c.breakout_score,
            )
            .select_from(list_snapshot)
            .join(
                observation,
                (observation.c.list_id == list_snapshot.c.list_id)
                & (observation.c.snapshot_date == list_snapshot.c.snapshot_date),
            )
            .join(offer_version, offer_version.c.version_id == observation.c.version_id)
            .where(*window)
        )
        return calibrate([_scored(*row) for row in connection.execute(scored)], snapshots)

    def _lists(self, source: str, protocol: str) -> Select[tuple[int]]:
        """The lists with the lowest ids: the same ones every day, so that their past is whole."""
        return (
            select(list_.c.list_id)
            .where(list_.c.source == source, list_.c.protocol == protocol)
            .order_by(list_.c.list_id)
            .limit(LISTS)
        )


def _scored(list_id: int, day: date, offer_id: str, rank: int, sales: int | None, score: float | None) -> ScoredRow:
    scores = tuple(score if name == CANDIDATE else None for name in SCORES)
    return ScoredRow(str(list_id), day, offer_id, rank, sales, scores)
