import csv
import gzip
import json
import weakref
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import BaseModel

from tests.feeds.feed_samples import a_bare_entry, an_entry, some_entries, write
from toplist.feeds.formats import BATCH, ExistingFeed, Format, read_existing
from toplist.feeds.parquet import ParquetWriter, arrow_schema
from toplist.items import ENTRY_FIELDS, Entry


@pytest.mark.parametrize("format_", Format)
def test_the_same_entries_are_the_same_file(format_: Format, tmp_path: Path) -> None:
    for name in ("first.name", "second"):
        assert write(some_entries(), format_, tmp_path / name) == 4
    assert (tmp_path / "first.name").read_bytes() == (tmp_path / "second").read_bytes()


@pytest.mark.parametrize("format_", [Format.JSONL, Format.JSONL_GZ])
def test_json_lines_read_back_as_the_entries(format_: Format, tmp_path: Path) -> None:
    write(some_entries(), format_, tmp_path / "feed")
    data = (tmp_path / "feed").read_bytes()
    read = (gzip.decompress(data) if format_ is Format.JSONL_GZ else data).splitlines()
    assert [Entry.model_validate_json(line) for line in read] == some_entries()
    assert [list(json.loads(line)) for line in read] == [list(ENTRY_FIELDS)] * 4


def test_the_gzip_header_has_neither_time_nor_name(tmp_path: Path) -> None:
    write(some_entries(), Format.JSONL_GZ, tmp_path / "name.jsonl.gz")
    assert (tmp_path / "name.jsonl.gz").read_bytes()[:9] == b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02"


def test_csv_begins_with_the_mark_that_excel_needs_and_reads_back(tmp_path: Path) -> None:
    write(some_entries(), Format.CSV, tmp_path / "feed.csv")
    assert (tmp_path / "feed.csv").read_bytes().startswith(b"\xef\xbb\xbfsnapshot_date,")
    with (tmp_path / "feed.csv").open(encoding="utf-8-sig", newline="") as text:
        full, bare, hard, odd = csv.DictReader(text)
    assert list(full) == list(ENTRY_FIELDS)
    assert (full["title"], full["offer_id"], full["rank_change"]) == ("2026春季新款 连衣裙 1", "699123456701", "-3")
    assert json.loads(full["price_tiers"])[1] == {"start_quantity": 100, "price": 22.0}
    assert (bare["price"], bare["is_gold"], bare["services"]) == ("", "", "")
    assert (hard["title"], hard["services"], hard["price"]) == ('逗号, "引号"; 换\n行\t🐉', "[]", "0.0")
    assert (odd["supplier"], float(odd["sale_growth"])) == ("'=HYPERLINK(1)", -1e-07)


def test_parquet_has_the_types_of_the_items_schema(tmp_path: Path) -> None:
    write(some_entries(), Format.PARQUET, tmp_path / "feed.parquet")
    schema = pq.read_schema(tmp_path / "feed.parquet")
    tier = pa.struct([("start_quantity", pa.int64()), ("price", pa.float64())])
    assert schema.names == list(ENTRY_FIELDS)
    for name, kind in {
        "snapshot_date": pa.date32(),
        "collected_at": pa.timestamp("us", tz="UTC"),
        "source": pa.string(),
        "category_id": pa.string(),
        "offer_id": pa.string(),
        "rank": pa.int64(),
        "price": pa.float64(),
        "is_gold": pa.bool_(),
    }.items():
        assert schema.field(name).type == kind, name
    assert schema.field("price_tiers").type.value_type == tier
    assert schema.field("services").type.value_type == pa.string()
    rows = pq.read_table(tmp_path / "feed.parquet").to_pylist()
    assert rows == [entry.model_dump() for entry in some_entries()]


def test_every_field_of_an_entry_has_a_column_type_and_a_missing_one_is_named() -> None:
    assert arrow_schema(Entry).names == list(ENTRY_FIELDS)

    class Odd(BaseModel):
        fine: int
        anything: dict[str, int]

    with pytest.raises(TypeError, match=r"^Odd\.anything: no column type for .*additionalProperties"):
        arrow_schema(Odd)


