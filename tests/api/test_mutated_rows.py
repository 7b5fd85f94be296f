"""100,000 rows with something wrong in them: none raises, and nothing is lost without a reason."""

from __future__ import annotations

import json
import random
import string
from typing import Any

import pytest
from sample_rows import BASE64_ROW, OPENPLATFORM_ROW

from toplist.api.parse_issues import ParseIssues
from toplist.api.rows import BASE64_COLUMNS, OPENPLATFORM_COLUMNS, RowError, read_row
from toplist.ranktypes import Protocol

ODD: tuple[Any, ...] = (
    None, "", " ", 0, -1, 1, 1.5, 1e300, 10**30, True, False, [], {}, [[]], [None], {"a": {"b": []}}, "NaN", "-0",
    "null", "1e9", "￥", "万", "12-", "-12", "1.2.3", "%", "回头率", "9" * 300, "\x00", "\ud83d", "١٢", "½", "1:2:3",
    ";", "//", "https:", "[{]", '{"startQuantity":1}', "1,2", "1,234", "5.6万+件", "200件起批",
    "￥20.00-￥29.00", "0.4666", "1250分", float("nan"),
)  # fmt: skip
ALPHABET = string.digits + ".,-+%￥¥元万亿千kw件起/:~ 回头率分\x00\u3000é😀"


def mutated(random_: random.Random, row: dict[str, Any]) -> Any:
    row = dict(row)
    for _ in range(random_.randint(1, 3)):
        key = random_.choice(list(row) or ["offerId"])
        what = random_.random()
        if what < 0.1:
            row.pop(key, None)
        elif what < 0.4:
            row[key] = random_.choice(ODD)
        elif what < 0.5:
            row[key] = row.get(random_.choice(list(row) or [key]))
        else:
            text = str(row.get(key))
            at = random_.randrange(len(text) + 1)
            insert = "".join(random_.choices(ALPHABET, k=random_.randint(0, 3)))
            row[key] = text[:at] + insert + text[at + random_.randint(0, 2) :]
    return row if random_.random() > 0.01 else random_.choice(ODD)


def said(value: Any) -> bool:
    return not (value is None or value == [] or (isinstance(value, str) and value.strip() in ("", "[]")))


@pytest.mark.parametrize("protocol", Protocol)
def test_of_50_000_mutated_rows_none_raises_and_none_is_lost_without_a_reason(protocol: Protocol) -> None:
    random_ = random.Random(1688)
    base64 = protocol is Protocol.BASE64
    columns, original = (BASE64_COLUMNS, BASE64_ROW) if base64 else (OPENPLATFORM_COLUMNS, OPENPLATFORM_ROW)
    kept = refused = noted = 0
    for _ in range(50_000):
        row = mutated(random_, original)
        issues = ParseIssues()
        try:
            offer, rank = read_row(protocol, row, issues)
        except RowError as error:
            refused += bool(error.reason)
            continue
        fields = {field for field, _ in issues}
        for column in columns:
            if said(row.get(column.key)) and column.field not in fields:
                assert getattr(offer, column.field) is not None, (column, row)
        if base64 and said(row.get("price")):
            assert offer.price is not None or "price" in fields, row
        if not base64 and said(row.get("sort")):
            assert rank is not None or "rank" in fields, row
        assert offer.price is None or 0 < offer.price < 1e13
        json.dumps(offer.model_dump(), allow_nan=False, ensure_ascii=False).encode()
        kept += 1
        noted += bool(issues)
    assert kept + refused == 50_000
    assert min(kept, refused, noted) > 1000  # the mutations reach every way out
