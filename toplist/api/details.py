"""An offer's detail, from `product.search.queryProductDetail`: fields that the rows of `openplatform` don't have.

The field tables and the official sample, which the tests read, are from the platform's documentation of that API.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from toplist.api import values
from toplist.api.calls import QUERY_DETAIL, Call, compact_json
from toplist.api.parse_issues import ParseIssues
from toplist.api.values import Price
from toplist.errors import ListError, TransientApiError
from toplist.items import PriceTier

#: Names of paying members: 诚信通 is the membership, and the other two require it.
GOLD_MARKS = frozenset({"诚信通", "实力商家", "超级工厂"})

_BY_SKU = 1  # quoteType: 0 and 2 are priced by quantity, 1 by sku
_MAX_SKUS = 1000


@dataclass(frozen=True, slots=True)
class SkuPrice:
    """The price of one variant of an offer, in yuan."""

    sku_id: str
    price: float


@dataclass(frozen=True, slots=True)
class Detail:
    """The detail of an offer, with the feed's names and units; `None` where the gateway gives no value.

    `price` is that of the smallest order, or the lowest of the variants. `repurchase_rate` is the seller's: this
    API has none of the offer.
    """

    offer_id: str
    price: float | None = None
    min_order: int | None = None
    price_tiers: list[PriceTier] | None = None
    unit: str | None = None
    lot_size: int | None = None
    trade_score: float | None = None
    repurchase_rate: float | None = None
    supplier: str | None = None
    is_gold: bool | None = None
    services: list[str] | None = None
    badges: list[str] | None = None
    sku_prices: list[SkuPrice] = field(default_factory=list)


def detail_call(offer_id: str, language: str = "en") -> Call:
    """The call for one offer's detail. The platform names the language `country`."""
    return Call(QUERY_DETAIL, {"offerDetailParam": compact_json({"offerId": int(offer_id), "country": language})})


def read_detail(value: Any, offer_id: str, issues: ParseIssues) -> Detail:
    """Read a detail from the JSON of an answer that is not a refusal. `issues` counts unreadable values.

    Raises `ListError` where the gateway has no such offer, TransientApiError where the answer is not about it.
    """
    product = _product(value)
    if not product:
        raise ListError("no detail", "the gateway has no such offer")
    if values.read_id(product.get("offerId")) not in (None, offer_id):
        raise TransientApiError("unreadable", "the detail is of another offer")
    sale, seller = _part(product, "productSaleInfo"), _part(product, "sellerDataInfo")
    unit = _part(sale, "unitInfo")
    shipping = _part(product, "productShippingInfo").get("shippingTimeGuarantee")
    min_order = issues.keep("min_order", values.read_quantity(product.get("minOrderQuantity")))
    skus = _sku_prices(product.get("productSkuInfos"), issues)
    price, tiers = _prices(sale, [sku.price for sku in skus], min_order, issues)
    identities = _identities(product.get("offerIdentities"), issues)
    return Detail(
        offer_id=offer_id,
        price=price,
        min_order=min_order,
        price_tiers=tiers,
        unit=issues.keep("unit", values.read_text(unit.get("unit") or unit.get("transUnit"))),
        lot_size=issues.keep("lot_size", values.read_quantity(product.get("batchNumber"))),
        trade_score=issues.keep("trade_score", values.read_score(product.get("tradeScore"))),
        repurchase_rate=issues.keep("repurchase_rate", values.read_rate(seller.get("repeatPurchasePercent"))),
        supplier=issues.keep("supplier", values.read_text(product.get("companyName"))),
        is_gold=None if identities is None else not GOLD_MARKS.isdisjoint(identities),
        services=issues.keep("services", values.read_names(shipping)),
        badges=_badges(identities, product.get("tagInfoList"), issues),
        sku_prices=skus,
    )


def _product(value: Any) -> dict[str, Any]:
    outer = value.get("result") if isinstance(value, dict) else None
    if not isinstance(outer, dict):
        raise TransientApiError("unreadable", "JSON without result")
    # One `result` is accepted too, as with the lists.
    inner = outer if "offerId" in outer else outer.get("result")
    if inner is not None and not isinstance(inner, dict):
        raise TransientApiError("unreadable", "result is not an object")
    return inner or {}


def _part(parent: dict[str, Any], key: str) -> dict[str, Any]:
    inner = parent.get(key)
    return inner if isinstance(inner, dict) else {}


def _prices(
    sale: dict[str, Any], by_sku: list[float], min_order: int | None, issues: ParseIssues
) -> tuple[float | None, list[PriceTier] | None]:
    """`quoteType` says which key has the price. In samples that contradict it, the other key is used."""
    tiers: list[PriceTier] | None = issues.keep("price_tiers", values.read_tiers(sale.get("priceRangeList")))
    quote_type = values.read_count(sale.get("quoteType"))
    if tiers and not (quote_type == _BY_SKU and by_sku):
        return tiers[0].price, tiers
    if not by_sku:
        return None, None
    price = Price(min(by_sku), max(by_sku))
    return price.low, price.tiers(min_order or 1)


def _sku_prices(raw: Any, issues: ParseIssues) -> list[SkuPrice]:
    """The variants that have an id and a price; the promotion's price is used only where there is no other."""
    skus = []
    for sku in raw[:_MAX_SKUS] if isinstance(raw, list) else []:
        if not isinstance(sku, dict):
            issues["sku_prices", "not_an_object"] += 1
            continue
        sku_id = issues.keep("sku_prices", values.read_id(sku.get("skuId")))
        price = issues.keep("sku_prices", values.read_price(sku.get("price") or sku.get("promotionPrice")))
        if sku_id and price:
            skus.append(SkuPrice(sku_id, price.low))
    return skus


def _identities(raw: Any, issues: ParseIssues) -> list[str] | None:
    """A list of names, where one text may hold several: ``["超级工厂,实力商家，诚信通"]``."""
    if isinstance(raw, list) and all(isinstance(name, str) for name in raw):
        raw = ",".join(raw) or []
    return issues.keep("badges", values.read_names(raw))


def _badges(identities: list[str] | None, tags: Any, issues: ParseIssues) -> list[str] | None:
    """The seller's identities, and the names of the service tags that are on."""
    switched = [tag for tag in tags if isinstance(tag, dict)] if isinstance(tags, list) else None
    if identities is None and switched is None:
        return None
    on = [tag.get("key") for tag in switched or () if issues.keep("badges", values.read_flag(tag.get("value")))]
    names = [issues.keep("badges", values.read_text(name)) for name in on]
    return list(dict.fromkeys([*(identities or []), *(name for name in names if name)]))
