"""Entries of every kind."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path

from toplist.feeds.formats import Format, batches, open_writer
from toplist.items import Entry, ListKey, PriceTier, RankList, Source, Status
from toplist.ranktypes import Protocol

DAY = date(2026, 11, 23)


def an_entry(rank: int = 1, **changes: object) -> Entry:
    """A full entry; `changes` replace fields."""
    fields: dict[str, object] = {
        "snapshot_date": DAY,
        "collected_at": datetime(2026, 11, 23, 4, 5, 6, 789_000, tzinfo=UTC),
        "source": Source.SANDBOX,
        "protocol": Protocol.BASE64,
        "rank_type": "hot",
        "category_id": "10166",
        "category_name": "女装",
        "rank": rank,
        "total": 500,
        "offer_id": str(699_123_456_700 + rank),
        "title": f"2026春季新款 连衣裙 {rank}",
        "price": 25.8,
        "min_order": 2,
        "price_tiers": [PriceTier(start_quantity=2, price=25.8), PriceTier(start_quantity=100, price=22.0)],
        "sale_count": 1520,
        "repurchase_rate": 0.31,
        "supplier": "杭州某某服饰有限公司",
        "is_gold": True,
        "main_img": "https://cbu01.alicdn.com/img/ibank/x.jpg",
        "detail_url": f"https://detail.1688.com/offer/{699_123_456_700 + rank}.html",
        "services": ["ysbt", "sendGoods48H"],
        "trend_score": 28.94,
        "sale_growth": -0.105,
        "rank_change": -3,
        "movement": "down",
    }
    return Entry.model_validate({**fields, **changes})


def a_bare_entry(rank: int = 1) -> Entry:
    """An entry of which the gateway said nothing but what it must."""
    must = {name for name, field in Entry.model_fields.items() if field.is_required()}
    return an_entry(rank, **dict.fromkeys(Entry.model_fields.keys() - must))


def some_entries() -> list[Entry]:
    """Full, bare, and hard to spell."""
    return [
        an_entry(1),
        a_bare_entry(2),
        an_entry(3, title='逗号, "引号"; 换\n行\t🐉', services=[], price_tiers=[], is_gold=False, price=0.0),
        an_entry(4, sale_growth=-1e-07, trade_score=1e16, supplier="=HYPERLINK(1)"),
    ]


def a_list(entries: list[Entry], status: Status = Status.COMPLETE) -> RankList:
    """A list as a spider yields it."""
    key = ListKey(Source.SANDBOX, Protocol.BASE64, "hot", "10166")
    return RankList(key=key, snapshot_date=DAY, status=status, page_size=20, entries=entries)


def write(entries: Iterable[Entry], format_: Format, path: Path) -> int:
    """Write the entries to the file. Returns the number of rows."""
    with path.open("wb") as file:
        writer = open_writer(format_, file)
        for batch in batches(entries):
            writer.write(batch)
        writer.close()
    return writer.rows
