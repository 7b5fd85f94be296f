"""A market made up by a seeded generator, written into a history: any size, the same each time."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from math import exp, log
from random import Random
from typing import Any

from sqlalchemy import Engine, insert

from toplist.storage.tables import (
    dropped_out,
    list_,
    list_snapshot,
    observation,
    offer_version,
    trend_note,
)

TODAY = date(2026, 11, 26)
RANK_TYPES = ("complex", "hot", "goodPrice", "best", "rise", "new")
ROOTS = ("女装", "童装", "数码、电脑", "家居用品", "食品酒水", "美妆日化", "运动户外", "玩具", "五金工具", "宠物园艺")
NOTES = (
    ["sale_growth_30d:not_a_window"],
    ["sale_growth:no_base", "rank_change:missed_day"],
    ["breakout_score:low_volume"],
)
_WORDS = (
    "夏季新款宽松韩版显瘦纯棉连衣裙短袖女装外贸跨境批发直销厂家加厚保暖儿童套装时尚百搭复古法式收腰高腰印花刺绣针织衫"
)


@dataclass(frozen=True)
class Market:
    """How much of it, and what is special. `titles` replace those of the first offers of the first list."""

    lists: int = 6
    rows: int = 20
    days: int = 30
    source: str = "sandbox"
    seed: int = 7
    titles: Sequence[str] = ()
    images: str = "https://cbu01.alicdn.com/img/ibank/{0:x}.jpg"
    links: Sequence[str] = ()
    missing_days: Collection[int] = ()  # days before today without a snapshot
    statuses: Mapping[int, tuple[str, str | None, str | None]] = field(default_factory=dict)  # of today, by list number
    categories_per_root: int = 3


def make_history(engine: Engine, market: Market) -> None:
    """Fill an empty history."""
    random = Random(market.seed)
    with engine.begin() as connection:
        connection.execute(insert(trend_note), [_note(at, notes) for at, notes in enumerate(NOTES, start=1)])
        for number in range(market.lists):
            for table, rows in _list(market, number, random).items():
                if rows:
                    connection.execute(insert(table), rows)


def _note(at: int, notes: list[str]) -> dict[str, Any]:
    return {"note_id": at, "trend_notes": notes, "digest": f"note{at}"}


def category_of(market: Market, number: int) -> tuple[str, str, str]:
    """A list's category: id, name and path."""
    category = number // len(RANK_TYPES)
    root = ROOTS[category // market.categories_per_root % len(ROOTS)]
    name = f"{root}{category}类"
    return str(10_000 + category), name, f"{root} > {name}"


def _list(market: Market, number: int, random: Random) -> dict[Any, list[dict[str, Any]]]:
    category_id, name, path = category_of(market, number)
    list_id = number + 1
    offers = [_offer(market, number, at, random) for at in range(market.rows + market.rows // 4 + 1)]
    snapshots: list[dict[str, Any]] = []
    observations: list[dict[str, Any]] = []
    gone: list[dict[str, Any]] = []
    levels = [random.uniform(4, 11) for _ in offers]
    drifts = [random.gauss(0.01, 0.02) for _ in offers]
    prices = [round(random.uniform(3, 300), 2) for _ in offers]
    before: dict[int, int] = {}
    for back in reversed(range(market.days)):
        levels = [level + drift + random.gauss(0, 0.02) for level, drift in zip(levels, drifts, strict=True)]
        prices = [round(price * 0.95, 2) if random.random() < 0.01 else price for price in prices]
        if back in market.missing_days:
            continue
        day = TODAY - timedelta(days=back)
        status, code, message = (
            market.statuses.get(number, ("complete", None, None)) if back == 0 else ("complete",) + (None,) * 2
        )
        order = sorted(range(len(offers)), key=lambda at: -levels[at])[: market.rows] if status == "complete" else []
        snapshots.append(_snapshot(list_id, day, status, code, message, name, path, len(order)))
        ranks = {at: rank for rank, at in enumerate(order, start=1)}
        observations += [
            _row(
                list_id, day, rank, offers[at]["version_id"], levels[at], drifts[at], prices[at], before.get(at), random
            )
            for at, rank in ranks.items()
        ]
        if before and back == 0 and order:
            gone += [
                {
                    "list_id": list_id,
                    "snapshot_date": day,
                    "offer_id": offers[at]["offer_id"],
                    "base_date": day - timedelta(1),
                    "rank": rank,
                    "sale_count": int(exp(levels[at])),
                }
                for at, rank in before.items()
                if at not in ranks
            ]
        before = ranks
    place = {
        "list_id": list_id,
        "source": market.source,
        "protocol": "base64",
        "rank_type": RANK_TYPES[number % len(RANK_TYPES)],
        "category_id": category_id,
    }
    return {
        list_: [place],
        list_snapshot: snapshots,
        offer_version: offers,
        observation: observations,
        dropped_out: gone,
    }


def _offer(market: Market, number: int, at: int, random: Random) -> dict[str, Any]:
    serial = number * 1000 + at
    offer_id = str(600_000_000_000 + serial)
    title = "2026" + "".join(random.choices(_WORDS, k=random.randint(14, 26)))
    link = f"https://detail.1688.com/offer/{offer_id}.html"
    if number == 0 and at < len(market.titles):
        title = market.titles[at]
    if number == 0 and at < len(market.links):
        link = market.links[at]
    price = round(random.uniform(3, 300), 2)
    return {
        "version_id": serial + 1,
        "digest": str(serial),
        "offer_id": offer_id,
        "title": title,
        "title_translated": None,
        "min_order": random.choice((1, 2, 3, 5, 10, 50)),
        "price_tiers": [{"start_quantity": 2, "price": price}, {"start_quantity": 50, "price": round(price * 0.9, 2)}],
        "tier_start": 2,
        "tier_price": price,
        "supplier": f"义乌市{''.join(random.choices(_WORDS, k=3))}商行",
        "is_gold": random.random() < 0.4,
        "main_img": market.images.format(random.getrandbits(96)),
        "detail_url": link,
        "services": ["七天无理由", "48小时发货"] if random.random() < 0.5 else None,
    }


def _snapshot(
    list_id: int, day: date, status: str, code: str | None, message: str | None, name: str, path: str, rows: int
) -> dict[str, Any]:
    return {
        "list_id": list_id,
        "snapshot_date": day,
        "status": status,
        "code": code,
        "message": message,
        "category_name": name,
        "category_level": 2,
        "category_path": path,
        "reported_total": rows,
        "received": rows,
        "page_size": 20,
        "collected_ms": _milliseconds(day),
    }


def _row(
    list_id: int,
    day: date,
    rank: int,
    version_id: int,
    level: float,
    drift: float,
    price: float,
    before: int | None,
    random: Random,
) -> dict[str, Any]:
    growth = random.gauss(drift, 0.01)
    gained = None if before is None else before - rank
    movement = "new_entry" if gained is None else "up" if gained > 0 else "down" if gained < 0 else "steady"
    score = growth - 0.01 + random.gauss(0, 0.002)
    probability = 1 / (1 + exp(-(score * 120 - 2.2)))
    count = int(exp(level))
    return {
        "list_id": list_id,
        "snapshot_date": day,
        "rank": rank,
        "version_id": version_id,
        "collected_ms": _milliseconds(day) + rank,
        "price": price,
        "sale_count": count,
        "repurchase_rate": round(random.uniform(0, 0.6), 3),
        "trend_score": round(min(count / 1000, 70) + max(0, 30 - price / 10), 2),
        "heat_index": round(random.uniform(20, 95), 2),
        "sale_growth": growth,
        "sale_growth_per_day": growth,
        "sale_growth_adjusted": growth - 0.011,
        "price_change": -0.05 if random.random() < 0.02 else 0.0,
        "price_change_per_day": log(0.95) if random.random() < 0.02 else 0.0,
        "price_volatility": random.uniform(0, 0.03),
        "rank_change": gained,
        "movement": movement,
        "breakout_score": score,
        "breakout_probability": probability,
        "is_breakout": probability > 0.8,
        "note_id": 1 + version_id % len(NOTES),
    }


def _milliseconds(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, 4, tzinfo=UTC).timestamp() * 1000)
