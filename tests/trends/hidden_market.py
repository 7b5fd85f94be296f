"""Histories from the sandbox's hidden market, as the formulas see them: one list over some days."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from toplist.items import Status
from toplist.ranktypes import Protocol
from toplist.sandbox.market import Market
from toplist.trends.observation import Observation, Snapshot

START = date(2026, 3, 10)


def collected(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 1, tzinfo=UTC)


def one_list(
    market: Market, rank_type: str, category_id: str, days: Iterable[date], protocol: Protocol
) -> tuple[list[Observation], list[Snapshot]]:
    """The list's observations and snapshots; a day on which it is not there has a snapshot that says so."""
    observations, snapshots = [], []
    for day in days:
        standings = market.rows(rank_type, category_id, day)
        if standings is None:
            snapshots.append(Snapshot(day, Status.ABSENT, collected(day)))
            continue
        if protocol is Protocol.OPENPLATFORM:
            standings = standings[:20]
        for rank, standing in enumerate(standings, 1):
            offer, window = standing.offer, protocol is Protocol.OPENPLATFORM
            start, price = offer.tiers(standing.age)[0]
            observations.append(
                Observation(
                    offer.offer_id,
                    day,
                    collected(day),
                    rank,
                    None if window else standing.price,
                    standing.sold_30 if window else standing.total_sold,
                    offer.buyers(standing.age) if window else None,
                    None if window else start,
                    None if window else price,
                )
            )
        rows = len(standings)
        asked = 20 if protocol is Protocol.OPENPLATFORM else None
        snapshots.append(Snapshot(day, Status.COMPLETE, collected(day), asked, None if asked else rows, rows))
    return observations, snapshots


def days_from(start: date, count: int) -> list[date]:
    return [start + timedelta(days=step) for step in range(count)]
