"""The grammar of numbers on Chinese wholesale pages: digits, separators, 万, currency, measure words.

A text is read as a whole or not at all: an unknown word beside a number may change its meaning (折, 打, US$). Every
function returns Decimal or raises a `NumberError` with the reason.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal

#: No real price or count is larger.
ABSURD = Decimal(10) ** 12

_MAX_CHARS = 64
_SCALES = {"": 1, "百": 100, "千": 1000, "k": 1000, "万": 10_000, "w": 10_000, "亿": 100_000_000}

# A comma is read only where it groups three digits: another one may be a decimal comma.
_NUMBER = r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?|[0-9]+(?:\.[0-9]+)?|\.[0-9]+"
# 千克 and kg are measures, not thousands.
_SCALE = r"[万亿百]|千(?!克)|w(?![a-z])|k(?![a-z])"
_MEASURE = (
    r"千克|公斤|平方米|立方米|厘米|毫米|毫升|[件个只双套条包盒箱台张片支枝瓶米克斤吨对副根块本卷桶袋把顶枚粒颗株棵份组"
    r"款床幅罐升码筒串捆扎架辆部面束册斗朵令刀听层板匹队座样尊节轮提壶罗]|pcs?|pieces?|kg|g|sets?|pairs?|unit|units"
)
# Not Unicode's compatibility forms: they make 102 of 10².
_HALF_WIDTH = {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)}
_HALF_WIDTH |= dict.fromkeys(map(ord, "\u00a0\u2009\u202f\u3000"), ord(" "))
_HALF_WIDTH |= dict.fromkeys(map(ord, "‐‑‒–—―−"), ord("-")) | {ord("￥"): ord("¥"), ord("〜"): ord("~")}
_PLAIN = re.compile(r"[0-9]{1,18}(?:\.[0-9]{1,18})?")

_COUNT = re.compile(
    rf"""(?:近|最近)?(?:30天|三十天|月)?(?:内)?
    (?:已售出?|已销|销量|销售|总?销|月?售出?|累计|成交量?|已卖|热卖|起批量|起订量|起批|起订|最小|最少|moq|sold|[约超≥>=])*
    \s*[:]?\s*[≥>]?=?\s*
    (?P<minus>-)?(?P<number>{_NUMBER})\s*(?P<scale>{_SCALE})?\s*\+?\s*
    (?P<unit>{_MEASURE}|人|笔|单|位|次|条|家)?\s*\+?\s*
    (?:以上|多|余|起批|起订|起售|起|已售|付款|购买|成交|sold)?""",
    re.VERBOSE,
)

_CURRENCY = r"(?:¥|rmb|cny|人民币|cn¥)"
_YUAN = r"元|块钱?|圆|rmb|cny|yuan"
_FEN = r"分|fen"
_PRICE = re.compile(
    rf"""(?:价格?|批发价|单价|售价|约)?\s*[:]?\s*
    {_CURRENCY}?\s*(?P<minus>-)?\s*{_CURRENCY}?\s*(?P<low>{_NUMBER})\s*(?P<low_scale>{_SCALE})?\s*(?P<low_unit>{_YUAN}|{_FEN})?
    (?:\s*(?:-|~|至|到)\s*
       {_CURRENCY}?\s*(?P<high>{_NUMBER})\s*(?P<high_scale>{_SCALE})?\s*(?P<high_unit>{_YUAN}|{_FEN})?)?
    \s*(?:起|以上|\+)?\s*(?:(?:/|每)\s*(?:{_MEASURE}))?\s*(?:起|以上)?""",
    re.VERBOSE,
)
_RATE = re.compile(
    rf"(?P<word>回头率|复购率|重复采购率)?\s*[:]?\s*(?P<minus>-)?(?P<number>{_NUMBER})\s*(?P<percent>%)?"
)
_SCORE = re.compile(rf"(?P<minus>-)?(?P<number>{_NUMBER})\s*分?")


class NumberError(ValueError):
    """A number can't be read. The message is the reason, one word for a stat."""


