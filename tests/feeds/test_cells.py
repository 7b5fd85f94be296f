from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from toplist.feeds.cells import cell, safe_text
from toplist.items import PriceTier, Source


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        '=HYPERLINK("http://x","y")',
        "=cmd|' /C calc'!A0",
        "+1+1",
        "-1+1",
        "-2",
        "@SUM(A1)",
        "＝1+1",
        "＋1",
        "－1",
        "＠SUM(A1)",
        "﹦1+1",
        "﹣1",
        "\t=1+1",
        "\tplain",
        "\r=1+1",
        "\n=1+1",
        " =1+1",
        "\u3000=1+1",
        "\u00a0=1+1",
        "\ufeff=1+1",
        "\u200b=1+1",
        "\u202e=1+1",
        "\x00=1+1",
    ],
)
def test_what_a_spreadsheet_would_run_is_text(text: str) -> None:
    assert safe_text(text) == f"'{text}"


@pytest.mark.parametrize(
    "text", ["", "连衣裙", "a=b", "1-2", "(=1)", "'quoted", "🐉=", "a\n=1", "   ", "699123456789", "％"]
)
def test_other_text_is_left_as_it_is(text: str) -> None:
    assert safe_text(text) == text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ""),
        (-1, -1),
        (-0.105, -0.105),
        (True, "true"),
        (False, "false"),
        (date(2026, 11, 23), "2026-11-23"),
        (datetime(2026, 11, 23, 4, 5, 6, tzinfo=UTC), "2026-11-23T04:05:06Z"),
        (datetime(2026, 11, 23, 12, 5, 6, tzinfo=timezone(timedelta(hours=8))), "2026-11-23T04:05:06Z"),
        (Source.GATEWAY, "1688"),
        ([], "[]"),
        (["包邮", "-1"], '["包邮","-1"]'),
        ([PriceTier(start_quantity=2, price=25.8)], '[{"start_quantity":2,"price":25.8}]'),
        ("-1", "'-1"),
    ],
)
def test_every_kind_of_value_has_a_spelling(value: Any, expected: Any) -> None:
    assert cell(value) == expected
    assert type(cell(value)) is type(expected) or isinstance(value, Source)


def test_a_kind_without_a_spelling_is_said() -> None:
    with pytest.raises(TypeError, match="no CSV spelling for a set"):
        cell({1})


def test_a_mapping_is_json_text() -> None:
    nested: Mapping[str, Any] = {"a": [1, None]}
    assert cell(nested) == '{"a":[1,null]}'
