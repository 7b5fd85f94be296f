"""What a sale count covers. The `openplatform` documents 30 days; the `base64` specification does not say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from toplist.errors import InputError
from toplist.ranktypes import Protocol

#: The setting's value for: find it out from the history.
AUTO: Final = "auto"


@dataclass(frozen=True, slots=True)
class Coverage:
    """`total`: a running total. `window_days`: units of the last n days. Neither: not known."""

    total: bool = False
    window_days: int | None = None

    @classmethod
    def parse(cls, text: str) -> Coverage:
        """From the setting's spelling: ``auto``, ``unknown``, ``total`` or ``window:<days>``. Raises `InputError`."""
        kind, _, days = text.strip().lower().partition(":")
        if kind in ("auto", "unknown", "total") and not days:
            return cls(total=kind == "total")
        if kind == "window" and days.isascii() and days.isdigit() and 1 <= int(days) <= 366:
            return cls(window_days=int(days))
        raise InputError(f"sale count coverage is {text!r}; accepted are unknown, total and window:<1 to 366 days>")

    @classmethod
    def of(cls, protocol: Protocol, base64: str = AUTO, found: Coverage | None = None) -> Coverage:
        """The protocol's own where it documents one, else what the setting says; `auto`: what was `found` out."""
        if protocol is Protocol.OPENPLATFORM:
            return OPENPLATFORM_COVERAGE
        return (found or UNKNOWN_COVERAGE) if base64 == AUTO else cls.parse(base64)

    def __str__(self) -> str:
        if self.window_days is not None:
            return f"window:{self.window_days}"
        return "total" if self.total else "unknown"


UNKNOWN_COVERAGE = Coverage()
#: `soldOut`: units of the last 30 days. Source: field table of product.topList.query.
OPENPLATFORM_COVERAGE = Coverage(window_days=30)
