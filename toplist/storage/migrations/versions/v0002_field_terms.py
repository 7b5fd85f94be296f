"""Tables, columns and values under the field's terms; views for people with SQL; indexes for them and for pruning."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
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

#: Columns of PostgreSQL that held 32 bits; SQLite's hold 64 already.
WIDENED = {
    "list_snapshot": ("reported_total", "requested_rows"),
    "offer_version": ("min_order", "tier_start"),
    "offer_detail": ("min_order", "lot_size"),
}

WITH_DETAIL = sa.text("detail_id IS NOT NULL")

#: How a view shows milliseconds since 1970 as ISO 8601 in UTC.
COLLECTED_AT = {
    "sqlite": "strftime('%Y-%m-%dT%H:%M:%fZ', {0} / 1000.0, 'unixepoch')",
    "postgresql": "to_char(to_timestamp({0} / 1000.0) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')",
}

LEDGER = """
SELECT o.snapshot_date, l.source, l.protocol, l.rank_type, l.category_id, o.category_name, o.category_level,
       o.category_path, o.status, o.code, o.message, o.reported_total, o.received, o.rejected, o.duplicates,
       o.requested_rows, o.page_size, {o_collected_at} AS collected_at
FROM list_snapshot o JOIN list l ON l.list_id = o.list_id
"""

# A day is looked up in list_snapshot, which has an index of days; observation is clustered by list.
ENTRIES = """
SELECT o.snapshot_date, {e_collected_at} AS collected_at, l.source, l.protocol, l.rank_type, l.category_id,
       o.category_name, o.category_level, o.category_path, e.rank, o.reported_total AS total, t.offer_id, t.title,
       t.title_translated, COALESCE(e.price, d.price) AS price, COALESCE(t.min_order, d.min_order) AS min_order,
       COALESCE(t.price_tiers, d.price_tiers) AS price_tiers, e.sale_count, e.buyer_count,
       COALESCE(e.trade_score, d.trade_score) AS trade_score,
       COALESCE(e.repurchase_rate, d.repurchase_rate) AS repurchase_rate, COALESCE(t.supplier, d.supplier) AS supplier,
       COALESCE(t.is_gold, d.is_gold) AS is_gold, t.main_img, t.detail_url,
       COALESCE(t.services, d.services) AS services, d.unit, d.lot_size, d.badges, e.trend_score, e.heat_index,
       e.sale_growth, e.sale_growth_per_day, e.sale_growth_adjusted, e.sale_growth_30d, e.price_change,
       e.price_change_per_day, e.price_volatility, e.rank_change, e.movement, e.breakout_score,
       e.breakout_probability, e.is_breakout, n.trend_notes
FROM list_snapshot o
JOIN list l ON l.list_id = o.list_id
JOIN observation e ON e.list_id = o.list_id AND e.snapshot_date = o.snapshot_date
JOIN offer_version t ON t.version_id = e.version_id
LEFT JOIN trend_note n ON n.note_id = e.note_id
LEFT JOIN offer_detail d ON d.detail_id = e.detail_id
"""

LAST_TITLE = "(SELECT v.title FROM offer_version v WHERE v.offer_id = {0}.offer_id ORDER BY v.version_id DESC LIMIT 1)"

DROPOUTS = f"""
SELECT x.snapshot_date, l.source, l.protocol, l.rank_type, l.category_id, o.category_name, x.offer_id,
       {LAST_TITLE.format("x")} AS title, x.base_date, x.rank AS base_rank, x.sale_count AS base_sale_count
FROM dropped_out x
JOIN list l ON l.list_id = x.list_id
LEFT JOIN list_snapshot o ON o.list_id = x.list_id AND o.snapshot_date = x.snapshot_date
"""

DAILY_FIGURES = f"""
SELECT x.source, x.offer_id, {LAST_TITLE.format("x")} AS title, x.day, x.units, x.median_price, x.repurchase_rate
FROM offer_daily x
"""

# The last day of each source is read once, from the end of the index of days: an expression around `l.source` keeps
# SQLite from walking all lists of the source instead.
TODAYS_BREAKOUTS = """
WITH today AS MATERIALIZED (
    SELECT s.source, (
        SELECT o.snapshot_date FROM list_snapshot o JOIN list l ON l.list_id = o.list_id
        WHERE l.source || '' = s.source AND o.received > 0 ORDER BY o.snapshot_date DESC LIMIT 1) AS last_date
    FROM (SELECT '1688' AS source UNION ALL SELECT 'sandbox') s)
SELECT b.source, b.snapshot_date, b.protocol, b.rank_type, b.category_id, b.category_name, b.rank, b.offer_id, b.title,
       b.price, b.sale_count, b.sale_growth, b.rank_change, b.movement, b.breakout_probability, b.detail_url
FROM today JOIN entries b ON b.snapshot_date = today.last_date AND b.source || '' = today.source
WHERE b.is_breakout
"""

OFFER_LIFE = """
SELECT t.offer_id, e.snapshot_date, l.source, l.protocol, l.rank_type, l.category_id, e.rank, t.title, e.price,
       e.sale_count, e.buyer_count, e.trend_score, e.heat_index, e.sale_growth, e.price_change, e.rank_change,
       e.movement, e.breakout_probability, e.is_breakout