def plain_text(text: str) -> str:
    """Half-width characters in lower case, without surrounding space."""
    text = text.strip()
    if len(text) > _MAX_CHARS:
        raise NumberError("too_long")
    return (text if text.isascii() else text.translate(_HALF_WIDTH).strip()).lower()


def exact(raw: object) -> Decimal | None:
    """A JSON number, or a text of nothing but digits, as it is; `None` for any other text."""
    if isinstance(raw, bool) or not isinstance(raw, int | float | str):
        raise NumberError("wrong_type")
    if isinstance(raw, str):
        return Decimal(raw) if raw.isascii() and _PLAIN.fullmatch(raw) else None
    if isinstance(raw, float) and not math.isfinite(raw):
        raise NumberError("not_finite")
    # `repr` gives the shortest text of a float, which is what the gateway sent: 12.1 stays 12.1.
    return Decimal(repr(raw)) if isinstance(raw, float) else Decimal(raw)


def believable(number: Decimal) -> Decimal:
    """The number, if it is at least 0 and not absurdly large."""
    if number < 0:
        raise NumberError("negative")
    if number > ABSURD:
        raise NumberError("absurd")
    return abs(number)  # -0 is 0


def count(raw: object) -> Decimal:
    """A count of things: ``1.2万+``, ``5.6万+件``, ``200件起批``, ``月销2000+``."""
    number = exact(raw)
    if number is None:
        match = _whole(_COUNT, str(raw))
        number = _number(match["number"], match["scale"])
    return believable(number)


def price(raw: object, *, fen: bool = False) -> tuple[Decimal, Decimal]:
    """The lowest and the highest price in yuan; equal for a single price. `fen`: bare numbers are fen, by their key."""
    number = exact(raw)
    if number is not None:
        low = believable(number)
        return (low / 100, low / 100) if fen else (low, low)
    match = _whole(_PRICE, str(raw))
    low_unit, high_unit = match["low_unit"], match["high_unit"]
    if match["high"] is None:
        low = _in_yuan(match["low"], match["low_scale"], low_unit, fen)
        return low, low
    if bool(match["low_scale"]) != bool(match["high_scale"]):
        raise NumberError("ambiguous_scale")  # 1-2万: from 1, or from 10,000?
    # 10-15元 has one unit for both ends.
    low = _in_yuan(match["low"], match["low_scale"], low_unit or high_unit, fen)
    high = _in_yuan(match["high"], match["high_scale"], high_unit or low_unit, fen)
    return min(low, high), max(low, high)


def rate(raw: object) -> tuple[Decimal, bool]:
    """A number, and whether its text says that it is percent."""
    number = exact(raw)
    if number is not None:
        return believable(number), False
    match = _whole(_RATE, str(raw))
    return believable(_number(match["number"], None)), bool(match["percent"] or match["word"])


def score(raw: object) -> Decimal:
    """A score: ``4.8``, ``5``, ``4.8分``."""
    number = exact(raw)
    return believable(_number(_whole(_SCORE, str(raw))["number"], None) if number is None else number)


def _whole(grammar: re.Pattern[str], text: str) -> re.Match[str]:
    plain = plain_text(text)
    match = grammar.fullmatch(plain)
    if match is None:
        raise NumberError(_why_not(plain))
    if match["minus"]:
        raise NumberError("negative")
    return match


def _why_not(plain: str) -> str:
    if plain.lstrip("+-").startswith(("nan", "inf")):
        return "not_finite"
    numbers = re.findall(r"[0-9][0-9.,]*", plain)
    if not numbers:
        return "no_number"
    return "several_numbers" if len(numbers) > 1 else "unknown_words"


def _number(digits: str, scale: str | None) -> Decimal:
    return Decimal(digits.replace(",", "")) * _SCALES[scale or ""]


def _in_yuan(digits: str, scale: str | None, unit: str | None, fen: bool) -> Decimal:
    in_fen = unit in ("分", "fen") if unit else fen
    number = believable(_number(digits, scale))
    return number / 100 if in_fen else number
