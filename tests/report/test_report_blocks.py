"""The pure parts: columns, moves, heat map, record, pages."""

from __future__ import annotations

import base64
import gzip
import json
from datetime import date
from math import exp
from typing import Any

import numpy as np
import pytest

from toplist.report.assemble import PageBlocks, page_data, shown_dates
from toplist.report.columns import deltas, encode_column, optional, pack
from toplist.report.facts import DayFacts, ListFacts, ListId, SnapshotFacts
from toplist.report.heatmap import MAX_ROWS, HeatMap
from toplist.report.moves import find_moves
from toplist.report.pages import page_name, plan_pages
from toplist.report.reader import PastList
from toplist.report.record import TrackRecord
from toplist.report.table import EntryTable

DAY = date(2026, 11, 26)


def a_list(category: str = "1", rank_type: str = "hot", path: str = "女装", rows: int = 3, **changes: Any) -> ListFacts:
    fields: dict[str, Any] = {
        "id": ListId("base64", rank_type, category),
        "status": "complete",
        "code": None,
        "message": None,
        "category_name": path.split(" > ")[-1],
        "category_path": path,
        "total": rows,
        "received": rows,
        "rejected": 0,
        "duplicates": 0,
    }
    return ListFacts(**(fields | changes))


def an_entry(offer_id: str, rank: int = 1, **changes: Any) -> dict[str, Any]:
    return {"offer_id": offer_id, "rank": rank, "title": f"t{offer_id}", "sale_count": 10, "price": 1.5} | changes


def a_table(*entries: dict[str, Any], lists: tuple[ListFacts, ...] = (a_list(),)) -> EntryTable:
    table = EntryTable(lists, 3)
    for entry in entries:
        table.add([entry.pop("list", lists[0].id)], {name: [value] for name, value in entry.items()})
    return table


def unpacked(text: str) -> Any:
    return json.loads(gzip.decompress(base64.b64decode(text)))


def test_a_column_of_few_values_is_a_dictionary() -> None:
    assert encode_column(["a", "b", None, "a", "b", "a", "a"]) == {"d": ["a", "b", None], "i": [0, 1, 2, 0, 1, 0, 0]}
    assert encode_column(["a", "a"]) == {"v": "a"}
    assert encode_column([[1], [2], [1], [1]]) == {"d": [[1], [2]], "i": [0, 1, 0, 0]}
    assert encode_column(["a", "b"]) == ["a", "b"]
    assert encode_column([1, None, 2]) == [1, None, 2]
    assert encode_column([True, False, None, True, True]) == {"d": [True, False, None], "i": [0, 1, 2, 0, 0]}


def test_prices_keep_their_cents_and_growths_seven_digits() -> None:
    assert encode_column([123456789.12, 0.0135539251153212]) == [123456789.12, 0.01355393]


def test_differences_skip_days_without_a_figure() -> None:
    assert deltas(np.array([5, -1, 7, 6])) == [5, None, 2, -1]
    assert optional(np.array([5, -1, 0])) == [5, None, 0]
    assert deltas(np.array([], int)) == []


def test_packing_is_repeatable_and_survives_half_characters() -> None:
    data = {"title": "a\ud800b", "emoji": "👗"}
    assert unpacked(pack(data)) == data
    assert pack(data) == pack(data)


def test_an_offer_is_carried_once_and_its_past_laid_behind_it() -> None:
    lists = (a_list("1"), a_list("2"))
    table = a_table(an_entry("7", 1), an_entry("7", 2, list=lists[1].id), lists=lists)
    table.add_past(
        past_list(
            lists[0].id,
            [row(0, 3, "7", 10.0, 5), row(1, 2, "7", 9.5, 6), row(2, 1, "7", None, 8), row(2, 9, "gone", 1.0, 1)],
            {},
        ),
        1,
    )
    found = table.as_json()
    assert found["offers_count"] == 1
    assert found["entries"]["offer"] == [0, 0]
    past = table.past_as_json()
    assert past["rank"] == [2, 1, None, None, None, None]
    assert past["sale_count"] == [6, 2, None, None, None, None]
    assert past["price"] == [95000, None, None, None, None, None]