FROM offer_version t
JOIN observation e ON e.version_id = t.version_id
JOIN list l ON l.list_id = e.list_id
"""

LIST_DAYS = """
SELECT l.source, l.protocol, l.rank_type, l.category_id, o.snapshot_date, MAX(o.category_name) AS category_name,
       MAX(o.status) AS status, COUNT(e.rank) AS entries,
       COUNT(CASE WHEN e.movement = 'new_entry' THEN 1 END) AS new_entries,
       COUNT(CASE WHEN e.movement = 're_entry' THEN 1 END) AS re_entries,
       (SELECT COUNT(*) FROM dropped_out x WHERE x.list_id = o.list_id AND x.snapshot_date = o.snapshot_date)
       AS dropouts,
       COUNT(CASE WHEN e.is_breakout THEN 1 END) AS breakouts, AVG(e.sale_growth) AS mean_sale_growth,
       AVG(e.price) AS mean_price
FROM list l
JOIN list_snapshot o ON o.list_id = l.list_id
LEFT JOIN observation e ON e.list_id = o.list_id AND e.snapshot_date = o.snapshot_date
GROUP BY l.source, l.protocol, l.rank_type, l.category_id, o.list_id, o.snapshot_date
"""

COMPLETENESS = """
SELECT o.snapshot_date, l.source, l.protocol, COUNT(*) AS lists,
       COUNT(CASE WHEN o.status = 'complete' THEN 1 END) AS complete,
       COUNT(CASE WHEN o.status = 'partial' THEN 1 END) AS partial,
       COUNT(CASE WHEN o.status = 'empty' THEN 1 END) AS empty,
       COUNT(CASE WHEN o.status = 'absent' THEN 1 END) AS absent,
       COUNT(CASE WHEN o.status = 'failed' THEN 1 END) AS failed,
       COUNT(CASE WHEN o.status = 'pending' THEN 1 END) AS pending,
       SUM(o.received - o.rejected - o.duplicates) AS entries, SUM(o.rejected) AS rejected_rows
FROM list_snapshot o JOIN list l ON l.list_id = o.list_id
GROUP BY o.snapshot_date, l.source, l.protocol
"""

#: In the order of their creation.
VIEWS = {
    "ledger": LEDGER,
    "entries": ENTRIES,
    "dropouts": DROPOUTS,
    "daily_figures": DAILY_FIGURES,
    "todays_breakouts": TODAYS_BREAKOUTS,
    "offer_life": OFFER_LIFE,
    "list_days": LIST_DAYS,
    "completeness": COMPLETENESS,
}


def upgrade() -> None:
    kind = op.get_bind().dialect.name
    for view in ("entries", "ledger"):
        op.execute(f"DROP VIEW {view}")
    _rename(kind)
    op.execute("UPDATE list_snapshot SET status = 'partial' WHERE status = 'short'")
    op.execute("UPDATE observation SET movement = 'unknown' WHERE movement = 'unknown_gap'")
    _rename_notes()
    _renew_detail_digests()
    if kind == "postgresql":
        for table, columns in WIDENED.items():
            changes = ", ".join(f"ALTER COLUMN {column} TYPE BIGINT" for column in columns)
            op.execute(f"ALTER TABLE {table} {changes}")
    op.create_index("offer_version_of_an_offer", "offer_version", ["offer_id"])
    op.create_index("observation_of_a_version", "observation", ["version_id"])
    for name, table in (("observation_with_a_detail", "observation"), ("detail_with_an_answer", "detail")):
        op.create_index(name, table, ["detail_id"], sqlite_where=WITH_DETAIL, postgresql_where=WITH_DETAIL)
    op.add_column("trend_note", sa.Column("last_date", sa.Date, comment="the last snapshot that used it"))
    op.execute("UPDATE trend_note SET last_date = (SELECT MAX(snapshot_date) FROM list_snapshot)")
    create_views(VIEWS)


def create_views(views: Mapping[str, str]) -> None:
    """Create views, each from its query, in this order. A later version may drop them and create others."""
    show = COLLECTED_AT[op.get_bind().dialect.name]
    for name, query in views.items():
        shown = {f"{alias}_collected_at": show.format(f"{alias}.collected_ms") for alias in ("o", "e")}
        op.execute(f"CREATE VIEW {name} AS {query.format(**shown)}")


def drop_views(views: Iterable[str]) -> None:
    """Drop views that were created in this order."""
    for name in reversed([*views]):
        op.execute(f"DROP VIEW {name}")


def _rename(kind: str) -> None:
    for old, new in TABLES.items():
        op.rename_table(old, new)
    for table, columns in COLUMNS.items():
        for old, new in columns.items():
            op.execute(f"ALTER TABLE {table} RENAME COLUMN {old} TO {new}")
    op.drop_index("outcome_of_a_day", "list_snapshot")
    op.create_index("list_snapshot_of_a_day", "list_snapshot", ["snapshot_date", "status"])
    if kind == "postgresql":
        _rename_constraints()


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
