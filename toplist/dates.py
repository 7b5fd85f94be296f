"""Dates of the business are in Asia/Shanghai; instants are timezone-aware and in UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")


def business_date(at: datetime) -> date:
    """The Shanghai date of an aware instant."""
    return at.astimezone(SHANGHAI).date()


def utc_now() -> datetime:
    """Now, aware, in UTC."""
    return datetime.now(UTC)
