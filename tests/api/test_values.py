"""The table: spellings found in the wild → values, or the reason why not."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
import spellings as wild

from toplist.api import numbers, values
from toplist.api.parse_issues import ParseIssues, Unparsable
from toplist.items import PriceTier


@pytest.mark.parametrize(("raw", "low", "high"), wild.PRICES)
def test_prices_in_yuan(raw: Any, low: float, high: float) -> None:
    assert values.read_price(raw) == values.Price(low, high)


@pytest.mark.parametrize(
    ("raw", "yuan"), [(1250, 12.5), ("1250", 12.5), ("1250分", 12.5), ("12.50元", 12.5), ("1000-1250", 10.0)]
)
def test_a_key_that_says_fen_is_believed_unless_the_value_says_yuan(raw: Any, yuan: float) -> None:
    price = values.read_price(raw, fen=True)
    assert isinstance(price, values.Price)
    assert price.low == yuan


def spellings(reader: Any, table: list[Any]) -> list[Any]:
    return [pytest.param(reader, raw, value, id=f"{reader.__name__} {_shown(raw)}") for raw, value in table]


def _shown(raw: Any) -> str:
    return "huge" if isinstance(raw, int) and raw > 10**40 else str(raw)[:40]


@pytest.mark.parametrize(
    ("reader", "raw", "value"),
    spellings(values.read_count, wild.COUNTS)
    + spellings(values.read_quantity, [row for row in wild.COUNTS if 0 < row[1] < 10**12])
    + spellings(values.read_rate, wild.RATES)
    + spellings(values.read_flag, wild.FLAGS)
    + spellings(values.read_id, wild.IDS)
    + spellings(values.read_text, wild.TEXTS)
    + spellings(values.read_url, wild.URLS)
    + spellings(values.read_score, wild.SCORES)
    + spellings(values.read_rank, wild.RANKS)
    + spellings(values.read_names, wild.NAMES),
)
def test_spellings(reader: Any, raw: Any, value: Any) -> None:
    read = reader(raw)
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(("raw", "tiers"), wild.TIERS)
def test_tiers(raw: Any, tiers: list[tuple[int, float]]) -> None:
    assert values.read_tiers(raw) == [PriceTier(start_quantity=start, price=price) for start, price in tiers]


@pytest.mark.parametrize(
    ("reader", "raw", "reason"),
    spellings(values.read_price, wild.NO_PRICES)
    + spellings(values.read_count, wild.NO_COUNTS)
    + spellings(values.read_quantity, [*wild.NO_COUNTS, (0, "zero"), ("0件", "zero")])
    + spellings(values.read_rate, wild.NO_RATES)
    + spellings(values.read_flag, wild.NO_FLAGS)
    + spellings(values.read_id, wild.NO_IDS)
    + spellings(values.read_text, wild.NO_TEXTS)
    + spellings(values.read_url, wild.NO_URLS)
    + spellings(values.read_score, wild.NO_SCORES)
    + spellings(values.read_rank, wild.NO_RANKS)
    + spellings(values.read_names, wild.NO_NAMES)
    + spellings(values.read_tiers, wild.NO_TIERS),
)
def test_what_cannot_be_read_says_why(reader: Any, raw: Any, reason: str) -> None:
    assert reader(raw) == Unparsable(reason)


READERS = [getattr(values, name) for name in vars(values) if name.startswith("read_")]


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("raw", [None, "", "  ", "\u3000\t"])
def test_nothing_said_is_none(reader: Any, raw: Any) -> None:
    assert reader(raw) is None


@pytest.mark.parametrize("raw", [[], "[]"])
def test_a_ladder_without_steps_says_nothing(raw: Any) -> None:
    assert values.read_tiers(raw) is None


def test_both_ends_of_a_range_become_steps_of_the_smallest_order() -> None:
    price = values.read_price("￥20.00-￥29.00")
    assert isinstance(price, values.Price)
    assert price.tiers(5) == [PriceTier(start_quantity=5, price=20.0), PriceTier(start_quantity=5, price=29.0)]
    assert values.Price(20.0, 20.0).tiers(5) is None


def test_every_reader_meets_every_other_readers_spellings() -> None:
    tables = [value for name, value in vars(wild).items() if name.isupper() and isinstance(value, list)]
    raws = [row[0] for table in tables for row in table if isinstance(row, tuple)]
    assert len(raws) > 200
    for raw in raws:
        for reader in READERS:
            read = reader(raw)
            if not isinstance(read, Unparsable | list):
                json.dumps(read, allow_nan=False).encode()


def test_minus_nothing_is_nothing() -> None:
    assert str(values.read_rate(-0.0)) == "0.0"


def test_notes_count_by_field_and_reason() -> None:
    issues = ParseIssues()
    assert issues.keep("price", values.read_price("面议")) is None
    assert issues.keep("price", values.read_price("议价")) is None
    assert issues.keep("price", values.read_price("")) is None
    assert issues.keep("min_order", values.read_quantity(2)) == 2
    assert issues == {("price", "no_number"): 2}


def test_an_id_as_a_float_is_read_up_to_2_to_the_53rd() -> None:
    assert values.read_id(2.0**53) == str(2**53)
    assert values.read_id(2.0**54) == Unparsable("not_whole")


def test_a_number_has_at_most_64_characters() -> None:
    assert values.read_count("0" * 63 + "5") == 5
    assert isinstance(values.read_count("0" * 64 + "5"), Unparsable)


def test_full_width_characters_are_read_as_half_width_ones() -> None:
    assert numbers.plain_text("！０Ａ～") == "!0a~"
    assert numbers.plain_text("｟１｠") == "｟1｠"  # these have no half-width form
    assert numbers.plain_text("1\u00a02\u20093\u202f4\u30005") == "1 2 3 4 5"
    assert numbers.plain_text("1‐2‑3‒4–5—6―7−8") == "1-2-3-4-5-6-7-8"
    assert numbers.plain_text("￥1〜2") == "¥1~2"


def test_a_rank_has_room_in_16_bits_a_quantity_in_32_and_a_total_too() -> None:
    for reader, most in (
        (values.read_rank, 2**15 - 1),
        (values.read_quantity, 2**31 - 1),
        (values.read_total, 2**31 - 1),
    ):
        assert (reader(most), reader(most + 1)) == (most, Unparsable("absurd"))
    assert (values.read_quantity(1), values.read_rank(1), values.read_total(0)) == (1, 1, 0)


@pytest.mark.parametrize("fen", [False, True])
def test_a_bare_number_is_yuan_unless_its_key_says_fen(fen: bool) -> None:
    low, high = numbers.price("10-15", fen=fen)
    assert (low, high) == ((Decimal("0.1"), Decimal("0.15")) if fen else (10, 15))
    assert numbers.price(250, fen=fen)[0] == (Decimal("2.5") if fen else 250)
    assert values.read_price(250) == values.Price(250.0, 250.0)
    assert numbers.price("250")[0] == 250


@pytest.mark.parametrize("number", [2.0**53, -(2.0**53) - 2, 2.0**53 + 2])
def test_only_a_float_that_holds_every_digit_is_an_id(number: float) -> None:
    assert values.read_id(number) == (str(2**53) if number == 2.0**53 else Unparsable("not_whole"))
