"""Daily figures of single offers, as the gateway gives them: back-filled history. Blocking."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from sqlalchemy import Engine, func, select
from sqlalchemy.dialects import postgresql, sqlite

from toplist.items import Source
from toplist.storage.database import writing
from toplist.storage.tables import list_, observation, offer_daily, offer_version


class DailyStore:
    """The figures of one source's offers. `figure` is a column of the table: `toplist.api.daily.Figure.field`."""

    def __init__(self, engine: Engine, source: Source):
        self._engine = engine
        self._source = source.value

    def last_day(self, offer_id: str, figure: str) -> date | None:
        """The newest day that has the figure."""
        query = select(func.max(offer_daily.c.day)).where(
            offer_daily.c.source == self._source,
            offer_daily.c.offer_id == offer_id,
            offer_daily.c[figure].is_not(None),
        )
        with self._engine.connect() as connection:
            found: date | None = connection.execute(query).scalar_one()
            return found

    def store(self, offer_id: str, figure: str, figures: Mapping[date, int | float]) -> None:
        """Enter a figure of some days; the other figures of these days stay."""
        rows = [
            {"source": self._source, "offer_id": offer_id, "day": day, figure: value} for day, value in figures.items()
        ]
        if not rows:
            return
        with writing(self._engine) as connection:
            dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
            entering = dialect.insert(offer_daily)
            connection.execute(
                entering.on_conflict_do_update(
                    index_elements=list(offer_daily.primary_key.columns), set_={figure: entering.excluded[figure]}
                ),
                rows,
            )

    def breakouts(self, snapshot_date: date, limit: int) -> list[str]:
        """The offers of a snapshot with the highest breakout score, highest first; those without one are left out."""
        best = func.max(observation.c.breakout_score)
        query = (
            select(offer_version.c.offer_id)
            .select_from(observation)
            .join(list_, list_.c.list_id == observation.c.list_id)
            .join(offer_version, offer_version.c.version_id == observation.c.version_id)
            .where(
                observation.c.snapshot_date == snapshot_date,
                list_.c.source == self._source,
                observation.c.breakout_score.is_not(None),
            )
            .group_by(offer_version.c.offer_id)
            .order_by(best.desc(), offer_version.c.offer_id)
            .limit(limit)
        )
        with self._engine.connect() as connection:
            return list(connection.scalars(query))
