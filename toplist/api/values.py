"""Values as gateways really send them → typed values.

Every reader takes a JSON value and returns the typed value, `None` for no value (null, missing, blank), or `Unparsable`
with the reason. A reader never raises, and never returns 0 for a value that it can't read.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar

from toplist.api import numbers
from toplist.api.numbers import NumberError
from toplist.api.parse_issues import Unparsable
from toplist.items import MAX_COUNT as MAX_COUNT
from toplist.items import MAX_RANK as MAX_RANK
from toplist.items import PriceTier

P = ParamSpec("P")
T = TypeVar("T")

_FLAGS = {"true": True, "1": True, "y": True, "yes": True, "是": True}
_FLAGS |= {"false": False, "0": False, "n": False, "no": False, "否": False}

#: Bound of whole numbers whose columns hold 32 bits (a test compares every bound with its columns).
MAX_QUANTITY = 2**31 - 1

# Line ends, and marks that change the direction of the text. Joiners of emoji and of Indic scripts stay.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
# A host with a dot, and no character that could end an HTML attribute or a line.
_UNFIT = r"\s\"'<>`\\\x00-\x1f\x7f-\x9f\ud800-\udfff"
_URL = re.compile(rf"https?://[^/{_UNFIT}]+\.[^{_UNFIT}]+", re.IGNORECASE)
_ID = re.compile(r"[0-9]{1,20}")
_MAX_TEXT = 2000
_MAX_TIERS = 100

_TIER_QUANTITY = ("startQuantity", "beginAmount")
_TIER_PRICE = ("price", "promotionPrice")
_TIER_TEXT = re.compile(
    r"[≥>]?=?\s*(?P<start>[0-9]{1,12})\s*(?:\+|(?:[-~]|以上)\s*(?:[0-9]{1,12})?)?\s*件?(?:以上)?\s*:\s*(?P<price>.+)"
)


class Price(NamedTuple):
    """Yuan. `high` equals `low` where the gateway gives one price and not a range."""

    low: float
    high: float

    def tiers(self, start_quantity: int) -> list[PriceTier] | None:
        """Both ends of a range as price tiers; `None` for a single price.

        A range does not say which quantity has which price, so both tiers begin at the smallest order.
        """
        if self.low == self.high:
            return None
        return [PriceTier(start_quantity=start_quantity, price=price) for price in (self.low, self.high)]


def _reader(read: Callable[Concatenate[Any, P], T]) -> Callable[Concatenate[Any, P], T | Unparsable | None]:
    """Return `None` for no value, and `Unparsable` where `read` raises NumberError."""

    @functools.wraps(read)
    def reader(raw: Any, /, *args: P.args, **kwargs: P.kwargs) -> T | Unparsable | None:
        if raw is None or (isinstance(raw, str) and (not raw or raw.isspace())):
            return None
        try:
            return read(raw, *args, **kwargs)
        except NumberError as error:
            return Unparsable(str(error))

    return reader


@_reader
def read_price(raw: Any, *, fen: bool = False) -> Price:
    """Yuan: ``"12.50"``, ``12.5``, ``"￥20.00-￥29.00"``, ``"10-15 元 / 件"``, ``"1250分"``.

    `fen` is for keys that say so (``priceFen``, ``priceCent``); a price is never taken for fen because of its size.
    A price of 0 means "ask the seller" on 1688 and is not read.
    """
    low, high = numbers.price(raw, fen=fen)
    if not low:
        raise NumberError("zero")
    return Price(float(low), float(high))


@_reader
def read_count(raw: Any) -> int:
    """Things sold, buyers: ``"1.2万+"`` 12000, ``"2000+"``, ``"5.6万+件"``. A + marks a lower bound, which is kept."""
    return _whole(numbers.count(raw), MAX_COUNT)


@_reader
def read_quantity(raw: Any) -> int:
    """Pieces of an order: ``"200件起批"``, ``"≥2件"``, ``2``. 0 pieces are not read."""
    quantity = _whole(numbers.count(raw), MAX_QUANTITY)
    if not quantity:
        raise NumberError("zero")
    return quantity


@_reader
def read_total(raw: Any) -> int:
    """The rows of a list; 0 for an empty one."""
    return _whole(numbers.count(raw), MAX_QUANTITY)


@_reader
def read_rank(raw: Any) -> int:
    """A rank in a list, from 1."""
    rank = _whole(numbers.score(raw), MAX_RANK)
    if not rank:
        raise NumberError("zero")
    return rank


@_reader
def read_score(raw: Any) -> float:
    """A score such as ``"5"``, ``"4.8"``, ``4.8``."""
    return float(numbers.score(raw))


@_reader
def read_rate(raw: Any) -> float:
    """A ratio 0-1, from any of the platform's four spellings.

    * With ``%``, or after 回头率, a text is percent: ``"10%"`` 0.1, ``"0.5%"`` 0.005, ``"回头率7%"`` 0.07.
    * A bare number below 1 is a ratio already: ``"0.4666"``.
    * A bare number above 1 is percent points: ``"11"`` 0.11, ``"20"`` 0.2.
    * A bare 1 is one percent point, 0.01: sellers with a rate of 1 percent are common, and with 100 percent are not. If
      that is wrong for one, its rate is too low and not too high.

    More than 100 percent is not read.
    """
    number, percent = numbers.rate(raw)
    ratio = number / 100 if percent or number >= 1 else number
    if ratio > 1:
        raise NumberError("absurd")
    return float(ratio)


@_reader
def read_flag(raw: Any) -> bool:
    """``true``, ``"true"``, ``1``, ``"1"``, ``"Y"``, ``"是"``, and their opposites."""
    if isinstance(raw, bool):
        return raw
    key = _scalar(raw).strip().lower()
    if isinstance(raw, float):
        key = key.removesuffix(".0")
    if key not in _FLAGS:
        raise NumberError("not_a_flag")
    return _FLAGS[key]


@_reader
def read_text(raw: Any) -> str:
    """A text on one line without surrounding space; a number becomes its digits."""
    text = _SURROGATE.sub("\ufffd", _CONTROL.sub(" ", _scalar(raw))).strip()
    if len(text) > _MAX_TEXT:
        raise NumberError("too_long")
    if not text:
        raise NumberError("no_text")
    return text


@_reader
def read_url(raw: Any) -> str:
    """An http(s) address; one that begins with ``//`` gets ``https:``. Others could be scripts."""
    if not isinstance(raw, str):
        raise NumberError("wrong_type")
    url = raw.strip()
    if url.startswith("//"):
        url = "https:" + url
    if len(url) > _MAX_TEXT:
        raise NumberError("too_long")
    if not _URL.fullmatch(url):
        raise NumberError("not_a_url")
    return url


