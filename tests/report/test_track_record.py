"""The record of past picks against the same figures made row by row, on random lists."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from math import isnan, log, nan
from random import Random
from typing import Any

import pytest

from toplist.report.facts import ListId
from toplist.report.moves import PICKS
from toplist.report.reader import PastList
from toplist.report.record import BORDERS, DAYS, TrackRecord

#: day, rank, offer, price, count, last growth, score, probability
Row = tuple[int, int, str, None, int | None, float | None, float | None, float | None]


def a_list(random: Random, category: int) -> tuple[list[Row], dict[int, tuple[str, int]]]:
    """A list whose offers come and go, on days that did not all end complete."""
    rows: list[Row] = []
    statuses: dict[int, tuple[str, int]] = {}
    for day in range(DAYS):
        if random.random() < 0.1:
            continue
        offers = random.sample(range(40), random.choice((20, 30, 30)))
        statuses[day] = (random.choice(("complete", "complete", "complete", "partial")), len(offers))
        for rank, offer in enumerate(offers, 1):
            figures = (random.choice((None, random.random())) for _ in range(3))
            rows.append((day, rank, f"{category}-{offer}", None, random.choice((None, 0, *range(1, 60))), *figures))
    return rows, statuses


def judged(lists: list[tuple[list[Row], dict[int, tuple[str, int]]]]) -> dict[int, list[tuple[float, Row]]]:
    """Each day's rows whose outcome is known: the log growth in 7 days, or 8; nan for an offer that vanished."""
    found: dict[int, list[tuple[float, Row]]] = defaultdict(list)
    for rows, statuses in lists:
        counts = {(row[0], row[2]): row[4] for row in rows}
        for row in rows:
            later = next((at for at in (row[0] + 7, row[0] + 8) if statuses.get(at, "?")[0] == "complete"), None)
            if later is None or not row[4]:
                continue
            if (later, row[2]) not in counts:
                if statuses[later][1] >= statuses[row[0]][1]:
                    found[row[0]].append((nan, row))
            elif count := counts[later, row[2]]:
                found[row[0]].append((log(count / row[4]), row))
    return found


def expected(lists: list[tuple[list[Row], dict[int, tuple[str, int]]]]) -> dict[str, Any]:
    hits, gone, picks, rows, tops = defaultdict(float), defaultdict(float), 0, 0, 0
    groups = [[0, 0.0, 0] for _ in range(len(BORDERS) + 1)]
    for _, day in sorted(judged(lists).items()):
        measured = sorted(growth for growth, _ in day if not isnan(growth))
        border = measured[-(len(measured) // 10) - 1]
        top = [growth > border for growth, _ in day]
        size = min(PICKS, max(1, len(day) // 10))
        picks, rows, tops = picks + size, rows + len(day), tops + sum(top)
        for name, column in (("last_growth", 5), ("breakout", 6)):
            scores = [row[column] for _, row in day]
            order = sorted(range(len(day)), key=lambda at: (scores[at] is None, -(scores[at] or 0)))[:size]
            hits[name] += sum(top[at] for at in order)
            gone[name] += sum(isnan(day[at][0]) for at in order)
        for hit, (_, row) in zip(top, day, strict=True):
            if row[7] is not None:
                group = groups[bisect_right(BORDERS, row[7])]
                group[0], group[1], group[2] = group[0] + 1, group[1] + row[7], group[2] + hit
    return {
        "rows": rows,
        "base_rate": pytest.approx(tops / rows),
        "share": {name: pytest.approx(each / picks) for name, each in hits.items()},
        "vanished": {name: pytest.approx(each / picks) for name, each in gone.items()},
        "reliability": [
            {"rows": size, "said": pytest.approx(said / size, abs=1e-4), "came": pytest.approx(came / size, abs=1e-4)}
            for size, said, came in groups
            if size
        ],
    }


@pytest.mark.parametrize("seed", range(5))
def test_the_record_is_what_its_rows_give(seed: int) -> None:
    random = Random(seed)
    lists = [a_list(random, category) for category in range(6)]
    record = TrackRecord()
    for category, (rows, statuses) in enumerate(lists):
        record.add(PastList.of(ListId("base64", "hot", str(category)), statuses, list(zip(*rows, strict=True))))
    found, wanted = record.as_json(), expected(lists)
    assert {name: found[name] for name in ("rows", "base_rate", "reliability")} == {
        name: wanted[name] for name in ("rows", "base_rate", "reliability")
    }
    scores = {each["name"]: each for each in found["scores"]}
    for figure in ("share", "vanished"):
        assert {name: scores[name][figure] for name in wanted[figure]} == wanted[figure]
    assert found["origins"] == len(judged(lists))
