"""Details of offers: the platform's own sample, and what its documentation warns of."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from toplist.api.details import Detail, SkuPrice, detail_call, read_detail
from toplist.api.parse_issues import ParseIssues
from toplist.errors import ListError, TransientApiError
from toplist.items import PriceTier

SAMPLE = json.loads((Path(__file__).parent / "examples" / "details" / "official.answer.json").read_text("utf-8"))
OFFER = "34513534353434"


def answer(**changes: Any) -> dict[str, Any]:
    """The sample with other values in its product; ``...`` leaves a key out. `sale` changes productSaleInfo."""
    changed: dict[str, Any] = copy.deepcopy(SAMPLE)
    product = changed["result"]["result"]
    product["productSaleInfo"] |= changes.pop("sale", {})
    product |= changes
    for key in [key for key, value in product.items() if value is ...]:
        del product[key]
    return changed


def read(value: Any, issues: ParseIssues | None = None) -> Detail:
    return read_detail(value, OFFER, ParseIssues() if issues is None else issues)


def test_the_platforms_own_sample() -> None:
    issues = ParseIssues()
    assert read(SAMPLE, issues) == Detail(
        offer_id=OFFER,
        price=10.0,
        min_order=1,
        price_tiers=[PriceTier(start_quantity=10, price=10.0)],
        unit="盒",
        lot_size=200,
        trade_score=5.0,
        repurchase_rate=0.4666,
        supplier="杭州宜路发发电子商务有限公司",
        is_gold=True,
        services=["shipIn24Hours-24小时发货 shipIn48Hours-48小时发货"],
        badges=["超级工厂", "实力商家", "诚信通", "isOnePsale"],
    )
    assert issues == {("sku_prices", "no_number"): 1}  # its sku costs "价格"


def skus(*prices: str) -> list[dict[str, Any]]:
    return [{"skuId": number, "price": price} for number, price in enumerate(prices, 1)]


LADDER = [
    {"startQuantity": 100, "price": "8.50", "promotionPrice": "7"},
    {"startQuantity": 2, "price": "10.00", "promotionPrice": ""},
]
TIERS = [PriceTier(start_quantity=2, price=10.0), PriceTier(start_quantity=100, price=8.5)]
ENDS = [PriceTier(start_quantity=3, price=4.0), PriceTier(start_quantity=3, price=6.5)]


@pytest.mark.parametrize(
    ("quote_type", "ladder", "by_sku", "price", "tiers"),
    [
        (0, LADDER, [], 10.0, TIERS),
        (2, LADDER, skus("4", "6.5"), 10.0, TIERS),
        (1, LADDER, skus("6.5", "4"), 4.0, ENDS),
        (1, [], skus("6.5", "4"), 4.0, ENDS),
        ("1", [], skus("5", "5"), 5.0, None),
        (1, LADDER, [], 10.0, TIERS),  # it says by sku and has none: the ladder counts
        (0, [], skus("6.5", "4"), 4.0, ENDS),
        (None, None, None, None, None),
    ],
)
def test_the_quote_type_says_where_the_price_stands(
    quote_type: Any, ladder: Any, by_sku: Any, price: float | None, tiers: Any
) -> None:
    sale = {"quoteType": quote_type, "priceRangeList": ladder}
    detail = read(answer(sale=sale, productSkuInfos=by_sku, minOrderQuantity=3))
    assert (detail.price, detail.price_tiers) == (price, tiers)


def test_every_sku_that_can_be_read_is_kept() -> None:
    issues = ParseIssues()
    bad = [{"skuId": 3, "price": "面议"}, {"price": "4"}, "sku"]
    promoted = {"skuId": "4", "price": "", "promotionPrice": "3.2"}
    detail = read(answer(productSkuInfos=[*skus("6.5"), *bad, promoted]), issues)
    assert detail.sku_prices == [SkuPrice("1", 6.5), SkuPrice("4", 3.2)]
    assert issues["sku_prices", "no_number"] == 1
    assert issues["sku_prices", "not_an_object"] == 1


@pytest.mark.parametrize(
    ("identities", "is_gold"),
    [
        (["诚信通"], True),
        (["源头工厂,实力商家"], True),
        (["源头工厂"], False),
        ([], False),
        (None, None),
        ("超级工厂", True),
    ],
)
def test_gold_is_who_pays_the_platform_and_nobody_knows_where_it_does_not_say(
    identities: Any, is_gold: bool | None
) -> None:
    assert read(answer(offerIdentities=identities)).is_gold is is_gold


def test_marks_are_the_identities_and_the_tags_that_are_on() -> None:
    tags = [{"key": "isOnePsale", "value": "true"}, {"key": "select", "value": False}, {"key": "x", "value": "?"}, 7]
    issues = ParseIssues()
    assert read(answer(offerIdentities=["诚信通"], tagInfoList=tags), issues).badges == ["诚信通", "isOnePsale"]
    assert issues["badges", "not_a_flag"] == 1
    assert read(answer(offerIdentities=[], tagInfoList=[])).badges == []
    assert read(answer(offerIdentities=..., tagInfoList=...)).badges is None


def test_what_the_gateway_did_not_say_is_null_and_what_can_not_be_read_is_counted() -> None:
    assert read({"result": {"success": True, "result": {"offerId": int(OFFER)}}}) == Detail(offer_id=OFFER)
    issues = ParseIssues()
    detail = read(
        answer(minOrderQuantity="一手", tradeScore="?", sellerDataInfo={"repeatPurchasePercent": "很高"}), issues
    )
    assert (detail.min_order, detail.trade_score, detail.repurchase_rate) == (None, None, None)
    assert {field for field, _ in issues} >= {"min_order", "trade_score", "repurchase_rate"}


def test_one_result_is_accepted_too() -> None:
    assert read({"result": SAMPLE["result"]["result"]}) == read(SAMPLE)


def test_an_answer_without_the_offer_is_a_failure_and_one_about_another_is_no_answer() -> None:
    for empty in ({"result": {"success": True}}, {"result": {"result": None}}, {"result": {"result": {}}}):
        with pytest.raises(ListError):
            read(empty)
    for wrong in ({}, [], None, {"result": []}, {"result": {"result": "x"}}, answer(offerId=1)):
        with pytest.raises(TransientApiError):
            read(wrong)


def test_the_call_names_the_offer_as_a_number_and_the_language_as_a_country() -> None:
    call = detail_call(OFFER)
    assert call.params == {"offerDetailParam": '{"offerId":34513534353434,"country":"en"}'}
    assert call.api.needs_token


WILD = [None, "", "x", -1, 0, 1e308, 10**60, True, [], {}, [None], {"a": []}, "价格", "1,2", "\x00", ["a", 3], [{}]]


def test_no_mutation_of_the_sample_raises_anything_but_a_gateway_error() -> None:
    random = Random(4)
    for _ in range(3000):
        value = copy.deepcopy(SAMPLE)
        places: list[tuple[Any, Any]] = []
        stack: list[Any] = [value["result"]["result"]]
        while stack:
            part = stack.pop()
            keys = part.keys() if isinstance(part, dict) else range(len(part))
            for key in list(keys):
                places.append((part, key))
                if isinstance(part[key], dict | list):
                    stack.append(part[key])
        for _ in range(random.randint(1, 4)):
            part, key = random.choice(places)
            part[key] = copy.deepcopy(random.choice(WILD))
        try:
            detail = read(value)
        except (ListError, TransientApiError):
            continue
        assert detail.price is None or detail.price > 0
        assert detail.repurchase_rate is None or 0 <= detail.repurchase_rate <= 1
