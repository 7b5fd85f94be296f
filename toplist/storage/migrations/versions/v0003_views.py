"""Views for people with SQL, indexes for them and for pruning, and columns that hold any count the gateway sends."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

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

TODAYS_BREAKOUTS = """
SELECT b.source, b.snapshot_date, b.protocol, b.rank_type, b.category_id, b.category_name, b.rank, b.offer_id, b.title,
       b.price, b.sale_count, b.sale_growth, b.rank_change, b.movement, b.breakout_probability, b.detail_url
FROM entries b
WHERE b.is_breakout AND b.snapshot_date = (
    SELECT MAX(s.snapshot_date) FROM list_snapshot s JOIN list m ON m.list_id = s.list_id
    WHERE m.source = b.source AND s.received > 0)
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
    show = COLLECTED_AT[kind]
    for name, query in VIEWS.items():
        shown = {f"{alias}_collected_at": show.format(f"{alias}.collected_ms") for alias in ("o", "e")}
        op.execute(f"CREATE VIEW {name} AS {query.format(**shown)}")
