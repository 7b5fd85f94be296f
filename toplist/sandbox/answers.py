"""What the sandbox answers, in the form of either protocol: lists, categories, details, daily figures and refusals.

Pure: figures of the market in, documents out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median
from typing import Any

from toplist.api.calls import (
    BEST_BASE64,
    PRICE_TREND,
    QUERY_DETAIL,
    REPURCHASE_TREND,
    TOP_LIST,
    TOP_LIST_BASE64,
    UNITS_TREND,
    Api,
)
from toplist.ranktypes import RANK_TYPES, Protocol
from toplist.sandbox.catalogue import CatalogueNode, catalogue
from toplist.sandbox.curves import seeded_number
from toplist.sandbox.market import Market, OfferFigures
from toplist.sandbox.rows import base64_row, openplatform_row

_RESPONSE_KEYS = {
    TOP_LIST_BASE64: "alibaba_product_top_list_query_response",
    BEST_BASE64: "alibaba_item_search_best_response",
}
#: Percent of the lists of `openplatform` with rows out of order (`sort` has the rank), and with rows without `sort`.
_SHUFFLED, _UNSORTED = 5, 5


@dataclass(frozen=True, slots=True)
class JsonAnswer:
    """An HTTP status and a document that is sent as JSON."""

    status: int
    document: Any


class Refusal(Exception):
    """The request is refused. A number as `code` makes `base64`'s envelope, a text `openplatform`'s."""

    def __init__(self, code: int | str, message: str, *, status: int | None = None, sub_code: str | None = None):
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.status = status if status is not None else 200 if isinstance(code, int) else 400
        self.sub_code = sub_code

    def answer(self, request_id: str) -> JsonAnswer:
        """The refusal in its envelope."""
        if isinstance(self.code, int):
            error: dict[str, Any] = {"code": self.code, "msg": self.message}
            if self.sub_code:
                error |= {"sub_code": self.sub_code, "sub_msg": self.message}
            return JsonAnswer(self.status, {"error_response": error | {"request_id": request_id}})
        body = {"error_code": self.code, "error_message": self.message, "exception": "", "request_id": request_id}
        return JsonAnswer(self.status, body)


def top_list(
    market: Market, api: Api, rank_type: str, category_id: str, on: date, page: int, size: int
) -> dict[str, Any]:
    """A page of a list. Where the market has no such list, the key of its rows is missing."""
    ranked = market.rows(rank_type, category_id, on)
    if api.signed_as is Protocol.OPENPLATFORM:
        return _openplatform_list(market.seed, rank_type, category_id, on, None if ranked is None else ranked[:size])
    if ranked is None:
        return base64_page(api, None, 0)
    rows = [base64_row(figures, market.seed) for figures in ranked[(page - 1) * size : page * size]]
    return base64_page(api, rows, len(ranked))


def base64_page(api: Api, rows: list[dict[str, Any]] | None, total: int) -> dict[str, Any]:
    """`result` with `itemList` and `total`, or empty."""
    return {_RESPONSE_KEYS[api]: {"result": {} if rows is None else {"itemList": rows, "total": total}}}


def _openplatform_list(
    seed: int, rank_type: str, category_id: str, on: date, ranked: Sequence[OfferFigures] | None
) -> dict[str, Any]:
    model: dict[str, Any] = {
        "rankId": category_id,
        "rankName": RANK_TYPES[rank_type].title if rank_type in RANK_TYPES else "",
        "rankType": rank_type,
    }
    if ranked is not None:
        rows = [openplatform_row(figures, rank, seed) for rank, figures in enumerate(ranked, 1)]
        model["rankProductModels"] = _disordered(rows, seeded_number("order", category_id, rank_type, on) % 100)
    return {"result": {"success": True, "code": "S0000", "message": "成功", "result": model}}


def _disordered(rows: list[dict[str, Any]], percentile: int) -> list[dict[str, Any]]:
    if percentile < _SHUFFLED:
        return rows[1::2] + rows[::2]
    if percentile < _SHUFFLED + _UNSORTED:
        return [{key: value for key, value in row.items() if key != "sort"} for row in rows]
    return rows


def category_info(category_id: str) -> dict[str, Any]:
    """`alibaba.category.get`: one category with its children; with the platform's own misspellings."""
    category = catalogue().get(category_id)
    if category is None:
        return {"succes": "false", "errorMsg": f"category {category_id} does not exist", "errorCode": "500_1"}
    return {"succes": "true", "categoryInfo": [_category(category)], "errorMsg": "", "errorCode": ""}


def _category(category: CatalogueNode) -> dict[str, Any]:
    return {
        "categoryID": int(category.category_id),
        "name": category.name,
        "isLeaf": category.is_leaf,
        "parentIDs": [int(category.parent_id)] if category.parent_id else [],
        "childCategorys": [
            {
                "id": int(child.category_id),
                "name": child.name,
                "isLeaf": child.is_leaf,
                "categoryType": child.category_type,
            }
            for child in category.children
        ],
        "categoryType": category.category_type,
    }


def is_list(api: Api) -> bool:
    """Whether an API serves ranking lists."""
    return api in (TOP_LIST_BASE64, BEST_BASE64, TOP_LIST)


