"""Answers beside their expected results, for every reader; and what makes an answer none."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic_core import to_jsonable_python

from toplist.api.daily import Figure, read_daily
from toplist.api.details import read_detail
from toplist.api.error_rules import check_refusal
from toplist.api.parse_issues import ParseIssues
from toplist.api.responses import WRAPPERS, CategoryNode, ListPage, read_categories, read_list_page
from toplist.api.rows import Rows
from toplist.errors import ListError, PermissionDenied, TransientApiError
from toplist.ranktypes import RANK_TYPES, Endpoint, Protocol

EXAMPLES = Path(__file__).parent / "examples"


def list_result(protocol: Protocol, endpoint: Endpoint, body: bytes) -> dict[str, Any]:
    rows = Rows()
    answer = read_list_page(protocol, endpoint, 200, body, rows.issues)
    rows.add_page(protocol, answer.rows or [], 1, 20, datetime(2026, 11, 23, tzinfo=UTC))
    return {
        "rows": None if answer.rows is None else len(answer.rows),
        "total": answer.total,
        "offers": [[rank, offer.model_dump(exclude_none=True)] for rank, offer, _ in rows.arranged()],
        "rejected": [[aside.position, aside.reason] for aside in rows.rejected],
        "duplicates": rows.duplicates,
        "issues": {"/".join(note): times for note, times in rows.issues.items()},
    }


def tree_result(body: bytes) -> dict[str, Any]:
    issues = ParseIssues()

    def shown(node: CategoryNode) -> list[Any]:
        children = [shown(child) for child in node.children]
        return [node.category_id, node.name, node.is_leaf, node.retired, list(node.parent_ids), children]

    nodes = [shown(node) for node in read_categories(body, issues=issues)]
    return {"nodes": nodes, "issues": {"/".join(note): times for note, times in issues.items()}}


def noted(result: Any, issues: ParseIssues) -> dict[str, Any]:
    return {"result": result, "issues": {"/".join(note): times for note, times in issues.items()}}


def detail_result(body: bytes) -> dict[str, Any]:
    issues = ParseIssues()
    detail = read_detail(check_refusal(200, body, Protocol.OPENPLATFORM), "34513534353434", issues)
    return noted(to_jsonable_python(detail), issues)


def daily_reader(figure: Figure) -> Callable[[bytes], dict[str, Any]]:
    def result(body: bytes) -> dict[str, Any]:
        issues = ParseIssues()
        figures = read_daily(figure, check_refusal(200, body, Protocol.OPENPLATFORM), issues)
        return noted(to_jsonable_python(figures), issues)

    return result


def list_reader(protocol: Protocol, endpoint: Endpoint) -> Callable[[bytes], dict[str, Any]]:
    return lambda body: list_result(protocol, endpoint, body)


#: Every way of reading an answer, by the folder of its examples.
READERS: dict[str, Callable[[bytes], dict[str, Any]]] = {
    f"{protocol}_{rank_type.endpoint}": list_reader(protocol, rank_type.endpoint)
    for protocol in Protocol
    for rank_type in RANK_TYPES.values()
    if rank_type.served_by(protocol)
} | {
    "categories": tree_result,
    "details": detail_result,
    **{f"daily_{figure.field}": daily_reader(figure) for figure in Figure},
}


@pytest.mark.parametrize("reader", READERS)
def test_every_reader_has_an_example(reader: str) -> None:
    assert list((EXAMPLES / reader).glob("*.answer.json"))


def test_every_example_has_a_reader_and_a_result() -> None:
    for path in EXAMPLES.rglob("*.json"):
        assert path.parent.name in READERS
        assert path.name.endswith((".answer.json", ".result.json"))
        for kind in ("answer", "result"):
            assert path.with_name(f"{path.name.split('.')[0]}.{kind}.json").exists()


@pytest.mark.parametrize(
    "path", sorted(EXAMPLES.rglob("*.answer.json")), ids=lambda path: f"{path.parent.name}/{path.name.split('.')[0]}"
)
def test_example(path: Path) -> None:
    expected = json.loads(path.with_name(path.name.replace(".answer.", ".result.")).read_text("utf-8"))
    assert READERS[path.parent.name](path.read_bytes()) == expected


# What is a list, and what is none


def read(protocol: Protocol, endpoint: Endpoint, value: Any, issues: ParseIssues | None = None) -> ListPage:
    return read_list_page(protocol, endpoint, 200, json.dumps(value).encode(), issues)


@pytest.mark.parametrize("endpoint", Endpoint)
@pytest.mark.parametrize(
    ("inner", "answer"),
    [
        ({"result": {"itemList": [{"offerId": 1}], "total": 1}}, ListPage([{"offerId": 1}], 1)),
        ({"result": {"itemList": [], "total": 0}}, ListPage([], 0)),
        ({"result": {"itemList": [], "total": "1.2万+"}}, ListPage([], 12000)),
        ({"result": {"itemList": []}}, ListPage([], None)),
        ({"result": {"itemList": None, "total": 0}}, ListPage(None, 0)),
        ({"result": {"total": 5}}, ListPage(None, 5)),
        ({"result": {}}, ListPage(None, None)),
        ({"result": None}, ListPage(None, None)),
        ({}, ListPage(None, None)),
    ],
)
def test_base64_lists_there_empty_and_absent(endpoint: Endpoint, inner: Any, answer: ListPage) -> None:
    assert read(Protocol.BASE64, endpoint, {WRAPPERS[endpoint]: inner}) == answer


@pytest.mark.parametrize(
    ("value", "rows"),
    [
        ({"result": {"success": True, "code": "200", "result": {"rankProductModels": [{"a": 1}]}}}, [{"a": 1}]),
        ({"result": {"rankProductModels": [{"itemId": 1}]}}, [{"itemId": 1}]),
        ({"result": {"success": "true", "result": {"rankProductModels": []}}}, []),
        ({"result": {"success": True, "result": {"rankProductModels": None}}}, None),
        ({"result": {"success": True, "result": {"rankId": "1"}}}, None),
        ({"result": {"success": True, "result": None}}, None),
        ({"result": {"success": True}}, None),
        ({"result": {"rankProductModels": None}}, None),
        ({"result": None}, None),
    ],
)
def test_openplatform_lists_there_empty_and_absent(value: Any, rows: Any) -> None:
    page = read(Protocol.OPENPLATFORM, Endpoint.NEW, value)
    assert (page.rows, page.total) == (rows, None)


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        None,
        5,
        "ok",
        {"something": {"result": {"itemList": []}}},
        {"result": []},
        {"result": "x"},
        {"result": {"result": []}},
        {"result": {"result": {"rankProductModels": {}}}},
        {"result": {"rankProductModels": "x"}},
        {WRAPPERS[Endpoint.NEW]: []},
        {WRAPPERS[Endpoint.NEW]: {"result": []}},
        {WRAPPERS[Endpoint.NEW]: {"result": {"itemList": {}}}},
        {WRAPPERS[Endpoint.NEW]: {"result": {"itemList": ""}}},
    ],
)
@pytest.mark.parametrize("protocol", Protocol)
def test_json_that_is_no_list_is_unreadable(protocol: Protocol, value: Any) -> None:
    with pytest.raises(TransientApiError) as caught:
        read(protocol, Endpoint.NEW, value)
    assert caught.value.code == "unreadable"


def test_the_other_endpoints_answer_is_not_taken_for_this_ones() -> None:
    with pytest.raises(TransientApiError, match="alibaba_item_search_best_response"):
        read(Protocol.BASE64, Endpoint.CLASSIC, {WRAPPERS[Endpoint.NEW]: {"result": {"itemList": []}}})


@pytest.mark.parametrize(("total", "reason"), [("many", "no_number"), (-1, "negative"), (True, "wrong_type")])
def test_a_total_that_cannot_be_read_is_noted(total: Any, reason: str) -> None:
    issues = ParseIssues()
    value = {WRAPPERS[Endpoint.NEW]: {"result": {"itemList": [], "total": total}}}
    assert read(Protocol.BASE64, Endpoint.NEW, value, issues) == ListPage([], None)
    assert issues == {("total", reason): 1}


@pytest.mark.parametrize("protocol", Protocol)
def test_a_refusal_in_either_envelope_is_raised(protocol: Protocol) -> None:
    for value in ({"error_response": {"code": 11}}, {"error_code": "gw.APIACLDecline"}):
        with pytest.raises(PermissionDenied):
            read(protocol, Endpoint.NEW, value)
    with pytest.raises(ListError):
        read(protocol, Endpoint.NEW, {"result": {"success": "false", "code": "E1", "result": {}}})
