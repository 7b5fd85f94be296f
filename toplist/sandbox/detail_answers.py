"""Details and daily figures of single offers, from the same hidden market as the lists. Pure: documents out.

A detail says of an offer what its `base64` row says, in the platform's other words, and what no row says.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from statistics import median
from typing import Any

from toplist.api.calls import PRICE_TREND, QUERY_DETAIL, REPURCHASE_TREND, UNITS_TREND, Api
from toplist.sandbox.market import Market, Standing
from toplist.sandbox.spelling import base64_row

#: The parameter that each API takes its query in; one is spelled without the r.
PARAMETERS = {
    QUERY_DETAIL: "offerDetailParam",
    UNITS_TREND: "tendQueryParam",
    PRICE_TREND: "trendQueryParam",
    REPURCHASE_TREND: "trendQueryParam",
}
#: The longest window of daily figures: a month.
LONGEST = timedelta(days=30)

_UNITS = (("件", "Piece"), ("套", "Set"), ("个", "Piece"), ("包", "Pack"))
_GOLD = (["诚信通"], ["实力商家,诚信通"], ["超级工厂,实力商家，诚信通"])


def read_query(api: Api, params: Mapping[str, str]) -> dict[str, Any]:
    """`offer_id`, `first` and `last` of a query; what is not there or can't be read is left out."""
    try:
        query = json.loads(params.get(PARAMETERS[api], ""))
        found = {"offer_id": query.get("offerId"), "first": query.get("startDate"), "last": query.get("endDate")}
    except (ValueError, AttributeError):
        return {}
    asked: dict[str, Any] = {}
    if isinstance(found["offer_id"], int):
        asked["offer_id"] = str(found["offer_id"])
    for name in ("first", "last"):
        try:
            asked[name] = datetime.strptime(str(found[name]), "%Y%m%d").date()  # noqa: DTZ007 - a day has no zone
        except ValueError:
            continue
    return asked


def complaint(api: Api, offer_id: str | None, first: date | None, last: date | None) -> str | None:
    """The argument that is missing or wrong, or None."""
    if offer_id is None:
        return "offerId"
    if api is QUERY_DETAIL:
        return None
    if first is None or last is None:
        return "startDate" if first is None else "endDate"
    return None if timedelta(0) <= last - first <= LONGEST else "endDate"


def document(market: Market, api: Api, offer_id: str, on: date, first: date | None, last: date | None) -> Any:
    """The answer of one of `PARAMETERS`, as of a market date."""
    if api is QUERY_DETAIL:
        return _detail(market, offer_id, on)
    assert first is not None
    assert last is not None
    return _trend(market, api, offer_id, on, first, last)


def _detail(market: Market, offer_id: str, on: date) -> dict[str, Any]:
    try:
        standing = market.standing(offer_id, on)
    except KeyError:
        return {"result": {"success": False, "code": "OFFER_NOT_EXIST", "message": "商品不存在"}}
    offer, words = standing.offer, standing.offer.described(market.seed)
    row = base64_row(standing, market.seed)
    unit, translated = _UNITS[offer.mixed % len(_UNITS)]
    product = {
        "offerId": int(offer.offer_id),
        "categoryId": int(offer.category.category_id),
        "subject": words.title,
        "subjectTrans": words.title_translated,
        "status": "published",
        "minOrderQuantity": offer.min_order,
        "batchNumber": 1 + offer.mixed % 3,
        "productSaleInfo": {"amountOnSale": 99999, "unitInfo": {"unit": unit, "transUnit": translated}},
        "productShippingInfo": {"shippingTimeGuarantee": "shipIn48Hours" if offer.mixed % 2 else "shipIn24Hours"},
        "tagInfoList": [{"key": "isOnePsale", "value": offer.mixed % 5 < 2}, {"key": "select", "value": False}],
        "companyName": words.supplier,
        "offerIdentities": _GOLD[offer.mixed % len(_GOLD)] if words.is_gold else [],
        "sellerDataInfo": {"repeatPurchasePercent": _repeat(row.get("repurchaseRate"), offer.repurchase_rate)},
        "soldOut": str(standing.sold_30),
        "tradeScore": f"{offer.score:g}",
        "isSelect": "false",
    }
    _price(product, standing, row)
    return {"result": {"success": True, "code": "200", "message": "成功", "result": product}}


def _price(product: dict[str, Any], standing: Standing, row: dict[str, Any]) -> None:
    """Steps by quantity where the row has them, a price for each variant where it has a range, else one price."""
    tiers = standing.offer.tiers(standing.age)
    price, low = tiers[0][1], tiers[-1][1]
    by_sku = [price, price]
    if "priceRangeList" in row:
        steps = [{"startQuantity": start, "price": f"{yuan:.2f}", "promotionPrice": ""} for start, yuan in tiers]
        # Variants that are priced by quantity carry prices too, which do not count.
        product["productSaleInfo"] |= {"quoteType": standing.offer.mixed % 2 * 2, "priceRangeList": steps[::-1]}
    else:
        product["productSaleInfo"] |= {"quoteType": 1, "priceRangeList": []}
        if isinstance(row.get("price"), str) and "-" in row["price"]:
            by_sku = [price, round((price + low) / 2, 2), low]
    first = standing.offer.mixed % 10**12
    product["productSkuInfos"] = [
        {"skuId": first + number, "price": f"{yuan:.2f}", "amountOnSale": 100} for number, yuan in enumerate(by_sku)
    ]


def _repeat(shown: object, rate: float) -> str:
    """A ratio as text; rounded to whole percent where the row is."""
    whole = isinstance(shown, str) and "." not in shown
    return str(int(f"{rate:.0%}"[:-1]) / 100 if whole else rate)


def _trend(market: Market, api: Api, offer_id: str, on: date, first: date, last: date) -> dict[str, Any]:
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    points = [
        {"date": f"{day:%Y%m%d}", "value": _figure(market, api, offer_id, day) if day < on else ""} for day in days
    ]
    return {"result": {"success": True, "retCode": "S000", "retMsg": "成功", "result": points}}


def _figure(market: Market, api: Api, offer_id: str, day: date) -> str:
    """One day's figure as text; "" before the offer was listed and after its life."""
    try:
        standing = market.standing(offer_id, day)
    except KeyError:
        return ""
    offer, age = standing.offer, standing.age
    if api is UNITS_TREND:
        return str(offer.sold(age, 1))
    if api is PRICE_TREND:
        return f"{median(offer.price(each) for each in range(max(0, age - 29), age + 1)):.2f}"
    # Both spellings that the documentation shows.
    percent = round(offer.repurchase_rate * 100)
    return f"{percent}%" if offer.mixed % 2 else str(percent)
