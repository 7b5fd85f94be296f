"""Answers with something wrong in them: every reader returns or raises ApiError, and no row is lost without a reason.

`TOPLIST_FUZZ=1000000` sets the number of mutated answers; `python -m tests.fuzz` runs for as long as it is told.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.api.answer_mutations import ODD, check_answer, mutants
from tests.api.answer_readers import EXAMPLES, check_none_is_gone
from toplist.api import values
from toplist.api.parse_issues import ParseIssues, Unparsable
from toplist.api.responses import WRAPPERS, ListPage, read_categories, read_list_page
from toplist.api.rows import Rows
from toplist.api.tokens import Tokens, read_token_answer
from toplist.errors import ApiError, TransientApiError
from toplist.ranktypes import Endpoint, Protocol

AT = datetime(2026, 11, 24, tzinfo=UTC)
ANSWERS = int(os.environ.get("TOPLIST_FUZZ", "24000"))


@pytest.mark.parametrize("part", range(4))
def test_mutated_answers_are_read_or_refused_and_what_is_read_can_be_stored(part: int) -> None:
    ended = Counter(check_answer(reader, body) for reader, body in mutants(part, ANSWERS // 4))
    assert min(ended["read"], ended["TransientApiError"], ended["ListError"]) > ANSWERS // 4 // 100, ended


def test_a_row_that_goes_without_a_reason_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    body = (EXAMPLES / "base64_new" / "plain.answer.json").read_bytes()
    assert check_answer("base64_new", body) == "read"
    arranged = Rows.arranged
    monkeypatch.setattr(Rows, "arranged", lambda rows: arranged(rows)[1:])
    with pytest.raises(AssertionError):
        check_answer("base64_new", body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8) | st.sampled_from(ODD),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
READER_NAMES = sorted(name for name in dir(values) if name.startswith("read_"))


@pytest.mark.parametrize("name", READER_NAMES)
@settings(deadline=None)
@given(raw=JSON)
def test_a_reader_of_values_never_raises(name: str, raw: Any) -> None:
    value = getattr(values, name)(raw)
    assert value is None or value == value


@settings(deadline=None)
@given(rows=st.lists(JSON, max_size=30), protocol=st.sampled_from(Protocol), page=st.integers(1, 3))
def test_every_row_is_an_offer_a_duplicate_or_rejected_with_a_reason(
    rows: list[Any], protocol: Protocol, page: int
) -> None:
    read = Rows()
    read.add_page(protocol, rows, page, 20, AT)
    check_none_is_gone(read, len(rows))
    assert all(row.reason and row.position >= 1 for row in read.rejected)


@settings(deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode), st.sampled_from((200, 302, 400, 403, 500)))
def test_any_bytes_are_an_answer_or_an_api_error(body: bytes, status: int) -> None:
    readers = (
        lambda: read_list_page(Protocol.BASE64, Endpoint.NEW, status, body),
        lambda: read_list_page(Protocol.OPENPLATFORM, Endpoint.NEW, status, body),
        lambda: read_categories(body, status),
        lambda: read_token_answer(status, body, Tokens(), AT),
    )
    for read in readers:
        with pytest.raises(ApiError):
            raise_or_fail(read())


def raise_or_fail(result: Any) -> None:
    """Random bytes are never a list; if they are read, the result must be an object of ours."""
    assert isinstance(result, ListPage | list | Tokens)
    raise TransientApiError("unreadable")


@settings(max_examples=60, deadline=None)
@given(JSON)
def test_any_token_answer_gives_tokens_or_an_api_error(value: Any) -> None:
    for answer in (value, {"access_token": "t", "expires_in": value, "refresh_token_timeout": value}):
        try:
            tokens = read_token_answer(200, json.dumps(answer).encode(), Tokens("a", "b"), AT)
        except ApiError:
            assert answer is value
            continue
        assert tokens.refresh_token
        if answer is not value:
            assert tokens.access_token == "t"


def test_tiers_as_deep_json_text_are_unparsable() -> None:
    assert values.read_tiers("[" * 9_000 + "]" * 900) == Unparsable("not_json")


def body_of(protocol: Protocol, rows: str) -> bytes:
    if protocol is Protocol.OPENPLATFORM:
        return f'{{"result": {{"result": {{"rankProductModels": {rows}}}}}}}'.encode()
    return f'{{"{WRAPPERS[Endpoint.NEW]}": {{"result": {{"itemList": {rows}}}}}}}'.encode()


@pytest.mark.parametrize("protocol", Protocol)
@pytest.mark.parametrize("opening", ["[", '{"result":', '[{"a":'])
def test_an_answer_of_100_000_levels_is_unreadable(protocol: Protocol, opening: str) -> None:
    for closing in ("", {"[": "]", '{"result":': "1}", '[{"a":': "1}]"}[opening] * 100_000):
        with pytest.raises(TransientApiError) as caught:
            read_list_page(protocol, Endpoint.NEW, 200, body_of(protocol, opening * 100_000 + closing))
        assert caught.value.code == "unreadable"


@pytest.mark.parametrize("protocol", Protocol)
@pytest.mark.parametrize("levels", [10, 100, 400, 800, 940])
def test_a_deep_value_in_a_row_costs_that_value_or_row_only(protocol: Protocol, levels: int) -> None:
    names = (
        ("itemId", "title", "sort") if protocol is Protocol.OPENPLATFORM else ("offerId", "subject", "priceRangeList")
    )
    deep = "[" * levels + "]" * levels
    rows = [f'{{"{names[0]}": 1, "{names[1]}": {deep}, "{names[2]}": {deep}}}', f'{{"{names[0]}": {deep}}}', deep]
    body = body_of(protocol, f"[{','.join(rows)}]")
    try:
        page = read_list_page(protocol, Endpoint.NEW, 200, body, ParseIssues())
    except TransientApiError:
        assert levels > 400  # deeper than the interpreter's stack allows, where the test's own frames count too
        return
    read = Rows()
    read.add_page(protocol, page.rows or [], 1, 20, AT)
    assert [offer.offer.offer_id for offer in read.arranged()] == ["1"]
    assert len(read.rejected) == 2
    json.dumps([row.model_dump() for row in read.rejected])
