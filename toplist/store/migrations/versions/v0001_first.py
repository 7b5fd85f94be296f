"""The first schema: ledger, history, gate."""

from alembic import op

from toplist.store.tables import COLLECTED_AT, ENTRIES_VIEW, LEDGER_VIEW, metadata

revision = "0001"
down_revision = None


def upgrade() -> None:
    bind = op.get_bind()
    metadata.create_all(bind)
    show = COLLECTED_AT[bind.dialect.name]
    op.execute(LEDGER_VIEW.format(collected_at=show.format("o.collected_ms")))
    op.execute(ENTRIES_VIEW.format(collected_at=show.format("e.collected_ms")))
