from __future__ import annotations

import re
import time
from collections import Counter
from datetime import date, timedelta

import pytest

from toplist.api.calls import TOP_LIST, TOP_LIST_BASE64, list_call
from toplist.ranktypes import RANK_TYPES, Endpoint, Protocol, RankType
from toplist.sandbox import checks
from toplist.sandbox.answers import top_list
from toplist.sandbox.catalogue import catalogue
from toplist.sandbox.curves import ARCHETYPES
from toplist.sandbox.market import Market, Totals
from toplist.sandbox.rows import base64_row, openplatform_row

DAY = date(2026, 11, 24)
CATEGORIES = ["10166", "1031910", "7", "59", "57", ""]


def shown(market: Market, rank_type: str, category: str, on: date) -> list[tuple[object, ...]]:
    return [(s.offer.offer_id, *s[1:]) for s in market.rows(rank_type, category, on) or ()]


def days(count: int, start: date = DAY) -> list[date]:
    return [start + timedelta(days=step) for step in range(count)]


def test_a_list_does_not_depend_on_what_was_asked_before() -> None:
    forward, backward = Market(7), Market(7)
    asked = [(name, category, on) for on in days(5) for category in CATEGORIES for name in RANK_TYPES]
    first = {key: shown(forward, *key) for key in asked}
    assert {key: shown(backward, *key) for key in reversed(asked)} == first
    assert shown(Market(7), "hot", "7", DAY + timedelta(4)) == first["hot", "7", DAY + timedelta(4)]


def test_another_seed_is_another_market() -> None:
    one, two = (shown(Market(seed), "hot", "10166", DAY) for seed in (1, 2))
    assert not {row[0] for row in one} & {row[0] for row in two}


def test_running_totals_never_fall_and_windows_come_from_the_same_sales() -> None:
    market = Market()
    checked = 0
    for listed in market.rows("hot", "10166", DAY) or ():
        offer = listed.offer
        life = days(offer.life, date.fromordinal(offer.born))
        by_day = [market.figures(offer.offer_id, on) for on in life]
        units = [offer.sold(figures.age, 1) for figures in by_day]
        assert min(units) >= 0
        assert [figures.total_sold for figures in by_day] == [sum(units[: age + 1]) for age in range(offer.life)]
        months = [sum(units[max(0, age - 29) : age + 1]) for age in range(offer.life)]
        assert [figures.sold_30 for figures in by_day] == months
        checked += offer.life
    assert checked > 1000


def test_counts_in_words_never_fall_either() -> None:
    market, counts, words = Market(), dict[str, float](), 0
    for on in days(25):
        for category in CATEGORIES:
            for listed in market.rows("best", category, on) or ():
                found = re.fullmatch(r"([\d.]+)(万?)\+件?", str(base64_row(listed, 1).get("saleCount")))
                if found:
                    count = float(found[1]) * (10_000 if found[2] else 1)
                    before = counts.get(listed.offer.offer_id, 0)
                    assert before <= count <= listed.total_sold
                    counts[listed.offer.offer_id] = count
                    words += bool(found[2]) and count > before
    assert words > 20


def test_a_bulk_order_is_one_buyer_and_a_cut_a_lower_price() -> None:
    checked = 0
    for story in ("bulk", "cut"):
        for listed in Market(1, archetype=story).rows("hot", "10166", DAY) or ():
            offer, day = listed.offer, listed.offer.curve.day
            if offer.base < 10:
                continue
            checked += 1
            if story == "bulk":
                assert offer.sold(day, 1) > 14 * offer.base
                assert offer.buyers(day, 1) < 1 + 4 * offer.base
                assert offer.buyers(day) < offer.buyers(day - 1) + 4 * offer.base
            else:
                assert offer.price(day) < 0.87 * offer.price(day - 1)
    assert checked > 20


@pytest.mark.parametrize(
    ("rank_type", "figure"),
    [
        ("hot", lambda s: s.sold_30),
        ("best", lambda s: s.total_sold),
        ("rise", lambda s: s.growth),
        ("new", lambda s: -s.age),
    ],
)
def test_lists_are_ordered_by_what_they_are_called(rank_type: str, figure: object) -> None:
    assert callable(figure)
    for category in CATEGORIES:
        values = [figure(listed) for listed in Market().rows(rank_type, category, DAY) or ()]
        assert values == sorted(values, reverse=True)
        assert len(set(values)) > 3


def test_every_rank_type_orders_differently() -> None:
    orders = {tuple(row[0] for row in shown(Market(), name, "10166", DAY)[:12]) for name in RANK_TYPES}
    assert len(orders) == len(RANK_TYPES)


def test_a_rank_type_that_is_added_to_the_table_has_lists_in_both_protocols(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RANK_TYPES, "brandNew", RankType("brandNew", "新榜", Endpoint.NEW))
    market = Market()
    ranked = market.rows("brandNew", "10166", DAY)
    assert ranked
    assert [figures.offer.offer_id for figures in ranked] != [row[0] for row in shown(market, "hot", "10166", DAY)]
    for protocol in Protocol:
        call = list_call(protocol, "brandNew", "10166", 1, 20)
        asked = checks.read(call.api.path + "key", call.params | {"app_key": "key"})
        if protocol is Protocol.BASE64:
            asked = checks.read(call.api.path, call.params | {"app_key": "key"})
        assert (asked.rank_type, asked.is_list) == ("brandNew", True)
        assert top_list(market, call.api, "brandNew", "10166", DAY, 1, 20)


