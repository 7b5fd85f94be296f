"""Answers beside their expected results, for every reader; and what makes an answer none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from answer_readers import EXAMPLES, READERS

from toplist.api.parse_issues import ParseIssues
from toplist.api.responses import WRAPPERS, ListPage, read_list_page
from toplist.errors import ListError, PermissionDenied, TransientApiError
from toplist.ranktypes import Endpoint, Protocol


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


def openplatform_page(issues: ParseIssues | None = None, **about: Any) -> ListPage:
    value = {"result": {"success": True, "result": {"rankProductModels": [], **about}}}
    return read(Protocol.OPENPLATFORM, Endpoint.NEW, value, issues)


@pytest.mark.parametrize(
    "about", [{"rankId": "7", "rankType": "hot"}, {"rankId": 7, "rankType": "HOT "}, {"rankId": 7}, {}]
)
def test_an_answer_about_the_requested_list_or_about_no_named_one_fits(about: dict[str, Any]) -> None:
    page = openplatform_page(**about)
    assert page.other_list("hot", "7") is None
    assert page.category_id == (str(about["rankId"]) if "rankId" in about else None)


@pytest.mark.parametrize(
    ("about", "said"),
    [
        ({"rankId": "8", "rankType": "hot"}, "hot in 8"),
        ({"rankId": "7", "rankType": "complex"}, "complex in 7"),
        ({"rankType": "complex"}, "complex in 7"),
        ({"rankId": 70}, "hot in 70"),
    ],
)
def test_an_answer_about_another_list_says_which(about: dict[str, Any], said: str) -> None:
    assert openplatform_page(**about).other_list("hot", "7") == f"the answer is about {said}"


def test_a_list_over_all_categories_may_name_any() -> None:
    assert openplatform_page(rankId="8", rankType="hot").other_list("hot", "") is None
    assert openplatform_page(rankId="8", rankType="new").other_list("hot", "") is not None


def test_a_list_name_that_can_not_be_read_is_counted_and_contradicts_nothing() -> None:
    page = openplatform_page(issues := ParseIssues(), rankId="x", rankType=[])
    assert page.other_list("hot", "7") is None
    assert issues == {("category_id", "not_an_id"): 1, ("rank_type", "wrong_type"): 1}


def test_base64_names_no_list() -> None:
    page = read(Protocol.BASE64, Endpoint.NEW, {WRAPPERS[Endpoint.NEW]: {"result": {"itemList": []}}})
    assert page.other_list("hot", "7") is None


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
