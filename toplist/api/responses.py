"""An answer to a list's call → its rows, still raw, and the total; or the failure that it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from toplist.api.error_rules import check_refusal
from toplist.api.parse_issues import ParseIssues
from toplist.api.values import read_count
from toplist.errors import TransientApiError
from toplist.ranktypes import Endpoint, Protocol

WRAPPERS = {
    Endpoint.NEW: "alibaba_product_top_list_query_response",
    Endpoint.CLASSIC: "alibaba_item_search_best_response",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """One page of a list. `rows` is `None` where the gateway has no such list, and ``[]`` where it is empty.

    `total` is the rows of the whole list, where the gateway says it: `base64` alone does.
    """

    rows: list[Any] | None
    total: int | None


def read_answer(
    protocol: Protocol, endpoint: Endpoint, status: int, body: bytes, notes: ParseIssues | None = None
) -> Answer:
    """Read an answer to `list_call`. Raises a `ApiError` for everything that is not a list.

    The outermost key must be the endpoint's. Below it, a missing or null value makes the list absent. Any other type
    raises TransientApiError. `notes` counts a total that can't be read.
    """
    value = check_refusal(status, body, protocol)
    if protocol is Protocol.OPENPLATFORM:
        return Answer(_openplatform_rows(value), None)
    result = _object(_outermost(value, WRAPPERS[endpoint]), "result")
    notes = ParseIssues() if notes is None else notes
    return Answer(_rows(result, "itemList"), notes.keep("total", read_count(result.get("total"))))


def _openplatform_rows(value: Any) -> list[Any] | None:
    outer = _outermost(value, "result")
    # One `result` is accepted too: not every answer seen has the second that the documentation has.
    inner = outer if "rankProductModels" in outer else _object(outer, "result")
    return _rows(inner, "rankProductModels")


def _outermost(value: Any, key: str) -> dict[str, Any]:
    if not isinstance(value, dict) or key not in value:
        raise TransientApiError("unreadable", f"JSON without {key}")
    return _object(value, key)


def _object(parent: dict[str, Any], key: str) -> dict[str, Any]:
    inner = parent.get(key)
    if inner is None:
        return {}
    if not isinstance(inner, dict):
        raise TransientApiError("unreadable", f"{key} is not an object")
    return inner


def _rows(parent: dict[str, Any], key: str) -> list[Any] | None:
    rows = parent.get(key)
    if rows is not None and not isinstance(rows, list):
        raise TransientApiError("unreadable", f"{key} is not a list")
    return rows
