"""One list's past and today as arrays, for the formulas that look at every row of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from toplist.trends.growth import daily_changes
from toplist.trends.observation import HISTORY_DAYS, Columns, ListHistory, Observation
from toplist.trends.panel import Bools, Floats, Ints, Panel

_DAY = 86400.0


@dataclass(frozen=True, slots=True)
class ListColumns:
    """Rows ordered by offer and day. Today's offers come first, numbered as their rows are; missing numbers are NaN."""

    offers: int  # today's
    is_today: Bools
    offer: Ints
    day: Ints
    seconds: Floats  # of `collected_at`
    rank: Floats
    price: Floats
    sale_count: Floats
    tier_start: Floats
    tier_price: Floats
    first_day: Ints  # when the list first held the offer

    @classmethod
    def of(cls, rows: Sequence[Observation], history: ListHistory, today: date) -> ListColumns:
        """`rows` are today's. Of the past come the days that a crawl reads, whatever the history holds."""
        past, now = history.columns, Columns(*zip(*rows, strict=True))
        here = {row.offer_id: number for number, row in enumerate(rows)}
        order: list[int] = []
        lengths, seen = [], []
        for offer_id in [*here, *(each for each in history.by_offer if each not in here)]:
            own = history.rows(offer_id, today, since=today - timedelta(days=HISTORY_DAYS))
            if offer_id in here:
                own = [*own, len(past.rank) + here[offer_id]]
            elif not own:
                continue
            order += own
            lengths.append(len(own))
            seen.append(history.first_seen.get(offer_id, date.max).toordinal())
        days = {day: day.toordinal() for day in {*past.snapshot_date, today}}
        times = {at: at.timestamp() for at in {*past.collected_at, *now.collected_at}}
        place = np.array(order)
        start = np.cumsum([0, *lengths[:-1]])
        day = np.array([days[day] for day in past.snapshot_date] + [days[today]] * len(rows), np.int64)[place]

        def column(before: Iterable[float | None], today: Iterable[float | None]) -> Floats:
            found: Floats = np.array([*before, *today], np.float64)[place]
            return found

        return cls(
            offers=len(here),
            is_today=place >= len(past.rank),
            offer=np.repeat(np.arange(len(lengths)), lengths),
            day=day,
            seconds=column(map(times.__getitem__, past.collected_at), map(times.__getitem__, now.collected_at)),
            rank=column(past.rank, now.rank),
            price=column(past.price, now.price),
            sale_count=column(past.sale_count, now.sale_count),
            tier_start=column(past.tier_start, now.tier_start),
            tier_price=column(past.tier_price, now.tier_price),
            first_day=np.repeat(np.minimum(day[start], seen), lengths),
        )

    def panel(self) -> Panel:
        """As the columns that a backtest makes of a history."""
        return Panel(
            np.zeros(len(self.day), np.int64),
            self.offer,
            self.day,
            np.round(self.seconds / _DAY, 2),
            self.rank,
            self.sale_count,
            np.full(len(self.day), np.nan),
            self.first_day,
        )

    def sale_changes(self) -> list[list[float]]:
        """Daily log changes of sale counts before today, which an offer's growth of today is measured against."""
        rows = ~self.is_today & (self.offer < self.offers)
        return daily_changes(self.offer[rows], self.seconds[rows], self.sale_count[rows], self.offers)

    def price_changes(self) -> list[list[float]]:
        """Daily log changes of prices, today's included, each at today's quantity step only."""
        step = self._of_today(self.tier_start)
        has_step = ~np.isnan(step)
        same = (self.tier_start == step) | (np.isnan(self.tier_start) & ~has_step)
        rows = same & (self.offer < self.offers)
        prices = np.where(has_step, self.tier_price, self.price)
        return daily_changes(self.offer[rows], self.seconds[rows], prices[rows], self.offers)

    def oldest_counts(self, days: float) -> list[int | None]:
        """Where in its past each of today's offers has its oldest count of the last `days`, counted from the end (-1
        is the last row before today); None where there is none."""
        today = np.flatnonzero(self.is_today)
        is_near = np.round((self._of_today(self.seconds) - self.seconds) / _DAY, 2) <= days
        rows = np.flatnonzero(is_near & (self.sale_count > 0) & ~self.is_today & (self.offer < self.offers))
        offers, first = np.unique(self.offer[rows], return_index=True)
        found: list[int | None] = [None] * self.offers
        for offer, row in zip(offers.tolist(), rows[first].tolist(), strict=True):
            found[offer] = row - int(today[offer])
        return found

    def _of_today(self, values: Floats) -> Floats:
        """Today's value of each row's offer; for an offer that left, another's."""
        found: Floats = values[self.is_today][np.minimum(self.offer, self.offers - 1)]
        return found
