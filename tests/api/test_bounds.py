"""Every number that is read fits its column, in both databases; one that does not is null or a rejected row."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from sample_rows import BASE64_ROW, OPENPLATFORM_ROW
from sqlalchemy import BigInteger, Integer, SmallInteger

from toplist.api import values
from toplist.api.details import read_detail
from toplist.api.parse_issues import ParseIssues
from toplist.api.responses import WRAPPERS, read_list_page
from toplist.api.rows import Rows, read_row
from toplist.items import RejectedRow
from toplist.ranktypes import Endpoint, Protocol
from toplist.storage import tables

AT = datetime(2026, 11, 24, tzinfo=UTC)
HUGE = [99_999_999_999, "99999999999件起批", "999亿", 10**30, "9" * 30, 2**31]


def test_the_bounds_are_those_of_the_columns() -> None:
    limits: dict[type, int] = {SmallInteger: 2**15 - 1, Integer: 2**31 - 1, BigInteger: 2**63 - 1}
    read = {
        "rank": values.MAX_RANK,
        "best_rank": values.MAX_RANK,
        "reported_total": values.MAX_QUANTITY,
        "min_order": values.MAX_QUANTITY,
        "tier_start": values.MAX_QUANTITY,
        "lot_size": values.MAX_QUANTITY,
        "sale_count": values.MAX_COUNT,
        "buyer_count": values.MAX_COUNT,
        "units": values.MAX_COUNT,
    }
    columns = [column for table in tables.metadata.tables.values() for column in table.columns if column.name in read]
    assert {column.name for column in columns} == set(read)
    for column in columns:
        assert read[column.name] <= limits[type(column.type)], column


@pytest.mark.parametrize("huge", HUGE)
def test_a_huge_minimum_order_is_null_with_an_issue(huge: Any) -> None:
    issues = ParseIssues()
    offer, _ = read_row(Protocol.BASE64, BASE64_ROW | {"minOrder": huge}, issues)
    assert offer.min_order is None
    assert issues == {("min_order", "absurd"): 1}
    tiers = [{"startQuantity": huge, "price": "1"}]
    offer, _ = read_row(Protocol.BASE64, BASE64_ROW | {"priceRangeList": tiers}, issues := ParseIssues())
    assert offer.price_tiers is None
    assert issues == {("price_tiers", "bad_tier"): 1}


@pytest.mark.parametrize("total", HUGE)
def test_a_huge_total_is_null_with_an_issue(total: Any) -> None:
    body = json.dumps({WRAPPERS[Endpoint.NEW]: {"result": {"itemList": [], "total": total}}}).encode()
    page = read_list_page(Protocol.BASE64, Endpoint.NEW, 200, body, issues := ParseIssues())
    assert page.total is None
    assert issues == {("total", "absurd"): 1}


@pytest.mark.parametrize("rank", [32_768, 40_000, "40000", 10**30])
def test_a_huge_rank_is_an_issue_and_its_list_is_ordered_by_position(rank: Any) -> None:
    rows = Rows()
    rows.add_page(Protocol.OPENPLATFORM, [OPENPLATFORM_ROW | {"itemId": 1, "sort": rank}, OPENPLATFORM_ROW], 1, 20, AT)
    assert [(offer.rank, offer.offer.offer_id) for offer in rows.arranged()] == [(1, "1"), (2, "699490252651")]
    assert rows.issues == {("rank", "absurd"): 1}


def test_the_largest_rank_is_read() -> None:
    assert values.read_rank(32_767) == 32_767


@pytest.mark.parametrize("field", ["soldOut", "buyerNum"])
@pytest.mark.parametrize("huge", [10**13, 2**63, "99999999亿"])
def test_a_huge_count_is_null_with_an_issue(field: str, huge: Any) -> None:
    offer, _ = read_row(Protocol.OPENPLATFORM, OPENPLATFORM_ROW | {field: huge}, issues := ParseIssues())
    assert None in (offer.sale_count, offer.buyer_count)
    assert [reason for _, reason in issues] == ["absurd"]


def test_rows_beyond_the_last_rank_are_rejected_and_none_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(values, "MAX_RANK", 100)
    rows = Rows()
    raw_rows = [{"itemId": number} for number in range(1, 131)]
    rows.add_page(Protocol.OPENPLATFORM, raw_rows, 1, 20, AT)
    assert max(offer.rank for offer in rows.arranged()) == 100
    assert [row.position for row in rows.rejected] == list(range(101, 131))
    assert {row.reason for row in rows.rejected} == {"beyond_last_rank"}
    assert isinstance(rows.rejected[0], RejectedRow)


@pytest.mark.parametrize("huge", HUGE)
def test_details_are_bounded_too(huge: Any) -> None:
    product = {
        "offerId": 7,
        "minOrderQuantity": huge,
        "batchNumber": huge,
        "productSkuInfos": [{"skuId": 1, "price": huge}],
    }
    detail = read_detail({"result": {"result": product}}, "7", issues := ParseIssues())
    assert (detail.min_order, detail.lot_size) == (None, None)
    assert detail.price is None or detail.price <= 10**12
    assert {field for field, _ in issues} >= {"min_order", "lot_size"}
