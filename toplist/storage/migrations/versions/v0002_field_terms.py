"""Tables, columns and values under the field's terms: `list_snapshot`, `offer_version`, `movement`, `partial`, …

The views are dropped here; the next version creates them again.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

TABLES = {"gate": "rate_limit", "outcome": "list_snapshot", "offer_text": "offer_version", "set_aside": "rejected"}

#: By the table's new name: old column, new column.
COLUMNS = {
    "list_snapshot": {
        "total": "reported_total",
        "asked": "requested_rows",
        "set_aside": "rejected",
        "doubled": "duplicates",
        "holder": "lease_owner",
        "held_until": "lease_expires_at",
    },
    "offer_version": {"text_id": "version_id"},
    "observation": {"text_id": "version_id", "list_status": "movement"},
    "offer_detail": {"marks": "badges"},
}

#: Words within stored notes, `field:reason`.
NOTES = {"list_status:": "movement:", ":rows_set_aside": ":rows_rejected"}

#: What a detail's digest covers, under the new names.
DETAIL = (
    *("offer_id", "price", "min_order", "price_tiers", "unit", "lot_size", "trade_score", "repurchase_rate"),
    *("supplier", "is_gold", "services", "badges", "sku_prices"),
)
DETAIL_JSON = ("price_tiers", "services", "badges", "sku_prices")

_BATCH = 1000


def upgrade() -> None:
    for view in ("entries", "ledger"):
        op.execute(f"DROP VIEW {view}")
    for old, new in TABLES.items():
        op.rename_table(old, new)
    for table, columns in COLUMNS.items():
        for old, new in columns.items():
            op.execute(f"ALTER TABLE {table} RENAME COLUMN {old} TO {new}")
    op.drop_index("outcome_of_a_day", "list_snapshot")
    op.create_index("list_snapshot_of_a_day", "list_snapshot", ["snapshot_date", "status"])
    if op.get_bind().dialect.name == "postgresql":
        _rename_constraints()
    op.execute("UPDATE list_snapshot SET status = 'partial' WHERE status = 'short'")
    op.execute("UPDATE observation SET movement = 'unknown' WHERE movement = 'unknown_gap'")
    _rename_notes()
    _renew_detail_digests()


def _rename_constraints() -> None:
    """PostgreSQL named keys, constraints and sequences after the old tables and columns; SQLite names none."""
    bind = op.get_bind()
    renamed = {new: old for old, new in TABLES.items()}
    for table in {*renamed, *COLUMNS}:
        names = bind.execute(
            sa.text("SELECT conname FROM pg_constraint WHERE conrelid = CAST(:name AS regclass)"), {"name": table}
        )
        for name in names.scalars().all():
            wanted = name.replace(renamed[table], table, 1) if table in renamed else name
            for old, new in COLUMNS.get(table, {}).items():
                wanted = wanted.replace(f"{table}_{old}_", f"{table}_{new}_")
            if wanted != name:
                op.execute(f'ALTER TABLE {table} RENAME CONSTRAINT "{name}" TO "{wanted}"')
    op.execute("ALTER SEQUENCE offer_text_text_id_seq RENAME TO offer_version_version_id_seq")


def _rename_notes() -> None:
    """Notes name fields and reasons; each combination is stored once, under a digest of its text."""
    table = sa.table(
        "trend_note",
        sa.column("note_id", sa.Integer),
        sa.column("trend_notes", sa.JSON),
        sa.column("digest", sa.String),
    )
    bind = op.get_bind()
    for row in bind.execute(sa.select(table)).all():
        notes = [_renamed(each) for each in row.trend_notes]
        digest = _digest(json.dumps(notes))
        bind.execute(sa.update(table).where(table.c.note_id == row.note_id).values(trend_notes=notes, digest=digest))


def _renamed(note: str) -> str:
    for old, new in NOTES.items():
        note = note.replace(old, new)
    return note


def _renew_detail_digests() -> None:
    """A detail's digest covers the names of its fields: with the old ones an unchanged detail would be stored again."""
    columns: list[Any] = [sa.column("detail_id", sa.BigInteger), sa.column("digest", sa.String)]
    columns += [sa.column(name, sa.JSON if name in DETAIL_JSON else None) for name in DETAIL]
    table = sa.table("offer_detail", *columns)
    bind = op.get_bind()
    query = sa.select(table).order_by(table.c.detail_id).limit(_BATCH)
    update = sa.update(table).where(table.c.detail_id == sa.bindparam("of")).values(digest=sa.bindparam("new"))
    last = -1
    while rows := bind.execute(query.where(table.c.detail_id > last)).mappings().all():
        last = rows[-1]["detail_id"]
        changed = []
        for row in rows:
            content = {name: row[name] for name in DETAIL}
            if content["is_gold"] is not None:
                content["is_gold"] = bool(content["is_gold"])
            changed.append({"of": row["detail_id"], "new": _digest(json.dumps(content, sort_keys=True))})
        bind.execute(update, changed)


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
