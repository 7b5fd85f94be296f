"""The table: spellings found in the wild → values, or the reason why not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from toplist.items import PriceTier
from toplist.protocol import values
from toplist.protocol.notes import Notes, Unread

NAN, INFINITY = float("nan"), float("inf")

PRICES = [
    ("12.50", 12.5, 12.5),
    (12.5, 12.5, 12.5),
    (12, 12.0, 12.0),
    (" 12.50 ", 12.5, 12.5),
    (".5", 0.5, 0.5),
    ("￥20.00-￥29.00", 20.0, 29.0),
    ("¥20.00 - ¥29.00", 20.0, 29.0),
    ("￥ 20.00～29.00", 20.0, 29.0),
    ("29-20", 20.0, 29.0),
    ("10-15 元 / 件", 10.0, 15.0),
    ("10元至15元", 10.0, 15.0),
    ("10–15元", 10.0, 15.0),
    ("12.50元/双", 12.5, 12.5),
    ("12.5元起", 12.5, 12.5),
    ("RMB 12.5", 12.5, 12.5),
    ("批发价:12.5", 12.5, 12.5),
    ("１２．５０元", 12.5, 12.5),
    ("¥\u00a012.5\u3000元", 12.5, 12.5),
    ("1,234.5", 1234.5, 1234.5),
    ("¥1,234,567.89", 1234567.89, 1234567.89),
    ("1.2万", 12000.0, 12000.0),
    ("1万-2万元", 10000.0, 20000.0),
    ("1250分", 12.5, 12.5),
    ("1250-1300分", 12.5, 13.0),
    ("1250 fen", 12.5, 12.5),
    (1250, 1250.0, 1250.0),  # never fen for its size
    ("125000", 125000.0, 125000.0),
    (0.1 + 0.2, 0.30000000000000004, 0.30000000000000004),
    (10**12, 1e12, 1e12),
    ("12.5元/千克", 12.5, 12.5),
]
NO_PRICES = [
    ("面议", "no_number"),
    ("-5", "negative"),
    (-5, "negative"),
    ("¥-5", "negative"),
    ("-¥5", "negative"),
    (0, "zero"),
    ("0.00", "zero"),
    (NAN, "not_finite"),
    (INFINITY, "not_finite"),
    ("NaN", "not_finite"),
    ("-Infinity", "not_finite"),
    (10**12 + 1, "absurd"),
    (10**5000, "absurd"),
    ("9" * 40, "absurd"),
    ("9" * 100_000, "too_long"),
    (1e300, "absurd"),
    (True, "wrong_type"),
    ([12.5], "wrong_type"),
    ({"price": 12.5}, "wrong_type"),
    ("US$12.5", "unknown_words"),
    ("8折", "unknown_words"),
    ("1.2.3", "unknown_words"),
    ("12,50", "unknown_words"),  # a decimal comma or a thousand's? not guessed
    ("10²", "unknown_words"),
    ("1-2万", "ambiguous_scale"),
    ("满200减10", "several_numbers"),
    ("1-2-3", "several_numbers"),
]
COUNTS = [
    ("1.2万+", 12000),
    ("2000+", 2000),
    ("5.6万+件", 56000),
    ("5.6万件+", 56000),
    ("200件起批", 200),
    ("1.5亿", 150_000_000),
    ("3千", 3000),
    ("3k+", 3000),
    ("2.3W+", 23000),
    ("1,234", 1234),
    ("１２００人付款", 1200),
    ("已售500件", 500),
    ("月销1000+", 1000),
    ("近30天成交500件", 500),
    ("成交:88笔", 88),
    ("超1万", 10000),
    ("5千克", 5),  # a measure, not thousands
    ("5kg", 5),
    ("≥2件", 2),
    (433454, 433454),
    ("433454", 433454),
    (2.0, 2),
    (0, 0),
    ("0", 0),
    ("0件", 0),
]
NO_COUNTS = [
    ("-3", "negative"),
    (-3, "negative"),
    ("12-15", "several_numbers"),
    ("2.5", "not_whole"),
    (2.5, "not_whole"),
    ("1.23456万", "not_whole"),
    ("2打", "unknown_words"),  # dozens
    ("1.2百万", "unknown_words"),
    ("2m+", "unknown_words"),  # metres or millions?
    ("暂无", "no_number"),
    ("null", "no_number"),
    (NAN, "not_finite"),
    (10**13, "absurd"),
    ("9999999亿", "absurd"),
    (False, "wrong_type"),
    ([], "wrong_type"),
]
RATES = [
    ("10%", 0.1),
    ("10 %", 0.1),
    ("１０％", 0.1),
    ("0.5%", 0.005),
    ("1%", 0.01),
    ("100%", 1.0),
    ("0.4666", 0.4666),
    (0.4666, 0.4666),
    ("11", 0.11),
    ("20", 0.2),
    (20, 0.2),
    ("46.66", 0.4666),
    ("回头率7%", 0.07),
    ("回头率7", 0.07),
    ("回头率:0.7", 0.007),
    ("复购率 7 %", 0.07),
    (1, 0.01),
    ("1", 0.01),
    ("1.0", 0.01),
    (0.99, 0.99),
    (0, 0.0),
    ("0%", 0.0),
    (100, 1.0),
]
NO_RATES = [
    ("101%", "absurd"),
    (101, "absurd"),
    ("-1%", "negative"),
    (-0.1, "negative"),
    ("高", "no_number"),
    ("7‰", "unknown_words"),
    (True, "wrong_type"),
    (NAN, "not_finite"),
]
FLAGS = [(spelling, True) for spelling in (True, "true", "TRUE", " True ", 1, "1", 1.0, "Y", "yes", "是")]
FLAGS += [(spelling, False) for spelling in (False, "false", "False", 0, "0", 0.0, "n", "NO", "否")]
NO_FLAGS = [("maybe", "not_a_flag"), (2, "not_a_flag"), (NAN, "not_a_flag"), ([], "wrong_type"), (10**5000, "absurd")]
IDS = [
    (699490252651, "699490252651"),
    ("699490252651", "699490252651"),
    (6.99490252651e11, "699490252651"),
    (" 699490252651 ", "699490252651"),
    ("６９９", "699"),
    ("00699", "699"),
]
NO_IDS = [
    (699490252651.5, "not_whole"),
    (1e300, "not_whole"),
    (NAN, "not_whole"),
    (0, "not_an_id"),
    (-5, "not_an_id"),
    ("abc", "not_an_id"),
    ("6.99e11", "not_an_id"),
    ("1" * 21, "not_an_id"),
    ("1" * 100, "too_long"),
    (10**5000, "absurd"),
    (True, "wrong_type"),
    ({"id": 1}, "wrong_type"),
]
TEXTS = [
    ("凉鞋", "凉鞋"),
    ("  凉鞋\r\n现货\x00 ", "凉鞋 现货"),
    (123, "123"),
    ("a\ud83db", "a\ufffdb"),
    ("😀", "😀"),
]
NO_TEXTS = [
    ("\x00\x01", "no_text"),
    (True, "wrong_type"),
    (["a"], "wrong_type"),
    ("x" * 2001, "too_long"),
    (10**5000, "absurd"),
]
URLS = [
    ("//img.china.alibaba.com/a.jpg", "https://img.china.alibaba.com/a.jpg"),
    ("http://img.china.alibaba.com/a!!2.jpg", "http://img.china.alibaba.com/a!!2.jpg"),
    (" https://detail.1688.com/offer/1.html?a=b&c=d#e ", "https://detail.1688.com/offer/1.html?a=b&c=d#e"),
]
NO_URLS = [
    ("javascript:alert(1)", "not_a_url"),
    ("img/ibank/a.jpg", "not_a_url"),
    ("https://", "not_a_url"),
    ("https://a.com/\"onload='x'", "not_a_url"),
    ("https://a.com/<script>", "not_a_url"),
    ("https://a .com/", "not_a_url"),
    ("https://a\x00.com/b", "not_a_url"),
    ("https://a\ud83d.com/b", "not_a_url"),
    ("https://a.com/" + "x" * 2000, "too_long"),
    (5, "wrong_type"),
]
SCORES = [("5", 5.0), ("5.0", 5.0), (4.8, 4.8), ("4.8分", 4.8), (0, 0.0)]
NO_SCORES = [("-1", "negative"), ("好", "no_number"), (True, "wrong_type"), ("4.8/5", "several_numbers")]
RANKS = [(1, 1), ("20", 20), (3.0, 3)]
NO_RANKS = [(0, "zero"), (-1, "negative"), (1.5, "not_whole"), ("first", "no_number"), (10**7, "absurd")]
NAMES = [
    (["sendGoods24H", "sendGoods48H"], ["sendGoods24H", "sendGoods48H"]),
    ("实力商家,超级工厂，源头", ["实力商家", "超级工厂", "源头"]),
    ([], []),
]
NO_NAMES = [
    ([None], "not_a_name"),
    ([["a"]], "not_a_name"),
    (" ,，", "no_text"),
    ({}, "wrong_type"),
    (5, "wrong_type"),
    (["a"] * 101, "too_long"),
]
TIERS = [
    ([{"startQuantity": 10, "price": "10", "promotionPrice": "9"}], [(10, 10.0)]),
    ([{"startQuantity": 10, "promotionPrice": "9"}], [(10, 9.0)]),
    ([{"beginAmount": "2", "price": 12.5}], [(2, 12.5)]),
    ([{"startQuantity": "100件", "price": "￥9.00"}, {"startQuantity": 2, "price": 10}], [(2, 10.0), (100, 9.0)]),
    ("1-9:12.50;10-99:11", [(1, 12.5), (10, 11.0)]),
    ("1~9件:12.50元；≥10:￥11", [(1, 12.5), (10, 11.0)]),
    ("100+:10", [(100, 10.0)]),
    ('[{"startQuantity": 1, "price": "1.5"}]', [(1, 1.5)]),
    ({"startQuantity": 1, "price": 1.5}, [(1, 1.5)]),
    (["1-9:12.5"], [(1, 12.5)]),
]
NO_TIERS = [
    ([{}], "bad_tier"),
    ([{"startQuantity": 1, "price": "面议"}], "bad_tier"),
    ([{"startQuantity": 1, "price": 5}, {"price": 4}], "bad_tier"),
    ([{"startQuantity": -1, "price": 5}], "bad_tier"),
    ([None], "bad_tier"),
    ("12.50", "bad_tier"),
    (";", "no_text"),
    ("1-9", "bad_tier"),
    ("[{]", "not_json"),
    ("[" * 5000, "not_json"),
    (12.5, "wrong_type"),
    ([{"startQuantity": 1, "price": 5}] * 101, "too_long"),
    ("1:1;" * 5000, "too_long"),
]


@pytest.mark.parametrize(("raw", "low", "high"), PRICES)
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
    spellings(values.read_count, COUNTS)
    + spellings(values.read_quantity, [row for row in COUNTS if row[1]])
    + spellings(values.read_rate, RATES)
    + spellings(values.read_flag, FLAGS)
    + spellings(values.read_id, IDS)
    + spellings(values.read_text, TEXTS)
    + spellings(values.read_url, URLS)
    + spellings(values.read_score, SCORES)
    + spellings(values.read_rank, RANKS)
    + spellings(values.read_names, NAMES),
)
def test_spellings(reader: Any, raw: Any, value: Any) -> None:
    read = reader(raw)
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(("raw", "tiers"), TIERS)
def test_tiers(raw: Any, tiers: list[tuple[int, float]]) -> None:
    assert values.read_tiers(raw) == [PriceTier(start_quantity=start, price=price) for start, price in tiers]


@pytest.mark.parametrize(
    ("reader", "raw", "reason"),
    spellings(values.read_price, NO_PRICES)
    + spellings(values.read_count, NO_COUNTS)
    + spellings(values.read_quantity, [*NO_COUNTS, (0, "zero"), ("0件", "zero")])
    + spellings(values.read_rate, NO_RATES)
    + spellings(values.read_flag, NO_FLAGS)
    + spellings(values.read_id, NO_IDS)
    + spellings(values.read_text, NO_TEXTS)
    + spellings(values.read_url, NO_URLS)
    + spellings(values.read_score, NO_SCORES)
    + spellings(values.read_rank, NO_RANKS)
    + spellings(values.read_names, NO_NAMES)
    + spellings(values.read_tiers, NO_TIERS),
)
def test_what_cannot_be_read_says_why(reader: Any, raw: Any, reason: str) -> None:
    assert reader(raw) == Unread(reason)


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
    tables = [value for name, value in globals().items() if name.isupper() and isinstance(value, list)]
    raws = [row[0] for table in tables for row in table if isinstance(row, tuple)]
    assert len(raws) > 200
    for raw in raws:
        for reader in READERS:
            read = reader(raw)
            if not isinstance(read, Unread | list):
                json.dumps(read, allow_nan=False).encode()


def test_minus_nothing_is_nothing() -> None:
    assert str(values.read_rate(-0.0)) == "0.0"


def test_notes_count_by_field_and_reason() -> None:
    notes = Notes()
    assert notes.keep("price", values.read_price("面议")) is None
    assert notes.keep("price", values.read_price("议价")) is None
    assert notes.keep("price", values.read_price("")) is None
    assert notes.keep("min_order", values.read_quantity(2)) == 2
    assert notes == {("price", "no_number"): 2}
