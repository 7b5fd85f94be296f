"""The breakout models in place of the calibrations, and the probability over 30 days."""

import sqlalchemy as sa
from alembic import op

from toplist.storage.migrations.versions import v0002_field_terms as v0002

revision = "0003"
down_revision = "0002"

VIEWS = dict(v0002.VIEWS)
VIEWS["entries"] = v0002.ENTRIES.replace(
    "e.breakout_probability, e.is_breakout", "e.breakout_probability, e.breakout_probability_30d, e.is_breakout"
)


def upgrade() -> None:
    v0002.drop_views(v0002.VIEWS)
    op.add_column("observation", sa.Column("breakout_probability_30d", sa.Float))
    op.drop_table("calibration")
    name = sa.String(16).with_variant(sa.String(16, collation="C"), "postgresql")
    op.create_table(
        "trend_model",
        sa.Column("source", name, primary_key=True),
        sa.Column("protocol", name, primary_key=True),
        sa.Column("snapshot_date", sa.Date, primary_key=True, comment="fitted after this day, for the days after it"),
        sa.Column("version", sa.String(16), nullable=False),
        sa.Column("coverage", sa.String(16), nullable=False, comment="what a count covers: total, window:30, unknown"),
        sa.Column("evidence", sa.JSON, nullable=False, comment="what the history shows of that"),
        sa.Column("models", sa.JSON, nullable=False, comment="one for each horizon, with its own record"),
        sa.Column("heat", sa.JSON, comment="the own reference of heat_index; null: the shipped one serves"),
    )
    v0002.create_views(VIEWS)
