"""The tables. The views, for people with SQL, are in the migrations; docs/sql.md describes them.

What changes from day to day is in `observation`, clustered by list and day. An offer's texts and terms of sale are in
`offer_version`, once for all the days and lists that show them unchanged; its detail is in `offer_detail` in the same
way. `detail` is the ledger of details: one row for each offer and week.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeEngine

metadata = MetaData()


def _name(length: int) -> TypeEngine[str]:
    """A name that sorts by its code points in both databases, so that feeds of both have one order."""
    return String(length).with_variant(String(length, collation="C"), "postgresql")


#: 64 bits in both databases. SQLite numbers rows by itself only in a column of type INTEGER.
Id = Count = BigInteger().with_variant(Integer, "sqlite")


class Message(TypeDecorator[str]):
    """A text from outside. Neither database takes lone surrogates, and PostgreSQL takes no NUL: both are replaced."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else value.replace("\0", "\ufffd").encode(errors="replace").decode()


#: Most observations and many details refer to none: the index holds the others.
_WHERE_DETAIL: dict[str, Any] = dict.fromkeys(("sqlite_where", "postgresql_where"), text("detail_id IS NOT NULL"))

rate_limit = Table(
    "rate_limit",
    metadata,
    Column("key", String(64), primary_key=True, comment="HMAC of the app key"),
    Column("state", Text, nullable=False),
)

list_ = Table(
    "list",
    metadata,
    Column("list_id", Id, primary_key=True),
    Column("source", _name(16), nullable=False),
    Column("protocol", _name(16), nullable=False),
    Column("rank_type", _name(32), nullable=False),
    Column("category_id", _name(32), nullable=False),
    UniqueConstraint("source", "protocol", "rank_type", "category_id"),
)

list_snapshot = Table(
    "list_snapshot",
    metadata,
    Column("list_id", ForeignKey("list.list_id"), primary_key=True),
    Column("snapshot_date", Date, primary_key=True),
    Column("status", String(16), nullable=False),
    Column("code", Message),
    Column("message", Message),
    Column("category_name", Message),
    Column("category_level", SmallInteger),
    Column("category_path", Message, comment="names from the root down"),
    Column("reported_total", Count),
    Column("received", Integer, nullable=False, default=0),
    Column("rejected", Integer, nullable=False, default=0),
    Column("duplicates", Integer, nullable=False, default=0),
    Column("requested_rows", Count, comment="rows asked for; null is all"),
    Column("page_size", Integer, nullable=False),
    Column("collected_ms", BigInteger, comment="when its first page was read, ms since 1970"),
    Column("lease_owner", String(64), comment="the crawl that is fetching it"),
    Column("lease_expires_at", Float, comment="when that crawl's lease ends, by the database's clock"),
    Index("list_snapshot_of_a_day", "snapshot_date", "status"),
)

offer_version = Table(
    "offer_version",
    metadata,
    Column("version_id", Id, primary_key=True),
    Column("digest", String(32), nullable=False, unique=True),
    Column("offer_id", String(32), nullable=False),
    Column("title", Text),
    Column("title_translated", Text),
    Column("min_order", Count),
    Column("price_tiers", JSON(none_as_null=True)),
    Column("tier_start", Count, comment="pieces at which the first tier begins"),
    Column("tier_price", Float, comment="yuan, of the first tier"),
    Column("supplier", Text),
    Column("is_gold", Boolean),
    Column("main_img", Text),
    Column("detail_url", Text),
    Column("services", JSON(none_as_null=True)),
    Index("offer_version_of_an_offer", "offer_id"),
)

observation = Table(
    "observation",
    metadata,
    Column("list_id", BigInteger, primary_key=True, autoincrement=False),
    Column("snapshot_date", Date, primary_key=True),
    Column("rank", SmallInteger, primary_key=True),
    Column("version_id", ForeignKey("offer_version.version_id"), nullable=False),
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
    Column("movement", String(16)),
    Column("breakout_score", Float),
    Column("breakout_probability", Float),
    Column("breakout_probability_30d", Float),
    Column("is_breakout", Boolean),
    Column("note_id", Integer, comment="which figures are null or damped, and why"),
    Index("observation_of_a_version", "version_id"),
    Index("observation_with_a_detail", "detail_id", **_WHERE_DETAIL),
    sqlite_with_rowid=False,
)

