"""Row encoder: an offer's figures → a row of either protocol, with a small share of values in unusual forms.

The form depends on the offer only: a value that is text on one day is text on every day. Abbreviated counts
("1.2万+") are rounded down, so that they never fall.
"""

from __future__ import annotations

from typing import Any

from toplist.sandbox.market import OfferFigures
from toplist.sandbox.offers import MarketOffer

_MISSING = object()


def _percentile(offer: MarketOffer, which: int) -> int:
    """0 to 99: one number per offer and field, which decides the form."""
    return (offer.bits >> (which * 7) & 0x3FFFF) % 100


def _price(figures: OfferFigures, tiers: tuple[tuple[int, float], ...]) -> Any:
    price, low = tiers[0][1], tiers[-1][1]
    match _percentile(figures.offer, 0):
        case 0 | 1 | 2 | 3:
            return f"{price:.2f}"
        case 4 | 5:
            return f"￥{low:.2f}-￥{price:.2f}"
        case 6:
            return f"{low:g}-{price:g} 元 / 件"
        case 7:
            return None
        case 8:
            return _MISSING
    return price


def _count(offer: MarketOffer, units: int) -> Any:
    percentile = _percentile(offer, 1)
    if percentile == 0:
        return None
    if percentile == 1:
        return _MISSING
    if percentile >= 9:
        return units
    if units >= 10_000:
        return f"{units // 1000 / 10:g}万+" + ("件" if percentile == 2 else "")
    return f"{units // 100 * 100}+" if units >= 1000 else str(units)


def _min_order(offer: MarketOffer) -> Any:
    match _percentile(offer, 2):
        case 0 | 1 | 2 | 3:
            return f"{offer.min_order}件起批"
        case 4 | 5:
            return str(offer.min_order)
        case 6:
            return _MISSING
    return offer.min_order


def _repurchase(offer: MarketOffer) -> Any:
    rate = offer.repurchase_rate
    match _percentile(offer, 3) // 4:
        case 0 | 1 | 2 | 3 | 4:
            return _MISSING
        case 5 | 6:
            return f"{rate:.0%}"
        case 7 | 8:
            return str(rate)
        case 9:
            return str(round(rate * 100))
        case 10:
            return f"回头率{rate:.0%}"
    return rate


def _is_gold(offer: MarketOffer, gold: bool) -> Any:
    return str(gold).lower() if _percentile(offer, 4) < 4 else gold


def _tiers(offer: MarketOffer, price: Any, tiers: tuple[tuple[int, float], ...]) -> Any:
    """Left out beside a price range, which says the same, and where the seller has one price."""
    percentile = _percentile(offer, 5)
    if percentile < 20 or (isinstance(price, str) and "-" in price):
        return _MISSING
    return [{"startQuantity": start, "price": f"{yuan:.2f}" if percentile < 40 else yuan} for start, yuan in tiers]


def base64_row(figures: OfferFigures, seed: int) -> dict[str, Any]:
    """A row of `itemList`. Its position in the list is its rank."""
    offer = figures.offer
    text = offer.text(seed)
    tiers = offer.tiers(figures.age)
    price = _price(figures, tiers)
    row = {
        "offerId": int(offer.offer_id) if _percentile(offer, 6) < 10 else offer.offer_id,
        "subject": text.title,
        "price": price,
        "saleCount": _count(offer, figures.total_sold),
        "minOrder": _min_order(offer),
        "sellerNick": text.supplier,
        "isGoldSupplier": _is_gold(offer, text.is_gold),
        "imageUrl": text.image,
        "detailUrl": _MISSING if _percentile(offer, 6) > 89 else f"https://detail.1688.com/offer/{offer.offer_id}.html",
        "priceRangeList": _tiers(offer, price, tiers),
        "repurchaseRate": _repurchase(offer),
    }
    return {key: value for key, value in row.items() if value is not _MISSING}


def openplatform_row(figures: OfferFigures, rank: int, seed: int) -> dict[str, Any]:
    """A row of `rankProductModels`. Translations are English, whatever language was asked for."""
    offer = figures.offer
    text = offer.text(seed)
    row = {
        "itemId": int(offer.offer_id),
        "title": text.title,
        "translateTitle": text.title_translated,
        "imgUrl": text.image,
        "sort": rank,
        "serviceList": offer.services,
        "buyerNum": offer.buyers(figures.age),
        "soldOut": figures.sold_30,
        "goodsScore": _MISSING if _percentile(offer, 7) < 4 else f"{offer.score:g}",
    }
    return {key: value for key, value in row.items() if value is not _MISSING}
