"""Values that could not be read, counted by field and reason: every null has a recorded reason."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Unparsable:
    """A value that is present and can't be read; `reason` is one word for a stat, such as ``negative``."""

    reason: str


class ParseIssues(Counter[tuple[str, str]]):
    """How often a value of a field was unreadable: (field of the feed, reason) → times.

    The source of the stats `toplist/parse_issues/<field>/<reason>`.
    """

    def keep(self, field: str, value: T | Unparsable) -> T | None:
        """The value; or `None`, and the issue counted, where it could not be read."""
        if isinstance(value, Unparsable):
            self[field, value.reason] += 1
            return None
        return value
