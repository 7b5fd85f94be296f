"""What earlier picks have been worth: the scores as they were published on their day, beside what came after.

An origin is a day whose outcome is known. Its rows are judged 7 days later on the same list (a day later than that if
the list was not complete then): the outcome is yes for the top tenth of the day's log sales growths, and no for an
offer that vanished from a complete list. Rows of which nothing tells what became of them are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf, nan
from random import Random
from typing import Any, NamedTuple

import numpy as np

from toplist.report.moves import PICKS
from toplist.report.reader import PastList
from toplist.trends.panel import Bools, Floats, Ints

HORIZON, TOLERANCE = 7, 1
#: The origins of the last four weeks, and the days of history that they need.
ORIGINS = 28
DAYS = ORIGINS + HORIZON
#: Days with fewer measured growths than this have no top tenth to speak of.
MIN_SURVIVORS = 20
#: Fewer origins than this are too little history to show a figure; an interval needs two blocks to draw from.
MIN_ORIGINS, MIN_ORIGINS_OF_INTERVAL = 3, 2 * HORIZON
#: Upper borders of the reliability plot's groups of probabilities.
BORDERS = (0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.85)
_DRAWS, _SEED = 400, 1688
#: An offer and a day in one sortable number.
_STRIDE = 1 << 10
_SCORES = ("breakout", "last_growth", "chance")


class _Rows(NamedTuple):
    """Rows whose outcome is known. NaN: vanished, or no score."""

    day: Ints
    growths: Floats
    breakout: Floats
    last_growth: Floats
    probability: Floats

    def pick(self, rows: Ints | Bools | slice) -> _Rows:
        columns: tuple[Any, ...] = self
        return _Rows(*(column[rows] for column in columns))


@dataclass(frozen=True, slots=True)
class _Tally:
    picks: float
    hits: float
    vanished: float


class TrackRecord:
    """Grows list by list, and is judged at the end: `PICKS` a day, but never more than a tenth of its rows."""

    def __init__(self) -> None:
        self._rows: list[_Rows] = []
        self._lists = 0

    def add(self, past: PastList) -> None:
        """Take in one list's window."""
        self._lists += 1
        numbers: dict[str, int] = {}
        offer = np.array([numbers.setdefault(offer_id, len(numbers)) for offer_id in past.offer_id], np.int64)
        key = offer * _STRIDE + past.day
        order = np.argsort(key, kind="stable")
        targets = np.full(DAYS, -1)
        gone = np.zeros(DAYS)
        for day in past.statuses:
            if (later_day := _target(day, past.statuses)) is not None:
                targets[day], gone[day] = later_day, _gone(past, day, later_day)
        target = targets[past.day]
        wanted = offer * _STRIDE + target
        found = order[np.searchsorted(key[order], wanted, side="right") - 1] if len(order) else order
        is_there = key[found] == wanted
        later = np.where(is_there, past.sale_count[found], gone[past.day])
        # A count of 0, today or later, has no growth; without a count later nothing tells what became of the offer.
        known = (target >= 0) & (past.sale_count > 0) & (later != 0) & ~(is_there & np.isnan(later))
        self._rows.append(
            _Rows(
                past.day[known],
                np.log(later[known] / past.sale_count[known]),
                past.breakout_score[known],
                past.sale_growth_per_day[known],
                past.breakout_probability[known],
            )
        )

    def as_json(self) -> dict[str, Any]:
        """The table, the reliability plot's points, and whether the history is enough to say anything."""
        judged = [(origin, top) for origin in self._by_day() if (top := _top_tenth(origin.growths)) is not None]
        rows = sum(len(top) for _, top in judged)
        enough = len(judged) >= MIN_ORIGINS
        return {
            "enough": enough,
            "origins": len(judged),
            "needed": MIN_ORIGINS,
            "horizon": HORIZON,
            "picks": PICKS,
            "lists": self._lists,
            "rows": rows,
            "base_rate": sum(int(top.sum()) for _, top in judged) / rows if rows else None,
            "scores": [_score(name, judged) for name in _SCORES] if enough else [],
            "reliability": _reliability(judged) if enough else [],
        }

    def _by_day(self) -> Iterator[_Rows]:
        """The rows of each day, oldest first."""
        if not self._rows:
            return
        rows = _Rows(*map(np.concatenate, zip(*self._rows, strict=True)))
        rows = rows.pick(np.argsort(rows.day, kind="stable"))
        _, starts = np.unique(rows.day, return_index=True)
        for first, last in pairwise([*starts.tolist(), len(rows.day)]):
            yield rows.pick(slice(first, last))