@pytest.mark.parametrize("format_", Format)
def test_only_a_batch_of_the_entries_is_held(format_: Format, tmp_path: Path) -> None:
    alive: list[int] = [0, 0]  # now, and the most
    references = []

    def gone(_: object) -> None:
        alive[0] -= 1

    def entries() -> Iterator[Entry]:
        for _ in range(5 * BATCH):
            entry = full.model_copy()
            references.append(weakref.ref(entry, gone))
            alive[:] = alive[0] + 1, max(alive[0] + 1, alive[1])
            yield entry

    full = an_entry()
    assert write(entries(), format_, tmp_path / "feed") == 5 * BATCH
    assert alive[1] <= 2 * BATCH + 1


def test_a_row_group_is_written_when_it_is_full(tmp_path: Path) -> None:
    with (tmp_path / "feed.parquet").open("wb", buffering=0) as file:
        writer = ParquetWriter(file, row_group=1000)
        sizes = []
        for _ in range(5):
            writer.write([an_entry()] * 500)
            sizes.append(file.tell())
        writer.close()
    groups = pq.ParquetFile(tmp_path / "feed.parquet").metadata
    assert [groups.row_group(index).num_rows for index in range(groups.num_row_groups)] == [1000, 1000, 500]
    assert sizes[0] < sizes[1] == sizes[2] < sizes[3] == sizes[4]


@pytest.mark.parametrize("format_", Format)
def test_a_disk_that_is_full_is_said(format_: Format) -> None:
    with pytest.raises(OSError, match="No space left"):
        write((an_entry(rank) for rank in range(1, 2000)), format_, Path("/dev/full"))


def test_instants_are_utc_whatever_zone_they_came_in(tmp_path: Path) -> None:
    in_china = datetime(2026, 11, 23, 12, 5, 6, tzinfo=timezone(timedelta(hours=8)))
    write([an_entry(collected_at=in_china)], Format.JSONL, tmp_path / "feed")
    assert json.loads((tmp_path / "feed").read_text())["collected_at"] == "2026-11-23T04:05:06Z"


@pytest.mark.parametrize("format_", Format)
def test_half_a_character_costs_the_character_and_not_the_feed(format_: Format, tmp_path: Path) -> None:
    cut = an_entry(2, title="连衣裙\ud83d", services=["包邮\udc09"])
    assert write([an_entry(1), cut, an_entry(3)], format_, tmp_path / "feed") == 3
    assert read_existing(tmp_path / "feed", format_) == ExistingFeed(3, "2026-11-23", "sandbox")
    if format_ is Format.JSONL:
        row = json.loads((tmp_path / "feed").read_text().splitlines()[1])
        assert (row["title"], row["services"]) == ("连衣裙\ufffd", ["包邮\ufffd"])


@pytest.mark.parametrize("format_", Format)
def test_what_a_feed_holds_is_read_from_it(format_: Format, tmp_path: Path) -> None:
    write(some_entries(), format_, tmp_path / "feed")
    assert read_existing(tmp_path / "feed", format_) == ExistingFeed(4, "2026-11-23", "sandbox")
    write([], format_, tmp_path / "none")
    assert read_existing(tmp_path / "none", format_) == ExistingFeed(0)


@pytest.mark.parametrize("format_", Format)
def test_what_is_no_whole_feed_holds_nothing(format_: Format, tmp_path: Path) -> None:
    write([a_bare_entry(1), a_bare_entry(2)], format_, tmp_path / "feed")
    (tmp_path / "cut").write_bytes((tmp_path / "feed").read_bytes()[:-9])
    (tmp_path / "noise").write_bytes(b"\xff\xfe\x00 no feed \x80")
    assert read_existing(tmp_path / "noise", format_) is None
    if format_ is not Format.CSV:  # a CSV that was cut between two cells is a CSV
        assert read_existing(tmp_path / "cut", format_) is None
