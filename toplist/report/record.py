"""What earlier picks have been worth: the scores as they were published on their day, beside what came after.

An origin is a day whose outcome is known. Its rows are judged 7 days later on the same list (a day later than that if
the list was not complete then): the outcome is yes for the top tenth of the day's log sales growths, and no for an
offer that vanished from a complete list. Rows of which nothing tells what became of them are left out.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import nlargest
from math import inf, isnan, log, nan
from random import Random
from typing import Any

from toplist.report.moves import PICKS
from toplist.report.reader import PastList

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
_SCORES = ("breakout", "last_growth", "chance")


@dataclass(slots=True)
class _Origin:
    """One day's rows whose outcome is known. nan: vanished, or no score."""

    growths: array[float] = field(default_factory=lambda: array("d"))
    breakout: array[float] = field(default_factory=lambda: array("d"))
    last_growth: array[float] = field(default_factory=lambda: array("d"))
    probability: array[float] = field(default_factory=lambda: array("d"))


@dataclass(frozen=True, slots=True)
class _Tally:
    picks: float
    hits: float
    vanished: float


class TrackRecord:
    """Grows list by list, and is judged at the end: `PICKS` a day, but never more than a tenth of its rows."""

    def __init__(self) -> None:
        self._origins: dict[int, _Origin] = defaultdict(_Origin)
        self._lists = 0

    def add(self, past: PastList) -> None:
        """Take in one list's window."""
        self._lists += 1
        days: dict[int, dict[str, int | None]] = defaultdict(dict)
        for day, _, offer_id, _, count, *_ in past.rows:
            days[day][offer_id] = count
        targets = {day: _target(day, past.statuses) for day in days}
        for day, _, offer_id, _, count, last_growth, score, probability in past.rows:
            target = targets[day]
            if target is None or not count:
                continue
            later = days[target][offer_id] if offer_id in days[target] else _gone(past, day, target)
            if later:
                origin = self._origins[day]
                origin.growths.append(log(later / count))
                origin.breakout.append(nan if score is None else score)
                origin.last_growth.append(nan if last_growth is None else last_growth)
                origin.probability.append(nan if probability is None else probability)

    def as_json(self) -> dict[str, Any]:
        """The table, the reliability plot's points, and whether the history is enough to say anything."""
        judged = [
            (self._origins[day], top)
            for day in sorted(self._origins)
            if (top := _top_tenth(self._origins[day].growths)) is not None
        ]
        rows = sum(len(origin.growths) for origin, _ in judged)
        enough = len(judged) >= MIN_ORIGINS
        return {
            "enough": enough,
            "origins": len(judged),
            "needed": MIN_ORIGINS,
            "horizon": HORIZON,
            "picks": PICKS,
            "lists": self._lists,
            "rows": rows,
            "base_rate": sum(sum(top) for _, top in judged) / rows if rows else None,
            "scores": [_score(name, judged) for name in _SCORES] if enough else [],
            "reliability": _reliability(judged) if enough else [],
        }


def _target(day: int, statuses: dict[int, tuple[str, int]]) -> int | None:
    for later in range(day + HORIZON, day + HORIZON + TOLERANCE + 1):
        if statuses.get(later, ("", 0))[0] == "complete":
            return later
    return None


def _gone(past: PastList, day: int, target: int) -> float | None:
    """What a row without a later count counts as: nan, or None where a longer list might have held the offer."""
    return nan if past.statuses[target][1] >= past.statuses[day][1] else None


def _top_tenth(growths: Sequence[float]) -> list[bool] | None:
    """Which rows are in the top tenth of the measured growths; never more than a tenth, ties outside."""
    measured = sorted(growth for growth in growths if not isnan(growth))
    if len(measured) < MIN_SURVIVORS:
        return None
    highest_out = measured[-(len(measured) // 10) - 1]
    return [growth > highest_out for growth in growths]


def _score(name: str, judged: Sequence[tuple[_Origin, list[bool]]]) -> dict[str, Any]:
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


def _tally(name: str, origin: _Origin, top: Sequence[bool]) -> _Tally:
    rows = len(top)
    picks = min(PICKS, max(1, rows // 10))
    if name == "chance":  # its expectation: no luck in it
        gone = sum(map(isnan, origin.growths))
        return _Tally(picks, picks * sum(top) / rows, picks * gone / rows)
    scores: array[float] = getattr(origin, name)
    order = nlargest(picks, range(rows), key=lambda at: -inf if isnan(scores[at]) else scores[at])
    return _Tally(picks, sum(top[at] for at in order), sum(isnan(origin.growths[at]) for at in order))


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


def _reliability(judged: Sequence[tuple[_Origin, list[bool]]]) -> list[dict[str, Any]]:
    groups = [[0, 0.0, 0] for _ in range(len(BORDERS) + 1)]
    for origin, top in judged:
        for probability, hit in zip(origin.probability, top, strict=True):
            if not isnan(probability):
                group = groups[bisect_right(BORDERS, probability)]
                group[0] += 1
                group[1] += probability
                group[2] += hit
    return [
        {"rows": rows, "said": round(said / rows, 4), "came": round(came / rows, 4)}
        for rows, said, came in groups
        if rows
    ]