def test_lists_have_12_to_46_rows_unless_told_otherwise() -> None:
    sizes = {len(shown(Market(), name, category, DAY)) for name in RANK_TYPES for category in CATEGORIES}
    assert min(sizes) >= 12
    assert max(sizes) <= 46
    assert len(sizes) > 15
    told = Market(1, Totals(30, {"7": 0, "10166": 1000}, {("7", "best"): 5}))
    assert [len(shown(told, *key, DAY)) for key in (("hot", "59"), ("hot", "7"), ("best", "7"), ("hot", "10166"))] == [
        30,
        0,
        5,
        1000,
    ]


def test_offers_enter_and_leave_and_prices_move() -> None:
    market = Market()
    by_day = [{s.offer.offer_id: s.price for s in market.rows("hot", "10166", on) or ()} for on in days(30)]
    ever = set().union(*by_day)
    always = ever.intersection(*by_day)
    assert always
    assert len(ever - always) >= 3
    assert any(by_day[0][offer] != by_day[-1][offer] for offer in always)


def test_a_market_holds_every_story() -> None:
    market = Market()
    lists = [market.rows(name, category, DAY) or () for name in ("best", "new", "rise") for category in CATEGORIES]
    assert {listed.offer.curve.archetype for rows in lists for listed in rows} == set(ARCHETYPES)
    only = Market(1, archetype="cut").rows("hot", "10166", DAY)
    assert only
    assert {listed.offer.curve.archetype for listed in only} == {"cut"}


def test_an_offer_has_figures_on_the_dates_of_its_life_only() -> None:
    market = Market()
    (listed, *_) = market.rows("new", "10166", DAY) or ()
    offer = listed.offer
    assert market.figures(offer.offer_id, DAY).offer.born == offer.born
    for unknown, on in ((offer.offer_id, date.fromordinal(offer.born - 1)), ("600000000123", DAY)):
        with pytest.raises(KeyError):
            market.figures(unknown, on)


def test_both_protocols_show_the_same_offers() -> None:
    for listed in Market().rows("hot", "59", DAY) or ():
        ours, theirs = base64_row(listed, 1), openplatform_row(listed, 1, 1)
        assert str(ours["offerId"]) == str(theirs["itemId"])
        assert ours["subject"] == theirs["title"]


def test_a_retired_or_unknown_category_has_no_list() -> None:
    market = Market()
    assert market.rows("hot", "999999999", DAY) is None
    assert market.rows("trending", "10166", DAY) is None
    retired = next(node for node in catalogue() if node.is_retired)
    assert market.rows("hot", retired.category_id, DAY) is None


def test_a_small_share_is_spelled_as_found_in_the_wild() -> None:
    market = Market()
    rows = [
        base64_row(listed, 1)
        for category in ("10166", "10165", "7", "6", "15", "59", "57", "1813", "2", "96", "97", "18")
        for name in ("hot", "new", "goodPrice", "rise")
        for listed in market.rows(name, category, DAY) or ()
    ]
    patterns = {
        "price": [r"'\d+\.\d\d'", r"'￥\d+\.\d\d-￥\d+\.\d\d'", r"'[\d.]+-[\d.]+ 元 / 件'", "None", "absent"],
        "saleCount": [r"'[\d.]+万\+'", r"'\d+00\+'", r"'\d+'", "None", "absent"],
        "minOrder": [r"'\d+件起批'", r"'\d+'", "absent"],
        "repurchaseRate": [r"'\d+%'", r"'0\.\d+'", r"'\d+'", r"'回头率\d+%'", r"0\.\d+", "absent"],
        "isGoldSupplier": [r"'true'", r"'false'"],
        "detailUrl": ["absent"],
        "priceRangeList": ["absent"],
    }
    for name, spellings in patterns.items():
        values = [repr(row[name]) if name in row else "absent" for row in rows]
        for spelling in spellings:
            found = sum(bool(re.fullmatch(spelling, value)) for value in values)
            assert found, (name, spelling)
    plain = sum(isinstance(row.get("price"), float) and isinstance(row.get("saleCount"), int) for row in rows)
    assert plain > 0.75 * len(rows)


def test_a_warm_page_of_50_rows_costs_less_than_two_milliseconds() -> None:
    market = Market(1, Totals(60))

    def cost() -> float:
        started = time.process_time()
        top_list(market, TOP_LIST_BASE64, "hot", "10166", DAY, 1, 50)
        return time.process_time() - started

    cost()
    assert min(cost() for _ in range(20)) < 0.002


def test_what_a_market_keeps_is_bounded() -> None:
    market = Market()
    kept = (market._offer, market._board, market._ranked)
    assert all(cache.cache_parameters()["maxsize"] for cache in kept)


def test_some_lists_of_the_platforms_own_api_come_out_of_order_or_without_places() -> None:
    market, kinds = Market(), Counter[str]()
    for category in list(catalogue())[:60]:
        for rank_type in ("hot", "complex", "goodPrice"):
            expected = market.rows(rank_type, category.category_id, DAY)
            if expected is None:
                continue
            model = top_list(market, TOP_LIST, rank_type, category.category_id, DAY, 1, 20)["result"]["result"]
            rows = model["rankProductModels"]
            ids = [s.offer.offer_id for s in expected[:20]]
            places = [row.get("sort") for row in rows]
            if places == [None] * len(rows):
                kinds["unsorted"] += 1
            elif places == sorted(places):
                kinds["plain"] += 1
            else:
                kinds["shuffled"] += 1
                rows.sort(key=lambda row: row["sort"])
            assert [str(row["itemId"]) for row in rows] == ids
    assert kinds["plain"] > 100
    assert kinds["shuffled"] > 2
    assert kinds["unsorted"] > 2