#: The parameter that holds the query, by API; one lacks the r.
OFFER_PARAMETERS = {
    QUERY_DETAIL: "offerDetailParam",
    UNITS_TREND: "tendQueryParam",
    PRICE_TREND: "trendQueryParam",
    REPURCHASE_TREND: "trendQueryParam",
}
#: The longest window of daily figures: a month.
MAX_DAYS = timedelta(days=30)

_UNITS = (("件", "Piece"), ("套", "Set"), ("个", "Piece"), ("包", "Pack"))
_GOLD = (["诚信通"], ["实力商家,诚信通"], ["超级工厂,实力商家，诚信通"])


def read_offer_query(api: Api, params: Mapping[str, str]) -> dict[str, Any]:
    """`offer_id`, `first` and `last` of a query; a value that is missing or unreadable is left out."""
    try:
        query = json.loads(params.get(OFFER_PARAMETERS[api], ""))
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


def wrong_argument(api: Api, offer_id: str | None, first: date | None, last: date | None) -> str | None:
    """The argument that is missing or wrong, or None."""
    if offer_id is None:
        return "offerId"
    if api is QUERY_DETAIL:
        return None
    if first is None or last is None:
        return "startDate" if first is None else "endDate"
    return None if timedelta(0) <= last - first <= MAX_DAYS else "endDate"


def offer_document(market: Market, api: Api, offer_id: str, on: date, first: date | None, last: date | None) -> Any:
    """The answer of one of `OFFER_PARAMETERS`, as of a market date."""
    if api is QUERY_DETAIL:
        return _detail(market, offer_id, on)
    assert first is not None
    assert last is not None
    return _trend(market, api, offer_id, on, first, last)


def _detail(market: Market, offer_id: str, on: date) -> dict[str, Any]:
    try:
        figures = market.figures(offer_id, on)
    except KeyError:
        return {"result": {"success": False, "code": "OFFER_NOT_EXIST", "message": "商品不存在"}}
    offer, text = figures.offer, figures.offer.text(market.seed)
    row = base64_row(figures, market.seed)
    unit, translated = _UNITS[offer.bits % len(_UNITS)]
    product = {
        "offerId": int(offer.offer_id),
        "categoryId": int(offer.category.category_id),
        "subject": text.title,
        "subjectTrans": text.title_translated,
        "status": "published",
        "minOrderQuantity": offer.min_order,
        "batchNumber": 1 + offer.bits % 3,
        "productSaleInfo": {"amountOnSale": 99999, "unitInfo": {"unit": unit, "transUnit": translated}},
        "productShippingInfo": {"shippingTimeGuarantee": "shipIn48Hours" if offer.bits % 2 else "shipIn24Hours"},
        "tagInfoList": [{"key": "isOnePsale", "value": offer.bits % 5 < 2}, {"key": "select", "value": False}],
        "companyName": text.supplier,
        "offerIdentities": _GOLD[offer.bits % len(_GOLD)] if text.is_gold else [],
        "sellerDataInfo": {"repeatPurchasePercent": _repeat(row.get("repurchaseRate"), offer.repurchase_rate)},
        "soldOut": str(figures.sold_30),
        "tradeScore": f"{offer.score:g}",
        "isSelect": "false",
    }
    _price(product, figures, row)
    return {"result": {"success": True, "code": "200", "message": "成功", "result": product}}


def _price(product: dict[str, Any], figures: OfferFigures, row: dict[str, Any]) -> None:
    """Price tiers where the row has them, a price per variant where the row has a range, otherwise one price."""
    tiers = figures.offer.tiers(figures.age)
    price, low = tiers[0][1], tiers[-1][1]
    by_sku = [price, price]
    if "priceRangeList" in row:
        steps = [{"startQuantity": start, "price": f"{yuan:.2f}", "promotionPrice": ""} for start, yuan in tiers]
        # Offers with price tiers have prices of variants too, which are not used.
        product["productSaleInfo"] |= {"quoteType": figures.offer.bits % 2 * 2, "priceRangeList": steps[::-1]}
    else:
        product["productSaleInfo"] |= {"quoteType": 1, "priceRangeList": []}
        if isinstance(row.get("price"), str) and "-" in row["price"]:
            by_sku = [price, round((price + low) / 2, 2), low]
    first = figures.offer.bits % 10**12
    product["productSkuInfos"] = [
        {"skuId": first + number, "price": f"{yuan:.2f}", "amountOnSale": 100} for number, yuan in enumerate(by_sku)
    ]


def _repeat(shown: object, rate: float) -> str:
    """A ratio as text, rounded to whole percent where the row is."""
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
        figures = market.figures(offer_id, day)
    except KeyError:
        return ""
    offer, age = figures.offer, figures.age
    if api is UNITS_TREND:
        return str(offer.sold(age, 1))
    if api is PRICE_TREND:
        return f"{median(offer.price(each) for each in range(max(0, age - 29), age + 1)):.2f}"
    # Both forms that the documentation shows.
    percent = round(offer.repurchase_rate * 100)
    return f"{percent}%" if offer.bits % 2 else str(percent)
