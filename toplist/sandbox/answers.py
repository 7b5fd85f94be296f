"""What the gateway says, in the envelope of either protocol. Pure: documents in, documents out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from toplist.api.calls import BEST_BASE64, TOP_LIST, TOP_LIST_BASE64, Api
from toplist.ranktypes import RANK_TYPES, Protocol
from toplist.sandbox import seeds
from toplist.sandbox.catalogue import Category, catalogue
from toplist.sandbox.market import Market, Standing
from toplist.sandbox.spelling import base64_row, openplatform_row

_RESPONSE_KEYS = {
    TOP_LIST_BASE64: "alibaba_product_top_list_query_response",
    BEST_BASE64: "alibaba_item_search_best_response",
}
#: A share of the lists of `openplatform`, in percent: rows out of order (`sort` tells), and rows without `sort`.
_SHUFFLED, _UNSORTED = 5, 5


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and a document to be spelled as JSON."""

    status: int
    document: Any


class Refusal(Exception):
    """The gateway says no. `code` is of either envelope: a number is `base64`'s, text is `openplatform`'s."""

    def __init__(self, code: int | str, message: str, *, status: int | None = None, sub_code: str | None = None):
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.status = status if status is not None else 200 if isinstance(code, int) else 400
        self.sub_code = sub_code

    def answer(self, request_id: str) -> Answer:
        """Spelled in its envelope."""
        if isinstance(self.code, int):
            error: dict[str, Any] = {"code": self.code, "msg": self.message}
            if self.sub_code:
                error |= {"sub_code": self.sub_code, "sub_msg": self.message}
            return Answer(self.status, {"error_response": error | {"request_id": request_id}})
        body = {"error_code": self.code, "error_message": self.message, "exception": "", "request_id": request_id}
        return Answer(self.status, body)


def top_list(
    market: Market, api: Api, rank_type: str, category_id: str, on: date, page: int, size: int
) -> dict[str, Any]:
    """A page of a list. Where the market has no such list, the key of its rows is missing."""
    standings = market.rows(rank_type, category_id, on)
    if api.signed_as is Protocol.OPENPLATFORM:
        return _ranking(market.seed, rank_type, category_id, on, None if standings is None else standings[:size])
    if standings is None:
        return base64_page(api, None, 0)
    rows = [base64_row(standing, market.seed) for standing in standings[(page - 1) * size : page * size]]
    return base64_page(api, rows, len(standings))


def base64_page(api: Api, rows: list[dict[str, Any]] | None, total: int) -> dict[str, Any]:
    """`result` with `itemList` and `total`, or empty."""
    return {_RESPONSE_KEYS[api]: {"result": {} if rows is None else {"itemList": rows, "total": total}}}


def _ranking(
    seed: int, rank_type: str, category_id: str, on: date, standings: Sequence[Standing] | None
) -> dict[str, Any]:
    model: dict[str, Any] = {
        "rankId": category_id,
        "rankName": RANK_TYPES[rank_type].title if rank_type in RANK_TYPES else "",
        "rankType": rank_type,
    }
    if standings is not None:
        rows = [openplatform_row(standing, rank, seed) for rank, standing in enumerate(standings, 1)]
        model["rankProductModels"] = _as_found(rows, seeds.number("order", category_id, rank_type, on) % 100)
    return {"result": {"success": True, "code": "S0000", "message": "成功", "result": model}}


def _as_found(rows: list[dict[str, Any]], die: int) -> list[dict[str, Any]]:
    if die < _SHUFFLED:
        return rows[1::2] + rows[::2]
    if die < _SHUFFLED + _UNSORTED:
        return [{key: value for key, value in row.items() if key != "sort"} for row in rows]
    return rows


def category_info(category_id: str) -> dict[str, Any]:
    """`alibaba.category.get`: one category with its children; odd spellings as the platform has them."""
    category = catalogue().get(category_id)
    if category is None:
        return {"succes": "false", "errorMsg": f"category {category_id} does not exist", "errorCode": "500_1"}
    return {"succes": "true", "categoryInfo": [_category(category)], "errorMsg": "", "errorCode": ""}


def _category(category: Category) -> dict[str, Any]:
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
