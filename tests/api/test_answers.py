"""Answers beside their expected results, for every reader; and what makes an answer none."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic_core import to_jsonable_python

from toplist.api.categories import CategoryNode, read_categories
from toplist.api.daily import Figure, read_daily
from toplist.api.details import read_detail
from toplist.api.error_rules import check_refusal
from toplist.api.parse_issues import ParseIssues
from toplist.api.responses import WRAPPERS, Answer, read_answer
from toplist.api.rows import Rows
from toplist.errors import ListError, PermissionDenied, TransientApiError
from toplist.ranktypes import RANK_TYPES, Endpoint, Protocol

EXAMPLES = Path(__file__).parent / "examples"


def list_result(protocol: Protocol, endpoint: Endpoint, body: bytes) -> dict[str, Any]:
    rows = Rows()
    answer = read_answer(protocol, endpoint, 200, body, rows.notes)
    rows.add_page(protocol, answer.rows or [], 1, 20, datetime(2026, 11, 23, tzinfo=UTC))
    return {
        "rows": None if answer.rows is None else len(answer.rows),
        "total": answer.total,
        "offers": [[rank, offer.model_dump(exclude_none=True)] for rank, offer, _ in rows.arranged()],
        "rejected": [[aside.position, aside.reason] for aside in rows.rejected],
        "duplicates": rows.duplicates,
        "notes": {"/".join(note): times for note, times in rows.notes.items()},
    }


def tree_result(body: bytes) -> dict[str, Any]:
    notes = ParseIssues()

    def shown(node: CategoryNode) -> list[Any]:
        children = [shown(child) for child in node.children]
        return [node.category_id, node.name, node.is_leaf, node.retired, list(node.parent_ids), children]

    nodes = [shown(node) for node in read_categories(body, notes=notes)]
    return {"nodes": nodes, "notes": {"/".join(note): times for note, times in notes.items()}}


def noted(result: Any, notes: ParseIssues) -> dict[str, Any]:
    return {"result": result, "notes": {"/".join(note): times for note, times in notes.items()}}


def detail_result(body: bytes) -> dict[str, Any]:
    notes = ParseIssues()
    detail = read_detail(check_refusal(200, body, Protocol.OPENPLATFORM), "34513534353434", notes)
    return noted(to_jsonable_python(detail), notes)


def daily_reader(figure: Figure) -> Callable[[bytes], dict[str, Any]]:
    def result(body: bytes) -> dict[str, Any]:
        notes = ParseIssues()
        figures = read_daily(figure, check_refusal(200, body, Protocol.OPENPLATFORM), notes)
        return noted(to_jsonable_python(figures), notes)

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


def read(protocol: Protocol, endpoint: Endpoint, value: Any, notes: ParseIssues | None = None) -> Answer:
    return read_answer(protocol, endpoint, 200, json.dumps(value).encode(), notes)


@pytest.mark.parametrize("endpoint", Endpoint)
@pytest.mark.parametrize(
    ("inner", "answer"),
    [
        ({"result": {"itemList": [{"offerId": 1}], "total": 1}}, Answer([{"offerId": 1}], 1)),
        ({"result": {"itemList": [], "total": 0}}, Answer([], 0)),
        ({"result": {"itemList": [], "total": "1.2万+"}}, Answer([], 12000)),
        ({"result": {"itemList": []}}, Answer([], None)),
        ({"result": {"itemList": None, "total": 0}}, Answer(None, 0)),
        ({"result": {"total": 5}}, Answer(None, 5)),
        ({"result": {}}, Answer(None, None)),
        ({"result": None}, Answer(None, None)),
        ({}, Answer(None, None)),
    ],
)
def test_base64_lists_there_empty_and_absent(endpoint: Endpoint, inner: Any, answer: Answer) -> None:
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
    assert read(Protocol.OPENPLATFORM, Endpoint.NEW, value) == Answer(rows, None)


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
    notes = ParseIssues()
    value = {WRAPPERS[Endpoint.NEW]: {"result": {"itemList": [], "total": total}}}
    assert read(Protocol.BASE64, Endpoint.NEW, value, notes) == Answer([], None)
    assert notes == {("total", reason): 1}


@pytest.mark.parametrize("protocol", Protocol)
def test_a_refusal_in_either_envelope_is_raised(protocol: Protocol) -> None:
    for value in ({"error_response": {"code": 11}}, {"error_code": "gw.APIACLDecline"}):
        with pytest.raises(PermissionDenied):
            read(protocol, Endpoint.NEW, value)
    with pytest.raises(ListError):
        read(protocol, Endpoint.NEW, {"result": {"success": "false", "code": "E1", "result": {}}})
