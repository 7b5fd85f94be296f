"""Answers of the examples with something wrong in them, and what has to hold for every answer whatsoever."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from tests.api.answer_readers import EXAMPLES, READERS
from tests.api.sample_rows import BASE64_ROW, OPENPLATFORM_ROW
from toplist.api import values
from toplist.api.decoding import parse_body
from toplist.api.error_rules import check_refusal
from toplist.api.responses import WRAPPERS
from toplist.api.tokens import Tokens, read_token_answer
from toplist.errors import ApiError
from toplist.ranktypes import Endpoint, Protocol

AT = datetime(2026, 11, 24, tzinfo=UTC)

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


def token_result(body: bytes) -> None:
    tokens = read_token_answer(200, body, Tokens("a", "b"), AT)
    assert tokens.access_token
    assert tokens.refresh_token


def refuses(status: int, protocol: Protocol) -> Callable[[bytes], None]:
    """An answer with this status is never taken for a success."""

    def result(body: bytes) -> None:
        check_refusal(status, body, protocol)
        raise AssertionError(f"HTTP {status} is a success: {body!r}")

    return result


#: The readers of the examples, and those of tokens and of refusals.
EVERY_READER: dict[str, Callable[[bytes], Any]] = (
    READERS
    | {"tokens": token_result}
    | {f"refused_{status}_{protocol}": refuses(status, protocol) for status in (400, 403, 500) for protocol in Protocol}
)
TOKEN_ANSWER = json.dumps(
    {
        "access_token": "t",
        "expires_in": "36000",
        "refresh_token": "r",
        "refresh_token_timeout": "20270422000000000+0800",
    }
).encode()
FLAT = b'{"error_code":"gw.QosAppFrequencyLimit","error_message":"App call exceeds limited frequency","request_id":"1"}'
SIBLING = (
    b'{"error_response":{"code":15,"msg":"Remote service error","sub_code":"isv.invalid-parameter","sub_msg":"x"}}'
)


def full_page(protocol: Protocol) -> bytes:
    """A page of 20 rows, all different."""
    if protocol is Protocol.BASE64:
        rows = [{**BASE64_ROW, "offerId": 600 + number} for number in range(20)]
        return json.dumps({WRAPPERS[Endpoint.NEW]: {"result": {"itemList": rows, "total": 60}}}).encode()
    rows = [{**OPENPLATFORM_ROW, "itemId": 600 + number, "sort": 1 + number} for number in range(20)]
    return json.dumps({"result": {"result": {"rankProductModels": rows}}}).encode()


def originals() -> list[tuple[str, bytes]]:
    """(reader, answer): the examples, and a well-formed answer for each further reader and each envelope."""
    examples = [(path.parent.name, path.read_bytes()) for path in sorted(EXAMPLES.rglob("*.answer.json"))]
    refusals = [(name, body) for name in EVERY_READER if name.startswith("refused") for body in (FLAT, SIBLING)]
    pages = [("base64_new", full_page(Protocol.BASE64)), ("openplatform_new", full_page(Protocol.OPENPLATFORM))]
    return [*examples, *pages, ("tokens", TOKEN_ANSWER), ("base64_new", FLAT), ("openplatform_new", SIBLING), *refusals]


def mutants(seed: int, count: int) -> Iterator[tuple[str, bytes]]:
    """(reader, mutated body), the same ones for the same seed."""
    random_ = random.Random(seed)
    parsed = [(reader, parse_body(body)) for reader, body in originals()]
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


LIMITS = {
    "min_order": values.MAX_QUANTITY,
    "lot_size": values.MAX_QUANTITY,
    "total": values.MAX_QUANTITY,
    "sale_count": values.MAX_COUNT,
    "buyer_count": values.MAX_COUNT,
    "repurchase_rate": 1,
    "price": 10**12,
}


def check_answer(reader: str, body: bytes) -> str:
    """How the reading ended: "read", or the name of the ApiError. Raises AssertionError for anything else that is seen:
    a row without a trace, a value that no database takes, a message that can't be printed."""
    try:
        result = EVERY_READER[reader](body)
    except ApiError as error:
        refused = error
    else:
        return checked(reader, body, result)
    assert str(refused).isprintable(), (reader, body)
    return type(refused).__name__


def checked(reader: str, body: bytes, result: Any) -> str:
    """Returns "read" where the database takes it and every row of the answer is in it."""
    if result is None:
        return "read"
    json.dumps(result, allow_nan=False, ensure_ascii=False).encode()
    for key, number in numbers_of(result):
        assert number <= LIMITS.get(key, 2**63), (reader, key, body)
    for rank, offer in result.get("offers", ()):
        assert 1 <= rank <= values.MAX_RANK, (reader, body)
        assert offer["offer_id"], (reader, body)
    if result.get("rows"):
        assert len(result["offers"]) + len(result["rejected"]) + result["duplicates"] == result["rows"], (reader, body)
    return "read"
