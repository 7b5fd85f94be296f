"""What pruning looks up: which rows refer to a version or a detail, and when a note was last used."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

WITH_DETAIL = sa.text("detail_id IS NOT NULL")


def upgrade() -> None:
    op.create_index("offer_version_of_an_offer", "offer_version", ["offer_id"])
    op.create_index("observation_of_a_version", "observation", ["version_id"])
    for name, table in (("observation_with_a_detail", "observation"), ("detail_with_an_answer", "detail")):
        op.create_index(name, table, ["detail_id"], sqlite_where=WITH_DETAIL, postgresql_where=WITH_DETAIL)
    op.add_column("trend_note", sa.Column("last_date", sa.Date, comment="the last snapshot that used it"))
    op.execute("UPDATE trend_note SET last_date = (SELECT MAX(snapshot_date) FROM list_snapshot)")
