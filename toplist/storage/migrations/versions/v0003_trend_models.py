"""The breakout models in place of the calibrations, and the probability over 30 days."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

#: Frozen as this version has it.
ENTRIES_VIEW = """
CREATE VIEW entries AS
SELECT e.snapshot_date, {collected_at} AS collected_at, l.source, l.protocol, l.rank_type, l.category_id,
       o.category_name, o.category_level, o.category_path, e.rank, o.reported_total AS total, t.offer_id, t.title,
       t.title_translated, COALESCE(e.price, d.price) AS price, COALESCE(t.min_order, d.min_order) AS min_order,
       COALESCE(t.price_tiers, d.price_tiers) AS price_tiers, e.sale_count, e.buyer_count,
       COALESCE(e.trade_score, d.trade_score) AS trade_score,
       COALESCE(e.repurchase_rate, d.repurchase_rate) AS repurchase_rate, COALESCE(t.supplier, d.supplier) AS supplier,
       COALESCE(t.is_gold, d.is_gold) AS is_gold, t.main_img, t.detail_url,
       COALESCE(t.services, d.services) AS services, d.unit, d.lot_size, d.badges, e.trend_score, e.heat_index,
       e.sale_growth, e.sale_growth_per_day, e.sale_growth_adjusted, e.sale_growth_30d, e.price_change,
       e.price_change_per_day, e.price_volatility, e.rank_change, e.movement, e.breakout_score,
       e.breakout_probability, e.breakout_probability_30d, e.is_breakout, n.trend_notes
FROM observation e
JOIN list l ON l.list_id = e.list_id
JOIN list_snapshot o ON o.list_id = e.list_id AND o.snapshot_date = e.snapshot_date
JOIN offer_version t ON t.version_id = e.version_id
LEFT JOIN trend_note n ON n.note_id = e.note_id
LEFT JOIN offer_detail d ON d.detail_id = e.detail_id
"""

COLLECTED_AT = {
    "sqlite": "strftime('%Y-%m-%dT%H:%M:%fZ', {0} / 1000.0, 'unixepoch')",
    "postgresql": "to_char(to_timestamp({0} / 1000.0) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')",
}


def upgrade() -> None:
    op.execute("DROP VIEW entries")
    op.add_column("observation", sa.Column("breakout_probability_30d", sa.Float))
    op.drop_table("calibration")
    name = sa.String(16).with_variant(sa.String(16, collation="C"), "postgresql")
    op.create_table(
        "trend_model",
        sa.Column("source", name, primary_key=True),
        sa.Column("protocol", name, primary_key=True),
        sa.Column("snapshot_date", sa.Date, primary_key=True),
        sa.Column("version", sa.String(16), nullable=False),
        sa.Column("coverage", sa.String(16), nullable=False),
        sa.Column("evidence", sa.JSON, nullable=False),
        sa.Column("models", sa.JSON, nullable=False),
    )
    show = COLLECTED_AT[op.get_bind().dialect.name]
    op.execute(ENTRIES_VIEW.format(collected_at=show.format("e.collected_ms")))
