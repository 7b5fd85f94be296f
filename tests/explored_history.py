"""A small history of three days for the tests of what people explore it with."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from tests.feeds.feed_samples import an_entry
from toplist.items import DroppedOut, Entry, ListKey, RankList, Source, Status
from toplist.ranktypes import Protocol
from toplist.storage.database import open_database
from toplist.storage.history import History
from toplist.storage.ledger import Ledger

DAYS = [date(2026, 11, 22), date(2026, 11, 23), date(2026, 11, 24)]
HOT = ListKey(Source.GATEWAY, Protocol.BASE64, "hot", "311")
COMPLEX = HOT._replace(rank_type="complex")
FAILED = HOT._replace(rank_type="best")
OFFER = "699123456701"  # on every day; its count grows, its price falls, and it breaks out on the last day
SECOND, LEFT, NEW = "699123456702", "699123456703", "699123456704"


def store_explored_history(path: Path) -> None:
    """Write the database of a real gateway's three days."""
    engine = open_database(f"sqlite:///{path}")
    counts, prices = (100, 150, 300), (20.0, 18.0, 16.0)
    for number, day in enumerate(DAYS):
        ledger = Ledger(engine, day)
        history = History(engine, ledger)
        is_last = day == DAYS[-1]
        figures = {"sale_count": counts[number], "price": prices[number], "is_breakout": is_last}
        growth = {"breakout_probability": 0.8, "sale_growth": 1.0} if is_last else {}
        first = entry(day, HOT, OFFER, 1, **figures, **growth)
        third = entry(day, HOT, NEW, 3, movement="new_entry") if is_last else entry(day, HOT, LEFT, 3)
        left = [DroppedOut(offer_id=LEFT, base_date=DAYS[1], rank=3, sale_count=7)] if is_last else []
        stored = [_list(day, HOT, [first, entry(day, HOT, SECOND, 2), third], dropped_out=left)]
        if is_last:
            stored.append(_list(day, COMPLEX, [entry(day, COMPLEX, OFFER, 1, **{**figures, "is_breakout": False})]))
            stored.append(_list(day, FAILED, [], status=Status.FAILED, code="500", message="busy"))
        for each in stored:
            assert history.store(each)
    engine.dispose()


def entry(day: date, key: ListKey, offer_id: str, rank: int, **changes: Any) -> Entry:
    fields = {**key._asdict(), "snapshot_date": day, "category_name": "童装", "movement": "steady", "title": "连衣裙"}
    return an_entry(rank, **{**fields, "offer_id": offer_id, **changes})


def _list(day: date, key: ListKey, entries: list[Entry], status: Status = Status.COMPLETE, **more: Any) -> RankList:
    fields = {"key": key, "snapshot_date": day, "status": status, "page_size": 20, "entries": entries}
    return RankList.model_validate({**fields, "reported_total": len(entries), **more})
