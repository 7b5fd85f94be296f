"""The first schema, as it was released: frozen, so that later versions start from what a database really has."""

from alembic import op
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.types import TypeEngine

revision = "0001"
down_revision = None

metadata = MetaData()


def _name(length: int) -> TypeEngine[str]:
    """A name that sorts by its code points everywhere, so that feeds of any database have one order."""
    return String(length).with_variant(String(length, collation="C"), "postgresql")


#: SQLite numbers rows by itself only in a column of type INTEGER.
Id = BigInteger().with_variant(Integer, "sqlite")

Table(
    "gate",
    metadata,
    Column("key", String(64), primary_key=True, comment="HMAC of the app key"),
    Column("state", Text, nullable=False),
)

Table(
    "list",
    metadata,
    Column("list_id", Id, primary_key=True),
    Column("source", _name(16), nullable=False),
    Column("protocol", _name(16), nullable=False),
    Column("rank_type", _name(32), nullable=False),
    Column("category_id", _name(32), nullable=False),
    UniqueConstraint("source", "protocol", "rank_type", "category_id"),
)

Table(
    "outcome",
    metadata,
    Column("list_id", ForeignKey("list.list_id"), primary_key=True),
    Column("snapshot_date", Date, primary_key=True),
    Column("status", String(16), nullable=False),
    Column("code", Text),
    Column("message", Text),
    Column("category_name", Text),
    Column("category_level", SmallInteger),
    Column("category_path", Text, comment="names from the root down"),
    Column("total", Integer),
    Column("received", Integer, nullable=False, default=0),
    Column("set_aside", Integer, nullable=False, default=0),
    Column("doubled", Integer, nullable=False, default=0),
    Column("asked", Integer, comment="rows asked for; null is all"),
    Column("page_size", Integer, nullable=False),
    Column("collected_ms", BigInteger, comment="when its first page was read, ms since 1970"),
    Column("holder", String(64), comment="the crawl that is fetching it"),
    Column("held_until", Float, comment="when that crawl's lease ends, by the database's clock"),
    Index("outcome_of_a_day", "snapshot_date", "status"),
)

Table(
    "offer_text",
    metadata,
    Column("text_id", Id, primary_key=True),
    Column("digest", String(32), nullable=False, unique=True),
    Column("offer_id", String(32), nullable=False),
    Column("title", Text),
    Column("title_translated", Text),
    Column("min_order", Integer),
    Column("price_tiers", JSON(none_as_null=True)),
    Column("tier_start", Integer, comment="pieces at which the first tier begins"),
    Column("tier_price", Float, comment="yuan, of the first tier"),
    Column("supplier", Text),
    Column("is_gold", Boolean),
    Column("main_img", Text),
    Column("detail_url", Text),
    Column("services", JSON(none_as_null=True)),
)

Table(
    "observation",
    metadata,
    Column("list_id", BigInteger, primary_key=True, autoincrement=False),
    Column("snapshot_date", Date, primary_key=True),
    Column("rank", SmallInteger, primary_key=True),
    Column("text_id", ForeignKey("offer_text.text_id"), nullable=False),
    Column("detail_id", ForeignKey("offer_detail.detail_id"), comment="fills what the list did not say"),
    Column("collected_ms", BigInteger, nullable=False),
    Column("price", Float),
    Column("sale_count", BigInteger),
    Column("buyer_count", BigInteger),
    Column("trade_score", Float),
    Column("repurchase_rate", Float),
    Column("trend_score", Float),
    Column("heat_index", Float),
    Column("sale_growth", Float),
    Column("sale_growth_per_day", Float),
    Column("sale_growth_adjusted", Float),
    Column("sale_growth_30d", Float),
    Column("price_change", Float),
    Column("price_change_per_day", Float),
    Column("price_volatility", Float),
    Column("rank_change", Integer),
    Column("list_status", String(16)),
    Column("breakout_score", Float),
    Column("breakout_probability", Float),
    Column("is_breakout", Boolean),
    Column("note_id", Integer, comment="which figures are null or damped, and why"),
    sqlite_with_rowid=False,
)

Table(
    "trend_note",
    metadata,
    Column("note_id", Integer, primary_key=True),
    Column("trend_notes", JSON, nullable=False),
    Column("digest", String(32), nullable=False, unique=True),
)

Table(
    "first_seen",
    metadata,
    Column("list_id", BigInteger, primary_key=True, autoincrement=False),
    Column("offer_id", _name(32), primary_key=True),
    Column("snapshot_date", Date, nullable=False, comment="when the list first held the offer"),
    sqlite_with_rowid=False,
)

Table(
    "dropped_out",
    metadata,
    Column("list_id", BigInteger, primary_key=True, autoincrement=False),
    Column("snapshot_date", Date, primary_key=True),
    Column("offer_id", _name(32), primary_key=True),
    Column("base_date", Date, nullable=False),
    Column("rank", SmallInteger, nullable=False),
    Column("sale_count", BigInteger),
    sqlite_with_rowid=False,
)

Table(
    "calibration",
    metadata,
    Column("source", _name(16), primary_key=True),
    Column("protocol", _name(16), primary_key=True),
    Column("snapshot_date", Date, primary_key=True),
    Column("data", JSON(none_as_null=True), comment="null: too little history that day"),
)

