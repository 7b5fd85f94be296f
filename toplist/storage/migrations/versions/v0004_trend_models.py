"""The breakout models in place of the calibrations, and the probability over 30 days."""

import sqlalchemy as sa
from alembic import op

from toplist.storage.migrations.versions import v0003_views

revision = "0004"
down_revision = "0003"

ENTRIES = v0003_views.ENTRIES.replace(
    "e.breakout_probability, e.is_breakout", "e.breakout_probability, e.breakout_probability_30d, e.is_breakout"
)


def upgrade() -> None:
    kind = op.get_bind().dialect.name
    for view in ("todays_breakouts", "entries"):
        op.execute(f"DROP VIEW {view}")
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
    )
    show = v0003_views.COLLECTED_AT[kind]
    for view, query in (("entries", ENTRIES), ("todays_breakouts", v0003_views.TODAYS_BREAKOUTS)):
        op.execute(f"CREATE VIEW {view} AS {query.format(e_collected_at=show.format('e.collected_ms'))}")
