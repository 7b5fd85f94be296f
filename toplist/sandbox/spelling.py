"""A standing as a row of either protocol, a small share of the values in the spellings found in the wild.

How an offer is spelled is the offer's own and stays: a value that is text today is text tomorrow. Counts that are cut
("1.2万+") are cut downwards, so that they never fall either.
"""

from __future__ import annotations

from typing import Any

from toplist.sandbox.market import Standing
from toplist.sandbox.offers import Offer

_MISSING = object()


def _die(offer: Offer, which: int) -> int:
    """0 to 99: one throw an offer and field."""
    return (offer.mixed >> (which * 7) & 0x3FFFF) % 100


def _price(standing: Standing, tiers: tuple[tuple[int, float], ...]) -> Any:
    price, low = tiers[0][1], tiers[-1][1]
    match _die(standing.offer, 0):
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


def _count(offer: Offer, units: int) -> Any:
    die = _die(offer, 1)
    if die == 0:
        return None
    if die == 1:
        return _MISSING
    if die >= 9:
        return units
    if units >= 10_000:
        return f"{units // 1000 / 10:g}万+" + ("件" if die == 2 else "")
    return f"{units // 100 * 100}+" if units >= 1000 else str(units)


def _min_order(offer: Offer) -> Any:
    match _die(offer, 2):
        case 0 | 1 | 2 | 3:
            return f"{offer.min_order}件起批"
        case 4 | 5:
            return str(offer.min_order)
        case 6:
            return _MISSING
    return offer.min_order


def _repurchase(offer: Offer) -> Any:
    rate = offer.repurchase_rate
    match _die(offer, 3) // 4:
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


def _is_gold(offer: Offer, gold: bool) -> Any:
    return str(gold).lower() if _die(offer, 4) < 4 else gold


def _tiers(offer: Offer, price: Any, tiers: tuple[tuple[int, float], ...]) -> Any:
    """Left out beside a range, which says as much, and where the seller quotes one price."""
    die = _die(offer, 5)
    if die < 20 or (isinstance(price, str) and "-" in price):
        return _MISSING
    return [{"startQuantity": start, "price": f"{yuan:.2f}" if die < 40 else yuan} for start, yuan in tiers]


def base64_row(standing: Standing, seed: int) -> dict[str, Any]:
    """A row of `itemList`. Its place in the list is its rank."""
    offer = standing.offer
    words = offer.described(seed)
    tiers = offer.tiers(standing.age)
    price = _price(standing, tiers)
    row = {
        "offerId": int(offer.offer_id) if _die(offer, 6) < 10 else offer.offer_id,
        "subject": words.title,
        "price": price,
        "saleCount": _count(offer, standing.total_sold),
        "minOrder": _min_order(offer),
        "sellerNick": words.supplier,
        "isGoldSupplier": _is_gold(offer, words.is_gold),
        "imageUrl": words.image,
        "detailUrl": _MISSING if _die(offer, 6) > 89 else f"https://detail.1688.com/offer/{offer.offer_id}.html",
        "priceRangeList": _tiers(offer, price, tiers),
        "repurchaseRate": _repurchase(offer),
    }
    return {key: value for key, value in row.items() if value is not _MISSING}


def openplatform_row(standing: Standing, rank: int, seed: int) -> dict[str, Any]:
    """A row of `rankProductModels`. Translations are English, whatever language was asked for."""
    offer = standing.offer
    words = offer.described(seed)
    row = {
        "itemId": int(offer.offer_id),
        "title": words.title,
        "translateTitle": words.title_translated,
        "imgUrl": words.image,
        "sort": rank,
        "serviceList": offer.services,
        "buyerNum": offer.buyers(standing.age),
        "soldOut": standing.sold_30,
        "goodsScore": _MISSING if _die(offer, 7) < 4 else f"{offer.score:g}",
    }
    return {key: value for key, value in row.items() if value is not _MISSING}
