"""Answers with something wrong in them: every reader returns or raises ApiError, and no row is lost without a reason.

`TOPLIST_FUZZ=1000000` sets the number of mutated answers.
"""

from __future__ import annotations

import copy
import json
import os
import random
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from answer_readers import EXAMPLES, READERS
from hypothesis import given, settings
from hypothesis import strategies as st

from toplist.api import values
from toplist.api.decoding import parse_body
from toplist.api.parse_issues import ParseIssues, Unparsable
from toplist.api.responses import WRAPPERS, ListPage, read_categories, read_list_page
from toplist.api.rows import Rows
from toplist.api.tokens import Tokens, read_token_answer
from toplist.errors import ApiError, TransientApiError
from toplist.ranktypes import Endpoint, Protocol

AT = datetime(2026, 11, 24, tzinfo=UTC)
ANSWERS = int(os.environ.get("TOPLIST_FUZZ", "24000"))

ODD: tuple[Any, ...] = (
    None, "", " ", 0, -1, 1, 1.5, 1e300, 10**30, 2**31, 2**63, 40_000, 99_999_999_999, True, False, [], {}, [[]],
    [None], {"a": {"b": []}}, "NaN", "1e9", "￥", "万", "12-", "9" * 300, "\x00", "\u202e", "١٢", "½", "1:2:3",
    "https:", "[{]", '{"startQuantity":1}', "5.6万+件", "￥20.00-￥29.00", "停用", "00010101", "99991231", "x" * 5000,
)  # fmt: skip


def nodes(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of everything below a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, each in inner for found in [(*path, key), *nodes(each, (*path, key))]]


def mutate_value(random_: random.Random, value: Any) -> Any:
    value = copy.deepcopy(value)
    for _ in range(random_.randint(1, 3)):
        paths = nodes(value)
        if not paths:
            return random_.choice(ODD)
        *above, key = random_.choice(paths)
        parent = value
        for step in above:
            parent = parent[step]
        what = random_.random()
        if what < 0.15:
            del parent[key]
        elif what < 0.25:
            *other, last = random_.choice(paths)
            source = value
            try:
                for step in (*other, last):
                    source = source[step]
            except (KeyError, IndexError, TypeError):
                source = None
            parent[key] = copy.deepcopy(source)
        elif what < 0.35 and isinstance(parent, list):
            parent.append(copy.deepcopy(parent[key]))
        elif what < 0.4:
            for _ in range(random_.choice((2, 8, 40))):
                parent[key] = [parent[key]] if random_.random() < 0.5 else {"result": parent[key]}
        else:
            parent[key] = copy.deepcopy(random_.choice(ODD))
    return value


def mutate_bytes(random_: random.Random, body: bytes) -> bytes:
    what, at = random_.random(), random_.randrange(len(body) + 1)
    if what < 0.2:
        return body[:at]
    if what < 0.4:
        return body[:at] + random_.randbytes(random_.randint(1, 4)) + body[at:]
    if what < 0.6:
        return body[:at] + random_.randbytes(1) + body[at + 1 :]
    if what < 0.7:
        return body.decode(errors="replace").encode("gb18030", "replace")
    if what < 0.8:
        return body[at:] + body[:at]
    return body


def mutants(seed: int, count: int) -> Any:
    """(reader, mutated body), the same ones for the same seed."""
    random_ = random.Random(seed)
    originals = [(path.parent.name, path.read_bytes()) for path in sorted(EXAMPLES.rglob("*.answer.json"))]
    parsed = [(reader, parse_body(body)) for reader, body in originals]
    for _ in range(count):
        reader, value = random_.choice(parsed)
        body = json.dumps(mutate_value(random_, value), ensure_ascii=random_.random() < 0.5).encode(errors="replace")
        yield reader, mutate_bytes(random_, body) if random_.random() < 0.3 else body


def numbers_of(result: Any) -> Any:
    if isinstance(result, dict):
        for key, value in result.items():
            yield from ((key, each) for _, each in numbers_of(value)) if isinstance(value, list) else numbers_of(value)
            if isinstance(value, int | float) and not isinstance(value, bool):
                yield key, value
    elif isinstance(result, list):
        for each in result:
            yield from numbers_of(each)


@pytest.mark.parametrize("part", range(4))
def test_mutated_answers_are_read_or_refused_and_what_is_read_can_be_stored(part: int) -> None:
    limits = {"min_order": values.MAX_QUANTITY, "lot_size": values.MAX_QUANTITY, "total": values.MAX_QUANTITY}
    limits |= {"sale_count": values.MAX_COUNT, "buyer_count": values.MAX_COUNT, "repurchase_rate": 1, "price": 10**12}
    ended = Counter[str]()
    for reader, body in mutants(part, ANSWERS // 4):
        try:
            result = READERS[reader](body)
        except ApiError as error:
            ended[type(error).__name__] += 1
            ended["unprintable"] += not str(error).isprintable()
            continue
        ended["read"] += 1
        json.dumps(result, allow_nan=False, ensure_ascii=False).encode()
        for key, number in numbers_of(result):
            assert number <= limits.get(key, 2**63), (reader, key, body)
        for rank, offer in result.get("offers", ()):
            assert 1 <= rank <= values.MAX_RANK
            assert offer["offer_id"]
        if result.get("rows"):
            assert len(result["offers"]) + len(result["rejected"]) + result["duplicates"] == result["rows"], body
    assert not ended["unprintable"]
    assert min(ended["read"], ended["TransientApiError"], ended["ListError"]) > ANSWERS // 4 // 100, ended


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
    assert read.received == len(rows) == len(read.arranged()) + len(read.rejected) + read.duplicates
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