def row(
    day: int,
    rank: int,
    offer_id: str,
    price: float | None,
    count: int | None,
    score: float | None = None,
    chance: float | None = None,
) -> tuple[Any, ...]:
    return (day, rank, offer_id, price, count, score, score, chance)


def past_list(list_id: ListId, rows: list[tuple[Any, ...]], statuses: dict[int, tuple[str, int]]) -> PastList:
    return PastList.of(list_id, statuses, list(zip(*rows, strict=True)))


def test_an_offer_stands_in_a_block_once_where_it_moved_most() -> None:
    lists = (a_list("1"), a_list("2"))
    moved = {"movement": "up"}
    table = a_table(
        an_entry("7", rank_change=2, **moved),
        an_entry("7", rank_change=9, list=lists[1].id, **moved),
        an_entry("8", rank_change=5, **moved),
        an_entry("9", rank_change=-5, movement="down"),
        an_entry("10", movement="new_entry", price_change=-0.1),
        lists=lists,
    )
    moves = find_moves(table)
    assert moves["risers"].entries == [1, 2]
    assert moves["risers"].offers == 2
    assert moves["fallers"].entries == [3]
    assert moves["new_entries"].entries == [4]
    assert moves["price_cuts"].entries == [4]


def test_flagged_candidates_come_first_then_the_probability() -> None:
    table = a_table(
        an_entry("1", breakout_score=0.5, breakout_probability=0.2, is_breakout=False),
        an_entry("2", breakout_score=0.1, breakout_probability=0.9, is_breakout=False),
        an_entry("3", breakout_score=0.1, breakout_probability=0.1, is_breakout=True),
        an_entry("4", breakout_score=-0.1),
        an_entry("5"),
    )
    assert find_moves(table)["breakouts"].entries == [2, 1, 0]


def test_a_flagged_offer_is_a_candidate_though_its_probability_is_below_a_half() -> None:
    table = a_table(an_entry("1", breakout_score=-0.8, breakout_probability=0.31, is_breakout=True))
    assert find_moves(table)["breakouts"].entries == [0]


def test_without_a_probability_a_models_flag_and_score_make_candidates() -> None:
    table = a_table(
        an_entry("1", breakout_score=-0.8, is_breakout=False),
        an_entry("2", breakout_score=-0.3, is_breakout=True),
        an_entry("3", breakout_score=-0.8),
    )
    assert find_moves(table)["breakouts"].entries == [1, 0]


@pytest.mark.parametrize(("flagged", "candidates"), [(0, 20), (5, 20), (25, 25)])
def test_candidates_are_the_days_picks_or_all_that_are_flagged(flagged: int, candidates: int) -> None:
    entries = [
        an_entry(str(at), breakout_score=-1.0, breakout_probability=0.2, is_breakout=at < flagged) for at in range(30)
    ]
    assert find_moves(a_table(*entries))["breakouts"].offers == candidates


def test_the_heat_map_counts_what_can_be_known() -> None:
    facts = a_list(path="女装 > 裙")
    heat_map = HeatMap()
    heat_map.add_list(facts)
    heat_map.add_list(a_list("9", path="女装 > 裙", status="failed", rows=0))
    heat_map.add_entries(
        a_table(
            an_entry("1", movement="new_entry"),
            an_entry("2", movement="unknown", sale_growth_per_day=0.1),
            an_entry("3", movement="up", sale_growth_per_day=0.3),
            lists=(facts,),
        )
    )
    (found,) = heat_map.as_json()["rows"]
    assert found["path"] == ["女装", "裙"]
    assert found["cells"] == [{"lists": 2, "complete": 1, "entries": 3, "new_share": 0.5, "median_growth": 0.2}]


def test_many_categories_are_summed_up_by_their_roots() -> None:
    heat_map = HeatMap()
    for number in range(MAX_ROWS + 1):
        heat_map.add_list(a_list(str(number), path=f"{'女装' if number % 2 else '童装'} > 类{number}"))
    assert [each["path"] for each in heat_map.as_json()["rows"]] == [["女装"], ["童装"]]