Table(
    "detail",
    metadata,
    Column("source", _name(16), primary_key=True),
    Column("week_date", Date, primary_key=True, comment="Monday of the ISO week that the answer is good for"),
    Column("offer_id", _name(32), primary_key=True),
    Column("planned_date", Date, nullable=False, comment="the last snapshot that asked for it"),
    Column("best_rank", SmallInteger, nullable=False),
    Column("status", String(16), nullable=False, comment="pending, complete or failed"),
    Column("code", Text),
    Column("message", Text),
    Column("detail_id", ForeignKey("offer_detail.detail_id")),
    Column("collected_ms", BigInteger),
    Index("detail_of_a_plan", "source", "week_date", "planned_date", "best_rank", "offer_id"),
)

Table(
    "offer_detail",
    metadata,
    Column("detail_id", Id, primary_key=True),
    Column("digest", String(32), nullable=False, unique=True),
    Column("offer_id", String(32), nullable=False),
    Column("price", Float),
    Column("min_order", Integer),
    Column("price_tiers", JSON(none_as_null=True)),
    Column("unit", Text),
    Column("lot_size", Integer),
    Column("trade_score", Float),
    Column("repurchase_rate", Float),
    Column("supplier", Text),
    Column("is_gold", Boolean),
    Column("services", JSON(none_as_null=True)),
    Column("marks", JSON(none_as_null=True)),
    Column("sku_prices", JSON(none_as_null=True), comment="yuan by sku: [{sku_id, price}]"),
)

Table(
    "offer_daily",
    metadata,
    Column("source", _name(16), primary_key=True),
    Column("offer_id", _name(32), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("units", BigInteger, comment="sold on the day"),
    Column("median_price", Float, comment="yuan, of the 30 days before"),
    Column("repurchase_rate", Float, comment="0-1, of the 90 days before"),
)

Table(
    "set_aside",
    metadata,
    Column("list_id", BigInteger, primary_key=True, autoincrement=False),
    Column("snapshot_date", Date, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("row", JSON, nullable=False),
)

Table(
    "category",
    metadata,
    Column("source", _name(16), primary_key=True),
    Column("category_id", _name(32), primary_key=True, comment="0 is the root that the root categories hang from"),
    Column("parent_id", _name(32), nullable=False),
    Column("name", Text),
    Column("level", SmallInteger, nullable=False),
    Column("is_leaf", Boolean, comment="null: the gateway did not say"),
    Column("position", Integer, nullable=False, comment="place among its siblings, as they came"),
    Column("read_ms", BigInteger, comment="when its children were read, ms since 1970; null: never"),
    Column("retired", Integer, comment="how many of its children were left out as retired (停用)"),
    Index("category_children", "source", "parent_id"),
)

LEDGER_VIEW = """
CREATE VIEW ledger AS
SELECT o.snapshot_date, l.source, l.protocol, l.rank_type, l.category_id, o.category_name, o.category_level,
       o.category_path, o.status, o.code, o.message, o.total, o.received, o.set_aside, o.doubled, o.asked, o.page_size,
       {collected_at} AS collected_at
FROM outcome o JOIN list l ON l.list_id = o.list_id
"""

ENTRIES_VIEW = """
CREATE VIEW entries AS
SELECT e.snapshot_date, {collected_at} AS collected_at, l.source, l.protocol, l.rank_type, l.category_id,
       o.category_name, o.category_level, o.category_path, e.rank, o.total, t.offer_id, t.title, t.title_translated,
       COALESCE(e.price, d.price) AS price, COALESCE(t.min_order, d.min_order) AS min_order,
       COALESCE(t.price_tiers, d.price_tiers) AS price_tiers, e.sale_count, e.buyer_count,
       COALESCE(e.trade_score, d.trade_score) AS trade_score,
       COALESCE(e.repurchase_rate, d.repurchase_rate) AS repurchase_rate, COALESCE(t.supplier, d.supplier) AS supplier,
       COALESCE(t.is_gold, d.is_gold) AS is_gold, t.main_img, t.detail_url,
       COALESCE(t.services, d.services) AS services, d.unit, d.lot_size, d.marks, e.trend_score, e.heat_index,
       e.sale_growth, e.sale_growth_per_day, e.sale_growth_adjusted, e.sale_growth_30d, e.price_change,
       e.price_change_per_day, e.price_volatility, e.rank_change, e.list_status, e.breakout_score,
       e.breakout_probability, e.is_breakout, n.trend_notes
FROM observation e
JOIN list l ON l.list_id = e.list_id
JOIN outcome o ON o.list_id = e.list_id AND o.snapshot_date = e.snapshot_date
JOIN offer_text t ON t.text_id = e.text_id
LEFT JOIN trend_note n ON n.note_id = e.note_id
LEFT JOIN offer_detail d ON d.detail_id = e.detail_id
"""

#: How a view shows milliseconds since 1970 as ISO 8601 in UTC.
COLLECTED_AT = {
    "sqlite": "strftime('%Y-%m-%dT%H:%M:%fZ', {0} / 1000.0, 'unixepoch')",
    "postgresql": "to_char(to_timestamp({0} / 1000.0) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')",
}


def upgrade() -> None:
    bind = op.get_bind()
    metadata.create_all(bind)
    show = COLLECTED_AT[bind.dialect.name]
    op.execute(LEDGER_VIEW.format(collected_at=show.format("o.collected_ms")))
    op.execute(ENTRIES_VIEW.format(collected_at=show.format("e.collected_ms")))
