"""Change and volatility of a price. Prices of different quantities are never compared."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, log
from typing import NamedTuple

from toplist.trends.growth import BASE_DAYS, MIN_DAYS, days_between, volatility
from toplist.trends.observation import Observation
from toplist.trends.reasons import Reason


class PriceChange(NamedTuple):
    """`value` is a ratio (-0.1 is ten per cent cheaper), `per_day` a logarithm per day."""

    value: float | None = None
    per_day: float | None = None
    reason: Reason | None = None


def comparable_price(seen: Observation) -> tuple[float | None, int | None]:
    """The price to compare, yuan, and the quantity it holds from: the first tier's where there are tiers.

    `price` alone is the lower end of a range, so it falls when a tier for larger orders is added.
    """
    price = seen.price if seen.tier_start is None else seen.tier_price
    return (price if price else None), seen.tier_start


def price_change(now: Observation, past: Sequence[Observation]) -> PriceChange:
    """``p1 / p0 - 1`` against the offer's last price within 14 days, and ``ln(p1 / p0)`` per day."""
    price, step = comparable_price(now)
    if price is None:
        return PriceChange(reason=Reason.NO_PRICE)
    base = next((seen for seen in reversed(past) if comparable_price(seen)[0] is not None), None)
    if base is None:
        return PriceChange(reason=Reason.NO_PRICE if past else Reason.NO_BASE)
    days = days_between(base.collected_at, now.collected_at)
    if days <= 0:
        return PriceChange(reason=Reason.CLOCK_BACK)
    if days > BASE_DAYS:
        return PriceChange(reason=Reason.NO_BASE)
    before, step_before = comparable_price(base)
    if step != step_before or before is None:
        return PriceChange(reason=Reason.TIER_CHANGED)
    ratio = price / before
    if not isfinite(ratio):
        return PriceChange(reason=Reason.NO_PRICE)
    per_day = (log(price) - log(before)) / days if days >= MIN_DAYS else None
    return PriceChange(ratio - 1, per_day, None if per_day is not None else Reason.TOO_CLOSE)


def price_volatility(now: Observation, changes: Sequence[float]) -> float | None:
    """Standard deviation of daily log price changes over 30 days, today's included, at today's quantity step only.

    `changes`: see `ListColumns.price_changes`.
    """
    return None if comparable_price(now)[0] is None else volatility(changes)
