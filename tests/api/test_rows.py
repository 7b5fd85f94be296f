"""Rows: fields of each protocol, the order of a list, what is rejected and what is duplicates."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sample_rows import BASE64_ROW, OPENPLATFORM_ROW

from toplist.api.parse_issues import ParseIssues
from toplist.api.rows import (
    BASE64_COLUMNS,
    OPENPLATFORM_COLUMNS,
    RowError,
    Rows,
    keepable,
    read_row,
)
from toplist.ranktypes import Protocol

AT = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)


def read(protocol: Protocol, row: Any) -> tuple[dict[str, Any], int | None, ParseIssues]:
    issues = ParseIssues()
    offer, rank = read_row(protocol, row, issues)
    return offer.model_dump(exclude_none=True), rank, issues


def test_a_base64_row() -> None:
    offer, rank, issues = read(Protocol.BASE64, BASE64_ROW)
    assert offer == {
        "offer_id": "699490252651",
        "title": "2023厚底女士凉鞋",
        "price": 12.5,
        "min_order": 2,
        "price_tiers": [{"start_quantity": 2, "price": 12.5}, {"start_quantity": 100, "price": 11.0}],
        "sale_count": 12000,
        "repurchase_rate": 0.1,
        "supplier": "义乌鞋厂",
        "is_gold": True,
        "main_img": "https://cbu01.alicdn.com/img/a.jpg",
        "detail_url": "https://detail.1688.com/offer/699490252651.html?from=rank",
    }
    assert (rank, issues) == (None, {})


def test_an_openplatform_row() -> None:
    offer, rank, issues = read(Protocol.OPENPLATFORM, OPENPLATFORM_ROW)
    assert offer == {
        "offer_id": "699490252651",
        "title": "2023厚底女士凉鞋",
        "title_translated": "2023 thick-soled ladies sandals",
        "sale_count": 433454,
        "buyer_count": 1334,
        "trade_score": 5.0,
        "main_img": "http://img.china.alibaba.com/img/a.jpg",
        "detail_url": "https://detail.1688.com/offer/699490252651.html",
        "services": ["sendGoods48H"],
    }
    assert (rank, issues) == (3, {})


@pytest.mark.parametrize(("protocol", "key"), [(Protocol.BASE64, "offerId"), (Protocol.OPENPLATFORM, "itemId")])
def test_an_id_alone_makes_an_offer_of_nulls(protocol: Protocol, key: str) -> None:
    offer, rank, issues = read(protocol, {key: "1"})
    assert offer == {"offer_id": "1", "detail_url": "https://detail.1688.com/offer/1.html"}
    assert (rank, issues) == (None, {})


@pytest.mark.parametrize("protocol", Protocol)
@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({}, "no_offer_id"),
        ({"offerId": None, "itemId": None}, "no_offer_id"),
        ({"offerId": "", "itemId": ""}, "no_offer_id"),
        ({"offerId": "abc", "itemId": "abc"}, "offer_id_not_an_id"),
        ({"offerId": 1.5, "itemId": 1.5}, "offer_id_not_whole"),
        (None, "not_an_object"),
        ("row", "not_an_object"),
        ([], "not_an_object"),
    ],
)
def test_a_row_without_an_offer_id_is_refused(protocol: Protocol, row: Any, reason: str) -> None:
    with pytest.raises(RowError) as caught:
        read_row(protocol, row, ParseIssues())
    assert caught.value.reason == reason


@pytest.mark.parametrize("column", BASE64_COLUMNS + OPENPLATFORM_COLUMNS)
def test_a_bad_value_costs_its_field_alone(column: Any) -> None:
    protocol, row = (
        (Protocol.BASE64, BASE64_ROW) if column in BASE64_COLUMNS else (Protocol.OPENPLATFORM, OPENPLATFORM_ROW)
    )
    whole, rank, _ = read(protocol, row)
    offer, rank_now, issues = read(protocol, {**row, column.key: True if column.field != "is_gold" else "?"})
    assert [field for field, _ in issues] == [column.field]
    lost = {field for field in whole if field not in offer}
    assert lost <= {column.field}  # a detail_url is built from the id
    assert rank_now == rank


def test_a_range_is_both_ends_in_the_tiers() -> None:
    offer, _, _ = read(Protocol.BASE64, {**BASE64_ROW, "price": "￥20.00-￥29.00", "priceRangeList": None})
    assert offer["price"] == 20.0
    assert offer["price_tiers"] == [{"start_quantity": 2, "price": 20.0}, {"start_quantity": 2, "price": 29.0}]
    offer, _, _ = read(Protocol.BASE64, {"offerId": 1, "price": "￥20.00-￥29.00"})
    assert [tier["start_quantity"] for tier in offer["price_tiers"]] == [1, 1]


def test_given_tiers_are_kept_before_those_of_a_range() -> None:
    offer, _, _ = read(Protocol.BASE64, {**BASE64_ROW, "price": "11-12.5"})
    assert offer["price_tiers"] == [{"start_quantity": 2, "price": 12.5}, {"start_quantity": 100, "price": 11.0}]


def test_without_a_price_the_first_step_is_what_the_smallest_order_pays() -> None:
    offer, _, issues = read(Protocol.BASE64, {**BASE64_ROW, "price": None})
    assert (offer["price"], issues) == (12.5, {})
    offer, _, issues = read(Protocol.BASE64, {**BASE64_ROW, "price": "面议"})
    assert (offer["price"], issues) == (12.5, {("price", "no_number"): 1})


def test_a_key_that_says_fen() -> None:
    row = {"offerId": 1, "priceFen": 1250}
    assert read(Protocol.BASE64, row)[0]["price"] == 12.5
    assert read(Protocol.BASE64, {**row, "price": 13})[0]["price"] == 13.0


# The order of a list


def openplatform_rows(*ranks: Any) -> list[dict[str, Any]]:
    return [{"itemId": 100 + at, "sort": rank} for at, rank in enumerate(ranks)]


def arranged(raw_rows: list[Any], protocol: Protocol = Protocol.OPENPLATFORM) -> list[tuple[int, str]]:
    rows = Rows()
    rows.add_page(protocol, raw_rows, 1, 20, AT)
    return [(ranked.rank, ranked.offer.offer_id) for ranked in rows.arranged()]


def test_the_gateways_rank_orders() -> None:
    assert arranged(openplatform_rows(3, 1, 2)) == [(1, "101"), (2, "102"), (3, "100")]


def test_gaps_in_the_gateways_ranks_stay() -> None:
    assert arranged(openplatform_rows(1, 5, 3)) == [(1, "100"), (3, "102"), (5, "101")]


@pytest.mark.parametrize("ranks", [(2, 2, 1), (3, None, 1), (3, "?", 1), (0, 1, 2), (3, -1, 2), (None, None, None)])
def test_one_bad_rank_and_the_whole_list_goes_by_position(ranks: tuple[Any, ...]) -> None:
    assert arranged(openplatform_rows(*ranks)) == [(1, "100"), (2, "101"), (3, "102")]


def test_a_list_without_ranks_goes_by_position() -> None:
    assert arranged([{"offerId": 9}, {"offerId": 5}, {"offerId": 7}], Protocol.BASE64) == [(1, "9"), (2, "5"), (3, "7")]


def test_an_offer_that_comes_twice_is_kept_at_its_best_rank() -> None:
    rows = Rows()
    rows.add_page(Protocol.OPENPLATFORM, [{"itemId": i, "sort": s} for i, s in [(7, 3), (8, 1), (7, 2)]], 1, 20, AT)
    assert [(rank, offer.offer_id) for rank, offer, _ in rows.arranged()] == [(1, "8"), (2, "7")]
    assert (rows.received, rows.duplicates, rows.rejected) == (3, 1, [])


def test_the_same_row_twice_is_no_collision_of_ranks() -> None:
    double = openplatform_rows(2, 1)
    assert arranged([*double, *double]) == [(1, "101"), (2, "100")]


def test_by_position_a_double_is_kept_where_it_came_first() -> None:
    assert arranged([{"offerId": i} for i in (7, 8, 7, 9)], Protocol.BASE64) == [(1, "7"), (2, "8"), (4, "9")]


def test_a_broken_row_is_set_aside_and_takes_nothing_down() -> None:
    rows = Rows()
    rows.add_page(Protocol.BASE64, [{"offerId": 1}, {"subject": "no id"}, None, {"offerId": 2}], 2, 4, AT)
    assert [ranked.offer.offer_id for ranked in rows.arranged()] == ["1", "2"]
    assert [(aside.position, aside.reason, aside.row) for aside in rows.rejected] == [
        (6, "no_offer_id", {"subject": "no id"}),
        (7, "not_an_object", None),
    ]
    assert (rows.received, rows.duplicates) == (4, 0)


def test_pages_that_arrive_out_of_order_make_the_same_list() -> None:
    pages = {page: [{"offerId": page * 10 + at} for at in range(3)] for page in (1, 2, 3)}
    pages[3].append({"offerId": 10})  # the first again
    lists = []
    for order in ([1, 2, 3], [3, 1, 2]):
        rows = Rows()
        for page in order:
            rows.add_page(Protocol.BASE64, pages[page], page, 3, AT + timedelta(seconds=page))
        lists.append([(ranked.rank, ranked.offer.offer_id, ranked.collected_at) for ranked in rows.arranged()])
        assert (rows.received, rows.duplicates) == (10, 1)
    assert lists[0] == lists[1]
    assert lists[0][0] == (1, "10", AT + timedelta(seconds=1))
    assert lists[0][-1] == (9, "32", AT + timedelta(seconds=3))


def test_ranks_that_begin_again_on_every_page_are_not_believed() -> None:
    rows = Rows()
    for page in (1, 2):
        rows.add_page(Protocol.OPENPLATFORM, [{"itemId": page * 10 + s, "sort": s} for s in (2, 1)], page, 2, AT)
    assert [(ranked.rank, ranked.offer.offer_id) for ranked in rows.arranged()] == [
        (1, "12"),
        (2, "11"),
        (3, "22"),
        (4, "21"),
    ]


def test_a_page_that_comes_again_takes_the_place_of_the_first() -> None:
    rows = Rows()
    for offer_id in (1, 2):
        rows.add_page(Protocol.BASE64, [{"offerId": offer_id}, {}], 1, 20, AT)
    assert (rows.received, len(rows.rejected), rows.duplicates) == (2, 1, 0)
    assert rows.arranged()[0].offer.offer_id == "2"


def test_rows_survive_a_pickle_between_two_pages() -> None:
    rows = Rows()
    rows.add_page(Protocol.BASE64, [BASE64_ROW, {}, {"offerId": 2, "price": "?"}], 1, 20, AT)
    rows = pickle.loads(pickle.dumps(rows))
    rows.add_page(Protocol.BASE64, [{"offerId": 3, "price": "?"}], 2, 20, AT)
    assert (rows.received, len(rows.arranged()), rows.issues) == (4, 3, {("price", "no_number"): 2})


def test_nothing_came() -> None:
    assert (Rows().received, Rows().duplicates, Rows().rejected, Rows().arranged()) == (0, 0, [], [])


def test_what_is_set_aside_is_cut_to_a_size_that_can_be_kept() -> None:
    deep: Any = "end"
    for _ in range(500):
        deep = [deep]
    kept = keepable({"deep": deep, "long": "x" * 10**6, "many": list(range(10**5)), "n": 5, "none": None})
    assert len(json.dumps(kept)) < 2000
    assert (kept["n"], kept["none"], len(kept["many"])) == (5, None, 50)


def test_what_is_set_aside_keeps_50_members_six_levels_and_names_of_100_characters() -> None:
    assert len(keepable({str(number): number for number in range(99)})) == 50
    assert list(keepable({"x" * 200: 1})) == ["x" * 100]
    deep: Any = 1
    for _ in range(9):
        deep = {"in": deep}
    assert json.dumps(keepable(deep)).count("in") == 6


def test_what_is_set_aside_says_where_it_was_cut_and_keeps_500_characters() -> None:
    assert keepable([[1]], depth=1) == ["…"]
    assert keepable([], depth=0) == "…"
    assert (keepable(7, depth=0), keepable("x", depth=0)) == (7, "x")
    assert (keepable("x" * 500), keepable("x" * 501)) == ("x" * 500, "x" * 500)
    assert len(keepable(list(range(51)))) == 50
    assert keepable({"a": [{"b": 1}]}) == {"a": [{"b": 1}]}


def test_a_reason_is_a_word() -> None:
    assert RowError("no_offer_id").reason == "no_offer_id"


@pytest.mark.parametrize("key", ["priceFen", "priceInFen", "priceCent"])
def test_the_first_price_that_can_be_read_counts(key: str) -> None:
    offer, _, issues = read(Protocol.BASE64, {"offerId": 1, "price": "面议", key: 250})
    assert (offer["price"], issues) == (2.5, {("price", "no_number"): 1})
    assert read(Protocol.BASE64, {"offerId": 1, "priceFen": 100, "priceCent": 250})[0]["price"] == 1.0


def test_an_offer_that_came_with_and_without_a_rank_has_its_rank() -> None:
    raw_rows = [{"itemId": 8, "sort": 2}, {"itemId": 7}, {"itemId": 7, "sort": 1}]
    assert arranged(raw_rows) == [(1, "7"), (2, "8")]


def test_rows_of_a_page_have_positions_from_its_first() -> None:
    rows = Rows()
    rows.add_page(Protocol.BASE64, [{"offerId": 1}, {}], 1, 20, AT)
    rows.add_page(Protocol.BASE64, [{"offerId": 2}, {}], 3, 20, AT)
    assert [ranked.rank for ranked in rows.arranged()] == [1, 41]
    assert [aside.position for aside in rows.rejected] == [2, 42]
