"""A database as the first release left it: its schema, and rows of every table."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from hashlib import blake2b
from typing import Any

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, create_engine, text

from tests.feeds.feed_samples import an_entry
from toplist.storage.migrations.versions import v0001_first as v0001

DAYS = (date(2026, 3, 22), date(2026, 3, 23))
AT = round(datetime(2026, 11, 23, 4, 5, 6, 789_000, tzinfo=UTC).timestamp() * 1000)
TEXTS = (
    *("offer_id", "title", "title_translated", "min_order", "price_tiers", "supplier", "is_gold", "main_img"),
    *("detail_url", "services"),
)
NOTES = (
    ["sale_growth:no_base", "list_status:missed_day"],
    ["list_status:rows_set_aside", "rank_change:rows_set_aside"],
    ["breakout_score:low_volume"],
)
DETAIL: dict[str, Any] = {
    "offer_id": "699123456701",
    "price": 19.9,
    "min_order": 3,
    "price_tiers": [{"start_quantity": 3, "price": 19.9}],
    "unit": "件",
    "lot_size": None,
    "trade_score": 4.5,
    "repurchase_rate": 0.25,
    "supplier": "义乌某某商行",
    "is_gold": True,
    "services": ["ysbt"],
    "marks": ["源头工厂"],
    "sku_prices": [{"sku_id": "1", "price": 19.9}],
}


def digest(content: str) -> str:
    return blake2b(content.encode(), digest_size=16).hexdigest()


def make_old_database(url: str) -> None:
    """Create the first release's schema in an empty database and fill it."""
    engine = create_engine(url)
    with engine.begin() as connection:
        with Operations.context(MigrationContext.configure(connection)):
            v0001.upgrade()
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
        connection.execute(text("INSERT INTO alembic_version VALUES ('0001')"))
        for table in v0001.metadata.sorted_tables:
            connection.execute(table.insert(), _ROWS[table.name]())
        if connection.dialect.name == "postgresql":
            for table_name, column in (("list", "list_id"), ("offer_text", "text_id"), ("offer_detail", "detail_id")):
                sequence = f"pg_get_serial_sequence('{table_name}', '{column}')"
                connection.execute(text(f"SELECT setval({sequence}, 1000)"))
    engine.dispose()


def old_rows(engine: Engine) -> dict[str, list[dict[str, Any]]]:
    """Every row of the old tables and of the view `entries`."""
    with engine.connect() as connection:
        found = {
            table.name: [dict(row) for row in connection.execute(table.select()).mappings()]
            for table in v0001.metadata.sorted_tables
        }
        found["entries"] = rows_of(connection, "entries")
        found["ledger"] = rows_of(connection, "ledger")
    return found


def rows_of(connection: Any, name: str) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(text(f"SELECT * FROM {name}")).mappings()]


def _texts() -> list[dict[str, Any]]:
    rows = []
    for number in (1, 2, 3):
        entry = an_entry(number, price_tiers=None if number == 3 else an_entry().price_tiers)
        tiers = entry.price_tiers or []
        rows.append(
            {
                "text_id": number,
                "digest": digest(entry.model_dump_json(include=set(TEXTS))),
                "tier_start": tiers[0].start_quantity if tiers else None,
                "tier_price": tiers[0].price if tiers else None,
                **entry.model_dump(include=set(TEXTS)),
            }
        )
    return rows


def _outcomes() -> list[dict[str, Any]]:
    statuses = ("complete", "short", "empty", "absent", "failed", "pending")
    rows = []
    for list_id, status in enumerate(statuses, 1):
        for day in DAYS:
            rows.append(
                {
                    "list_id": list_id,
                    "snapshot_date": day,
                    "status": status,
                    "code": "40" if status == "failed" else None,
                    "message": "no such category" if status == "failed" else None,
                    "category_name": "女装",
                    "category_level": 2,
                    "category_path": "服装 > 女装",
                    "total": 5 if status in ("complete", "short") else None,
                    "received": 3 if status in ("complete", "short") else 0,
                    "set_aside": 1 if status == "short" else 0,
                    "doubled": 1 if status == "complete" else 0,
                    "asked": 40 if list_id % 2 else None,
                    "page_size": 20,
                    "collected_ms": AT if status != "pending" else None,
                    "holder": "crawl-1" if status == "pending" else None,
                    "held_until": 1234.5 if status == "pending" else None,
                }
            )
    return rows


def _observations() -> list[dict[str, Any]]:
    movements = ("unknown_gap", "up", "new_entry")
    rows = []
    for list_id in (1, 2):
        for day in DAYS:
            for rank, movement in enumerate(movements, 1):
                rows.append(
                    {
                        "list_id": list_id,
                        "snapshot_date": day,
                        "rank": rank,
                        "text_id": rank,
                        "detail_id": 1 if (list_id, rank) == (2, 3) else None,
                        "collected_ms": AT + rank,
                        "price": None if rank == 3 else 25.8,
                        "sale_count": 10_000_000_000 + rank,
                        "trend_score": 28.94,
                        "sale_growth": -1e-07,
                        "rank_change": -3,
                        "list_status": movement,
                        "is_breakout": rank == 2,
                        "note_id": rank if list_id == 1 else None,
                    }
                )
    return rows


_ROWS: dict[str, Any] = {
    "gate": lambda: [{"key": "f" * 64, "state": '{"last_at":12.5}'}],
    "list": lambda: [
        {
            "list_id": number,
            "source": "1688" if number % 2 else "sandbox",
            "protocol": "base64" if number < 4 else "openplatform",
            "rank_type": "hot",
            "category_id": str(10_165 + number),
        }
        for number in range(1, 7)
    ],
    "outcome": _outcomes,
    "offer_text": _texts,
    "observation": _observations,
    "trend_note": lambda: [
        {"note_id": number, "trend_notes": notes, "digest": digest(json.dumps(notes))}
        for number, notes in enumerate(NOTES, 1)
    ],
    "first_seen": lambda: [{"list_id": 1, "offer_id": "699123456701", "snapshot_date": DAYS[0]}],
    "dropped_out": lambda: [
        {"list_id": 1, "snapshot_date": DAYS[1], "offer_id": "7", "base_date": DAYS[0], "rank": 3, "sale_count": None}
    ],
    "calibration": lambda: [
        {"source": "1688", "protocol": "base64", "snapshot_date": DAYS[0], "data": None},
        {"source": "1688", "protocol": "base64", "snapshot_date": DAYS[1], "data": {"edges": [0.5], "rows": 700}},
    ],
    "detail": lambda: [
        {
            "source": "sandbox",
            "week_date": date(2026, 3, 16),
            "offer_id": "699123456701",
            "planned_date": DAYS[0],
            "best_rank": 3,
            "status": "complete",
            "code": None,
            "message": None,
            "detail_id": 1,
            "collected_ms": AT,
        }
    ],
    "offer_detail": lambda: [{"detail_id": 1, "digest": digest(json.dumps(DETAIL, sort_keys=True)), **DETAIL}],
    "offer_daily": lambda: [
        {"source": "1688", "offer_id": "7", "day": DAYS[0], "units": 5, "median_price": 1.5, "repurchase_rate": None}
    ],
    "set_aside": lambda: [
        {"list_id": 2, "snapshot_date": DAYS[1], "position": 2, "reason": "no id", "row": {"subject": "连衣裙"}}
    ],
    "category": lambda: [
        {
            "source": "1688",
            "category_id": "311",
            "parent_id": "0",
            "name": "童装",
            "level": 1,
            "is_leaf": False,
            "position": 1,
            "read_ms": AT,
            "retired": 2,
        }
    ],
}
