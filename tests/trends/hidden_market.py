"""The sandbox's hidden market as a panel: what an installation would have collected, without a gateway."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache
from random import Random

import numpy as np

from toplist.ranktypes import Protocol
from toplist.sandbox.catalogue import catalogue
from toplist.sandbox.market import Market
from toplist.trends.panel import Panel

START, CATEGORIES, RANK_TYPES = date(2026, 3, 10), 12, ("hot", "complex", "goodPrice")
NAMES = ("list_id", "offer", "day", "at", "rank", "count")


@cache
def market_panel(protocol: Protocol, seed: int = 1, days: int = 63) -> Panel:
    """36 lists of the market, complete on every day: running totals in `base64`, 30-day counts in `openplatform`."""
    market, rows, offers = Market(seed), [], dict[str, int]()
    categories = [each.category_id for each in catalogue() if each.category_id and not each.is_retired]
    lists = [(each, kind) for each in Random(seed).sample(categories, CATEGORIES) for kind in RANK_TYPES]
    is_window = protocol is Protocol.OPENPLATFORM
    for number, (category_id, rank_type) in enumerate(lists):
        for step in range(days):
            day = START + timedelta(days=step)
            standings = market.rows(rank_type, category_id, day) or ()
            for rank, figures in enumerate(standings[:20] if is_window else standings, 1):
                offer = offers.setdefault(figures.offer.offer_id, len(offers))
                count = figures.sold_30 if is_window else figures.total_sold
                rows.append((number, offer, day.toordinal(), day.toordinal(), rank, count))
    return Panel.of(dict(zip(NAMES, np.array(rows, np.float64).T, strict=True)))