trend_note = Table(
    "trend_note",
    metadata,
    Column("note_id", Integer, primary_key=True),
    Column("trend_notes", JSON, nullable=False),
    Column("digest", String(32), nullable=False, unique=True),
    Column("last_date", Date, comment="the last snapshot that used it"),
)

first_seen = Table(
    "first_seen",
    metadata,
    Column("list_id", BigInteger, primary_key=True, autoincrement=False),
    Column("offer_id", _name(32), primary_key=True),
    Column("snapshot_date", Date, nullable=False, comment="when the list first held the offer"),
    sqlite_with_rowid=False,
)

dropped_out = Table(
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

trend_model = Table(
    "trend_model",
    metadata,
    Column("source", _name(16), primary_key=True),
    Column("protocol", _name(16), primary_key=True),
    Column("snapshot_date", Date, primary_key=True, comment="fitted after this day, for the days after it"),
    Column("version", String(16), nullable=False),
    Column("coverage", String(16), nullable=False, comment="what a count covers: total, window:30, unknown"),
    Column("evidence", JSON, nullable=False, comment="what the history shows of that"),
    Column("models", JSON, nullable=False, comment="one for each horizon, with its own record"),
    Column("heat", JSON(none_as_null=True), comment="the own reference of heat_index; null: the shipped one serves"),
)

detail = Table(
    "detail",
    metadata,
    Column("source", _name(16), primary_key=True),
    Column("week_date", Date, primary_key=True, comment="Monday of the ISO week that the answer is good for"),
    Column("offer_id", _name(32), primary_key=True),
    Column("planned_date", Date, nullable=False, comment="the last snapshot that asked for it"),
    Column("best_rank", SmallInteger, nullable=False),
    Column("status", String(16), nullable=False, comment="pending, complete or failed"),
    Column("code", Message),
    Column("message", Message),
    Column("detail_id", ForeignKey("offer_detail.detail_id")),
    Column("collected_ms", BigInteger),
    Index("detail_of_a_plan", "source", "week_date", "planned_date", "best_rank", "offer_id"),
    Index("detail_with_an_answer", "detail_id", **_WHERE_DETAIL),
)

offer_detail = Table(
    "offer_detail",
    metadata,
    Column("detail_id", Id, primary_key=True),
    Column("digest", String(32), nullable=False, unique=True),
    Column("offer_id", String(32), nullable=False),
    Column("price", Float),
    Column("min_order", Count),
    Column("price_tiers", JSON(none_as_null=True)),
    Column("unit", Text),
    Column("lot_size", Count),
    Column("trade_score", Float),
    Column("repurchase_rate", Float),
    Column("supplier", Text),
    Column("is_gold", Boolean),
    Column("services", JSON(none_as_null=True)),
    Column("badges", JSON(none_as_null=True)),
    Column("sku_prices", JSON(none_as_null=True), comment="yuan by sku: [{sku_id, price}]"),
)

offer_daily = Table(
    "offer_daily",
    metadata,
    Column("source", _name(16), primary_key=True),
    Column("offer_id", _name(32), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("units", BigInteger, comment="sold on the day"),
    Column("median_price", Float, comment="yuan, of the 30 days before"),
    Column("repurchase_rate", Float, comment="0-1, of the 90 days before"),
)

rejected = Table(
    "rejected",
    metadata,
    Column("list_id", BigInteger, primary_key=True, autoincrement=False),
    Column("snapshot_date", Date, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("row", JSON, nullable=False),
)

category = Table(
    "category",
    metadata,
    Column("source", _name(16), primary_key=True),
    Column("category_id", _name(32), primary_key=True, comment="0 is the root that the root categories hang from"),
    Column("parent_id", _name(32), nullable=False),
    Column("name", Message),
    Column("level", SmallInteger, nullable=False),
    Column("is_leaf", Boolean, comment="null: the gateway did not say"),
    Column("position", Integer, nullable=False, comment="place among its siblings, as they came"),
    Column("read_ms", BigInteger, comment="when its children were read, ms since 1970; null: never"),
    Column("retired", Integer, comment="how many of its children were left out as retired (停用)"),
    Index("category_children", "source", "parent_id"),
)