def rising(days: int, offers: int = 40, gone: str | None = None, incomplete: tuple[int, ...] = ()) -> PastList:
    """Offer n grows n times as fast as offer 1; the score knows it."""
    rows = [
        row(day, n, str(n), 1.0, round(100_000 * exp(0.001 * n * day)), 0.001 * n, n / offers)
        for day in range(days)
        if day not in incomplete
        for n in range(1, offers + 1)
        if not (str(n) == gone and day > 6)
    ]
    return past_list(
        ListId("base64", "hot", "1"),
        rows,
        {day: ("partial" if day in incomplete else "complete", offers) for day in range(days)},
    )


def test_the_record_finds_a_score_that_knows_the_future() -> None:
    record = TrackRecord()
    record.add(rising(30))
    found = record.as_json()
    assert found["enough"]
    assert found["origins"] == 23
    scores = {each["name"]: each for each in found["scores"]}
    assert scores["breakout"]["share"] == 1.0  # 4 of 40 a day, the tenth
    assert scores["chance"]["share"] == pytest.approx(0.1)
    assert scores["breakout"]["low"] == 1.0
    assert found["base_rate"] == pytest.approx(0.1)
    assert sum(each["rows"] for each in found["reliability"]) == 23 * 40
    assert found["reliability"][-1]["came"] > found["reliability"][0]["came"]


def test_a_vanished_offer_is_a_miss_and_an_incomplete_day_is_read_a_day_later() -> None:
    whole, gone = TrackRecord(), TrackRecord()
    whole.add(rising(10))
    gone.add(rising(10, gone="40"))
    of = {
        name: {each["name"]: each for each in record.as_json()["scores"]}
        for name, record in {"whole": whole, "gone": gone}.items()
    }
    assert of["whole"]["breakout"]["vanished"] == 0
    assert of["gone"]["breakout"]["vanished"] == pytest.approx(3 / 12)
    assert of["gone"]["breakout"]["share"] < 1
    late = TrackRecord()
    late.add(rising(10, incomplete=(7,)))
    assert late.as_json()["origins"] == 3  # day 0 is judged on day 8


def test_too_little_history_says_so() -> None:
    record = TrackRecord()
    record.add(rising(8))
    found = record.as_json()
    assert not found["enough"]
    assert found["origins"] == 1
    assert found["scores"] == []


def test_pages_are_root_categories_and_large_ones_are_split() -> None:
    lists = [
        a_list("1", path="女装 > 裙", rows=60),
        a_list("2", path="女装 > 裤", rows=60),
        a_list("3", path="童装", rows=30),
    ]
    assert plan_pages(lists, 150) == []
    plans = plan_pages(lists, 100)
    assert [(plan.name, plan.part, plan.parts, plan.entries, plan.suffix) for plan in plans] == [
        ("女装", 1, 2, 60, "001-1"),
        ("女装", 2, 2, 60, "001-2"),
        ("童装", 1, 1, 30, "002"),
    ]
    assert page_name("x-2026-11-26.html", "001") == "x-2026-11-26.001.html"


def test_the_truth_about_the_day_names_every_failure_worst_first() -> None:
    lists = [
        a_list("1"),
        a_list("2", status="failed", code="no grant", message="m", received=0, rank_type="VNHot"),
        a_list("3", status="failed", code="no grant", message="m", received=0, rank_type="VNHot"),
        a_list("4", status="failed", code="gw.X", message="boom", received=0),
        a_list("5", status="partial", received=2, total=3),
        a_list("6", status="absent", received=0),
    ]
    day = DayFacts(DAY, {"complete": 1}, 5)
    facts = SnapshotFacts("1688", DAY, lists, [day])
    table = EntryTable(lists, 30)
    data = page_data(facts, lists, PageBlocks(table, {}, HeatMap(), TrackRecord().as_json(), {}, {}))
    assert [(each["status"], each["code"], len(each["lists"])) for each in data["verdict"]["problems"]] == [
        ("failed", "gw.X", 1),
        ("partial", None, 1),
        ("failed", "no grant", 2),
    ]
    assert data["verdict"]["counts"] == {
        "complete": 1,
        "partial": 1,
        "empty": 0,
        "absent": 1,
        "failed": 3,
        "pending": 0,
    }
    assert data["dates"] == [str(each) for each in shown_dates(DAY)]
    assert data["days"][:-1] == [None] * 29  # gaps
    assert data["days"][-1]["received"] == 5
