"""DuckDB stands for everything that reads the feeds as they lie: types and values are the entries' own."""

import csv
import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.feeds.feed_samples import DAY, an_entry, some_entries
from toplist.feeds.delivery import deliver
from toplist.feeds.formats import Format
from toplist.feeds.uris import parse_targets
from toplist.items import Entry

TYPES = {
    "snapshot_date": "DATE",
    "category_id": "VARCHAR",
    "offer_id": "VARCHAR",
    "rank": "BIGINT",
    "price": "DOUBLE",
    "is_gold": "BOOLEAN",
    "rank_change": "BIGINT",
    "sale_growth": "DOUBLE",
    "title": "VARCHAR",
    "price_tiers": "STRUCT(start_quantity BIGINT, price DOUBLE)[]",
    "services": "VARCHAR[]",
}


def feeds(folder: Path, format_: Format) -> str:
    """Two days in the layout of an archive, and the pattern that names them."""
    for day, entries in {
        DAY: some_entries(),
        DAY.replace(day=24): [an_entry(snapshot_date=DAY.replace(day=24))],
    }.items():
        targets = parse_targets(f"{folder}/snapshot_date=%(snapshot_date)s/lists.{format_}", day)
        deliver(targets, lambda entries=entries: entries, snapshot_date=day, spool=folder)  # type: ignore[misc]
    return f"{folder}/*/lists.{format_}"


def table(query: str) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """Types and rows; instants as microseconds, which need no time zone library."""
    relation = duckdb.sql(f"SELECT * REPLACE (epoch_us(collected_at) AS collected_at) FROM {query}")
    names = relation.columns
    return dict(zip(names, map(str, relation.types), strict=True)), [
        dict(zip(names, row, strict=True)) for row in relation.fetchall()
    ]


def as_read(entry: Entry) -> dict[str, Any]:
    return {
        name: int(value.timestamp() * 1_000_000) if name == "collected_at" else value
        for name, value in entry.model_dump().items()
    }


@pytest.mark.parametrize("format_", [Format.PARQUET, Format.JSONL, Format.JSONL_GZ])
def test_the_entries_come_back_with_their_types(format_: Format, tmp_path: Path) -> None:
    read = {Format.PARQUET: "read_parquet"}.get(format_, "read_json")
    types, rows = table(f"{read}('{feeds(tmp_path, format_)}') ORDER BY snapshot_date, rank")
    assert {name: types[name] for name in TYPES} == TYPES
    assert rows[:4] == [as_read(entry) for entry in some_entries()]
    assert str(rows[4]["snapshot_date"]) == "2026-11-24"


def test_parquet_is_partitioned_by_day_as_it_lies(tmp_path: Path) -> None:
    pattern = feeds(tmp_path, Format.PARQUET)
    query = (
        f"SELECT snapshot_date, count(*) FROM read_parquet('{pattern}', hive_partitioning = true) GROUP BY 1 ORDER BY 1"
    )
    assert [(str(day), count) for day, count in duckdb.sql(query).fetchall()] == [("2026-11-23", 4), ("2026-11-24", 1)]
    kinds = duckdb.sql(f"SELECT typeof(collected_at) FROM read_parquet('{pattern}') LIMIT 1").fetchall()
    assert kinds == [("TIMESTAMP WITH TIME ZONE",)]


def test_csv_reads_as_a_table(tmp_path: Path) -> None:
    ids = "types = {'offer_id': 'VARCHAR', 'category_id': 'VARCHAR'}"
    types, rows = table(f"read_csv('{feeds(tmp_path, Format.CSV)}', {ids}) ORDER BY snapshot_date, rank")
    for name in set(TYPES) - {"price_tiers", "services"}:
        assert types[name] == TYPES[name], name
    for row, entry in zip(rows, some_entries(), strict=False):
        expected = as_read(entry)
        for name in ("price_tiers", "services"):
            assert (row.pop(name) or None) == (None if expected[name] is None else json_text(expected.pop(name)))
            expected.pop(name, None)
        if entry.rank == 4:
            expected["supplier"] = "'=HYPERLINK(1)"
        assert row == expected


def test_csv_reads_row_for_row_in_python(tmp_path: Path) -> None:
    feeds(tmp_path, Format.CSV)
    with (tmp_path / "snapshot_date=2026-11-23" / "lists.csv").open(encoding="utf-8-sig", newline="") as text:
        assert [row["offer_id"] for row in csv.DictReader(text)] == [entry.offer_id for entry in some_entries()]


def json_text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