@_reader
def read_id(raw: Any) -> str:
    """An id as text: ``699490252651``, ``"699490252651"``, ``6.99490252651e11`` where it is whole.

    A float is an id only up to 2^53, where it holds every digit.
    """
    if isinstance(raw, float):
        if not raw.is_integer() or abs(raw) > 2**53:
            raise NumberError("not_whole")
        raw = int(raw)
    text = numbers.plain_text(_scalar(raw)).lstrip("0")
    if not _ID.fullmatch(text):
        raise NumberError("not_an_id")
    return text


@_reader
def read_names(raw: Any) -> list[str]:
    """A list of plain names, or one text split by commas of either width. An empty list means that there are none."""
    if isinstance(raw, str):
        raw = _split(r"[,，;；]", raw)
    if not isinstance(raw, list):
        raise NumberError("wrong_type")
    if len(raw) > _MAX_TIERS:
        raise NumberError("too_long")
    names = [read_text(name) for name in raw]
    if not all(isinstance(name, str) for name in names):
        raise NumberError("not_a_name")
    return [name for name in names if isinstance(name, str)]


@_reader
def read_tiers(raw: Any) -> list[PriceTier] | None:
    """Price tiers by quantity: a list of ``{startQuantity | beginAmount, price, promotionPrice}``, the
    same as JSON text, or ``"1-9:12.50;10-99:11"``. An empty list is no value.

    The price is the wholesale price; the promotion's price is used only where there is no other, so that days can be
    compared. One unreadable tier makes all unreadable: tiers with one missing would be wrong.
    """
    if isinstance(raw, str):
        raw = _tier_texts(raw)
    if isinstance(raw, dict):
        raw = [raw]
    if not isinstance(raw, list):
        raise NumberError("wrong_type")
    if len(raw) > _MAX_TIERS:
        raise NumberError("too_long")
    return sorted((_tier(tier) for tier in raw), key=lambda tier: (tier.start_quantity, tier.price)) or None


def _tier_texts(text: str) -> Any:
    if len(text) > 100 * _MAX_TIERS:
        raise NumberError("too_long")
    if text.lstrip().startswith(("[", "{")):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            raise NumberError("not_json") from None
    return _split(r"[;；|\n]", text)


def _split(separators: str, text: str) -> list[str]:
    parts = [part for part in re.split(separators, text) if part.strip()]
    if not parts:
        raise NumberError("no_text")
    return parts


def _tier(tier: Any) -> PriceTier:
    if isinstance(tier, str):
        match = _TIER_TEXT.fullmatch(numbers.plain_text(tier))
        if match is None:
            raise NumberError("bad_tier")
        tier = {"startQuantity": match["start"], "price": match["price"]}
    if not isinstance(tier, dict):
        raise NumberError("bad_tier")
    quantities = (read_quantity(tier.get(key)) for key in _TIER_QUANTITY)
    prices = (read_price(tier.get(key)) for key in _TIER_PRICE)
    quantity = next((value for value in quantities if isinstance(value, int)), None)
    price = next((value for value in prices if isinstance(value, Price)), None)
    if quantity is None or price is None:
        raise NumberError("bad_tier")
    return PriceTier(start_quantity=quantity, price=price.low)


def _scalar(raw: Any) -> str:
    if isinstance(raw, bool) or not isinstance(raw, str | int | float):
        raise NumberError("wrong_type")
    if isinstance(raw, int) and raw.bit_length() > 128:
        raise NumberError("absurd")  # Python refuses to print very long integers
    return str(raw)


def _whole(number: Decimal, most: int) -> int:
    if number != number.to_integral_value():
        raise NumberError("not_whole")
    if number > most:
        raise NumberError("absurd")
    return int(number)