def _target(day: int, statuses: dict[int, tuple[str, int]]) -> int | None:
    for later in range(day + HORIZON, day + HORIZON + TOLERANCE + 1):
        if statuses.get(later, ("", 0))[0] == "complete":
            return later
    return None


def _gone(past: PastList, day: int, target: int) -> float:
    """What a row without a later count counts as: NaN, or 0 where a longer list might have held the offer."""
    return nan if past.statuses[target][1] >= past.statuses[day][1] else 0.0


def _top_tenth(growths: Floats) -> Bools | None:
    """Which rows are in the top tenth of the measured growths; never more than a tenth, ties outside."""
    measured = np.sort(growths[~np.isnan(growths)])
    if len(measured) < MIN_SURVIVORS:
        return None
    highest_out: float = measured[-(len(measured) // 10) - 1]
    return np.asarray(growths > highest_out)


def _score(name: str, judged: Sequence[tuple[_Rows, Bools]]) -> dict[str, Any]:
    tallies = [_tally(name, origin, top) for origin, top in judged]
    picks = sum(each.picks for each in tallies)
    low, high = _interval(tallies)
    return {
        "name": name,
        "picks": round(picks),
        "hits": round(sum(each.hits for each in tallies), 1),
        "share": sum(each.hits for each in tallies) / picks if picks else None,
        "vanished": sum(each.vanished for each in tallies) / picks if picks else None,
        "low": low,
        "high": high,
    }


def _tally(name: str, origin: _Rows, top: Bools) -> _Tally:
    rows = len(top)
    picks = min(PICKS, max(1, rows // 10))
    vanished = np.isnan(origin.growths)
    if name == "chance":  # its expectation: no luck in it
        return _Tally(picks, picks * int(top.sum()) / rows, picks * int(vanished.sum()) / rows)
    scores: Floats = getattr(origin, name)
    order = np.argsort(np.where(np.isnan(scores), inf, -scores), kind="stable")[:picks]
    return _Tally(picks, int(top[order].sum()), int(vanished[order].sum()))


def _interval(tallies: Sequence[_Tally]) -> tuple[float | None, float | None]:
    """95 % of the share of hits, by drawing blocks of days: outcomes of neighbouring days share most of their time."""
    count = len(tallies)
    if count < MIN_ORIGINS_OF_INTERVAL:
        return None, None
    random = Random(_SEED)
    shares = []
    for _ in range(_DRAWS):
        drawn: list[_Tally] = []
        while len(drawn) < count:
            start = random.randrange(count - HORIZON + 1)
            drawn += tallies[start : start + HORIZON]
        drawn = drawn[:count]
        shares.append(sum(each.hits for each in drawn) / sum(each.picks for each in drawn))
    shares.sort()
    return shares[int(0.025 * _DRAWS)], shares[int(0.975 * _DRAWS) - 1]


def _reliability(judged: Sequence[tuple[_Rows, Bools]]) -> list[dict[str, Any]]:
    if not judged:
        return []
    probability = np.concatenate([origin.probability for origin, _ in judged])
    hits = np.concatenate([top for _, top in judged])[~np.isnan(probability)]
    probability = probability[~np.isnan(probability)]
    group = np.searchsorted(BORDERS, probability, side="right")
    rows, said, came = (np.bincount(group, each, len(BORDERS) + 1) for each in (None, probability, hits))
    return [
        {"rows": int(rows[at]), "said": round(said[at] / rows[at], 4), "came": round(came[at] / rows[at], 4)}
        for at in np.flatnonzero(rows)
    ]
