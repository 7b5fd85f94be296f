"""`trend_score`, as the specification fixes it."""

from __future__ import annotations


def trend_score(price: float | None, sale_count: int | None) -> float | None:
    """Level of sales with a bonus for cheap goods: ``round(min(sale_count / 1000, 70) + max(0, 30 - price / 10), 2)``.

    `price` in yuan, `sale_count` in units. Result in points, 0-100. Without a price its part is 0; without a sale
    count the score is None. It looks at one day only, so it says nothing of a trend.
    Source: the product's specification.
    """
    if sale_count is None:
        return None
    price_part = 0.0 if price is None else max(0.0, 30 - price / 10)
    return round(min(sale_count / 1000, 70) + price_part, 2)
