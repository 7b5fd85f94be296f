"""Spellings found in the wild, beside the value that each has, or the reason why it has none."""

from __future__ import annotations

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
