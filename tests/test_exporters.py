import csv
import io
import json
import marshal
import pickle
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pyarrow.parquet as pq
import pytest
from scrapy.exporters import BaseItemExporter, JsonItemExporter
from scrapy.settings import BaseSettings
from scrapy.utils.misc import build_from_crawler, load_object
from scrapy.utils.test import get_crawler

from tests.feeds.feed_samples import a_list, an_entry, some_entries, write
from toplist import settings as project_settings
from toplist.feeds.cells import cell
from toplist.feeds.formats import Format
from toplist.items import ENTRY_FIELDS, Entry, Status

EXPORTERS = {name: load_object(path) for name, path in project_settings.FEED_EXPORTERS.items()}
LINES = ("jsonlines", "jsonl", "jl")


def exported(format_: str, *items: Any, file: Any = None, **options: Any) -> bytes:
    """What the format's exporter makes of the items, with the encoding of the project's settings."""
    file = io.BytesIO() if file is None else file
    exporter = EXPORTERS[format_](file, **{"encoding": project_settings.FEED_EXPORT_ENCODING, **options})
    exporter.start_exporting()
    for item in items:
        exporter.export_item(item)
    exporter.finish_exporting()
    file.flush()
    return file.getvalue() if isinstance(file, io.BytesIO) else Path(file.name).read_bytes()


def loaded(load: Any, data: bytes) -> list[Any]:
    stream, found = io.BytesIO(data), []
    while stream.tell() < len(data):
        found.append(load(stream))
    return found


def read_json(data: bytes) -> list[Any]:
    return list(json.loads(data))


def read_lines(data: bytes) -> list[Any]:
    return [json.loads(line) for line in data.splitlines()]


def read_csv(data: bytes) -> list[Any]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def read_xml(data: bytes) -> list[Any]:
    return [{field.tag: field.text for field in item} for item in ElementTree.fromstring(data)]


READERS: dict[str, Any] = {
    "json": read_json,
    **dict.fromkeys(LINES, read_lines),
    "csv": read_csv,
    "xml": read_xml,
    "pickle": lambda data: loaded(pickle.load, data),
    "marshal": lambda data: loaded(marshal.load, data),
    "parquet": lambda data: pq.read_table(io.BytesIO(data)).to_pylist(),
}


def test_every_format_of_the_settings_is_scrapys_or_parquet() -> None:
    stock = BaseSettings(load_object("scrapy.settings.default_settings.FEED_EXPORTERS_BASE"))
    assert set(EXPORTERS) == {*stock, "parquet"} == set(READERS)


@pytest.mark.parametrize("format_", READERS)
def test_a_list_is_written_an_entry_each_and_one_without_entries_not_at_all(format_: str) -> None:
    lists = [a_list(some_entries()[:2]), a_list([], Status.EMPTY), a_list(some_entries()[2:])]
    rows = READERS[format_](exported(format_, *lists))
    assert [row["offer_id"] for row in rows] == [entry.offer_id for entry in some_entries()]
    assert all(list(row) == list(ENTRY_FIELDS) for row in rows)


@pytest.mark.parametrize("format_", READERS)
def test_a_plain_entry_is_a_line_too(format_: str) -> None:
    lone = exported(format_, *some_entries())
    assert READERS[format_](lone) == READERS[format_](exported(format_, a_list(some_entries())))


@pytest.mark.parametrize("format_", [format_ for format_ in READERS if format_ != "parquet"])
def test_a_dict_is_a_line_too(format_: str) -> None:
    (row,) = READERS[format_](exported(format_, {"offer_id": "1", "price": 2.5}))
    assert row["offer_id"] == "1"
    assert float(row["price"]) == 2.5


@pytest.mark.parametrize("format_", READERS)
def test_fields_to_export_are_named_in_their_order(format_: str) -> None:
    (row,) = READERS[format_](exported(format_, a_list([an_entry()]), fields_to_export=["price", "offer_id"]))
    assert list(row) == ["price", "offer_id"]
    assert float(row["price"]) == 25.8


@pytest.mark.parametrize("format_", READERS)
def test_fields_to_export_may_rename(format_: str) -> None:
    (row,) = READERS[format_](
        exported(format_, a_list([an_entry()]), fields_to_export={"offer_id": "id", "title": "t"})
    )
    assert row == {"id": "699123456701", "t": "2026春季新款 连衣裙 1"}


@pytest.mark.parametrize("format_", ["json", *LINES])
def test_json_is_the_entries_with_every_value(format_: str) -> None:
    rows = READERS[format_](exported(format_, a_list(some_entries())))
    assert [Entry.model_validate_json(json.dumps(row)) for row in rows] == some_entries()
    some = exported(format_, a_list(some_entries()), fields_to_export=["snapshot_date", "services"])
    assert READERS[format_](some)[0] == {"snapshot_date": "2026-11-23", "services": ["ysbt", "sendGoods48H"]}


def test_json_lines_are_the_feeds_own_bytes(tmp_path: Path) -> None:
    write(some_entries(), Format.JSONL, tmp_path / "feed")
    assert exported("jsonl", a_list(some_entries())) == (tmp_path / "feed").read_bytes()


def test_csv_is_the_feeds_own_bytes(tmp_path: Path) -> None:
    write(some_entries(), Format.CSV, tmp_path / "feed")
    assert exported("csv", a_list(some_entries())) == (tmp_path / "feed").read_bytes()


def test_parquet_has_the_feeds_own_rows(tmp_path: Path) -> None:
    write(some_entries(), Format.PARQUET, tmp_path / "feed")
    assert pq.read_table(io.BytesIO(exported("parquet", a_list(some_entries())))).equals(
        pq.read_table(tmp_path / "feed")
    )


@pytest.mark.parametrize("indent", [None, 0, 2])
def test_indent_means_what_scrapy_means(indent: int | None) -> None:
    file = io.BytesIO()
    stock = JsonItemExporter(file, encoding="utf-8", indent=indent)
    stock.start_exporting()
    for entry in (an_entry(1), an_entry(2)):
        stock.export_item(entry.model_dump(mode="json"))
    stock.finish_exporting()
    ours = exported("json", a_list([an_entry(1), an_entry(2)]), indent=indent)
    if indent:
        assert ours == file.getvalue()
    assert len(ours.splitlines()) == len(file.getvalue().splitlines())
    assert len(exported("jsonl", a_list([an_entry(1), an_entry(2)]), indent=indent).splitlines()) == 2


def test_without_an_encoding_json_is_ascii() -> None:
    assert b"\\u8fde\\u8863\\u88d9" in exported("jsonl", a_list([an_entry()]), encoding=None)


@pytest.mark.parametrize("format_", ["json", "jsonl", "csv"])
def test_another_encoding_is_honoured_and_loses_no_row(format_: str) -> None:
    data = exported(format_, a_list([an_entry(1, title="连衣裙"), an_entry(2, title="连衣裙🐉")]), encoding="gbk")
    rows = READERS[format_](data.decode("gbk").encode())
    assert [row["title"] for row in rows] == ["连衣裙", "连衣裙?" if format_ == "csv" else "连衣裙🐉"]


@pytest.mark.parametrize("format_", READERS)
def test_half_a_character_costs_no_row(format_: str) -> None:
    data = exported(format_, a_list([an_entry(1), an_entry(2, title="连衣裙\ud83d")]))
    assert [row["offer_id"] for row in READERS[format_](data)] == ["699123456701", "699123456702"]


def test_options_of_the_encoder_are_honoured() -> None:
    assert exported("jsonl", a_list([an_entry()]), sort_keys=True).startswith(
        b'{"badges": null, "breakout_probability": null'
    )


def test_xml_says_null_as_nothing_and_has_no_forbidden_character() -> None:
    full, bare = read_xml(exported("xml", a_list([an_entry(title="a\x00b\x1f"), some_entries()[1]])))
    assert (full["title"], full["is_gold"], full["rank_change"]) == ("a\ufffdb\ufffd", "true", "-3")
    assert (bare["price"], bare["services"]) == (None, None)
    tree = ElementTree.fromstring(exported("xml", a_list([an_entry()])))
    assert [tier.findtext("price") for tier in tree.findall("./item/price_tiers/value")] == ["25.8", "22.0"]


def test_a_pickle_needs_nothing_of_ours() -> None:
    data = exported("pickle", a_list([an_entry()]))
    assert b"toplist" not in data
    assert b"pydantic" not in data


def test_no_csv_cell_of_any_item_starts_a_formula() -> None:
    hostile = ["=1+1", "+1", "-1", "@a", "\t=1", "\r=1", "＝1", "－1", " =1", "\u200b=1"]
    entries = [an_entry(rank, title=text, supplier=text, services=[text]) for rank, text in enumerate(hostile, 1)]
    as_entries = read_csv(exported("csv", a_list(entries)))
    as_dicts = read_csv(exported("csv", *[{"title": text, "n": -1, "more": [text], "odd": {text}} for text in hostile]))
    for row, text in zip([*as_entries, *as_dicts], hostile * 2, strict=True):
        assert row["title"] == f"'{text}"
        assert not any(re.match(r"[=+@\t\r＝＋－＠]", value) for value in row.values())
        assert [name for name, value in row.items() if value.startswith("-")] in (["sale_growth", "rank_change"], ["n"])


def test_csv_appended_to_has_one_header_and_one_mark(tmp_path: Path) -> None:
    for rank in (1, 2):
        with (tmp_path / "feed.csv").open("ab") as file:
            exported("csv", a_list([an_entry(rank)]), file=file)
    write([an_entry(1), an_entry(2)], Format.CSV, tmp_path / "once.csv")
    assert (tmp_path / "feed.csv").read_bytes() == (tmp_path / "once.csv").read_bytes()


def test_csv_appended_to_follows_the_header_that_is_there(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "feed.csv").write_bytes(b"\xef\xbb\xbfid,gone,rank\r\n1,x,1\r\n")
    with (tmp_path / "feed.csv").open("ab") as file:
        exported(
            "csv", a_list([an_entry(2)]), file=file, fields_to_export={"rank": "rank", "offer_id": "id", "title": "t"}
        )
    assert (tmp_path / "feed.csv").read_bytes().splitlines()[1:] == [b"1,x,1", b"699123456702,,2"]
    assert "no column for t" in caplog.text


def test_csv_options_are_honoured() -> None:
    data = exported("csv", a_list([an_entry()]), bom=False, delimiter=";", include_headers_line=False)
    assert data.startswith(b"2026-11-23;2026-11-23T04:05:06.789000Z;")


def test_parquet_refuses_to_append(tmp_path: Path) -> None:
    (tmp_path / "feed.parquet").write_bytes(b"PAR1")
    with (tmp_path / "feed.parquet").open("ab") as file, pytest.raises(ValueError, match="use -O"):
        exported("parquet", a_list([an_entry()]), file=file)


def test_what_could_not_be_written_is_said_and_counted_and_the_rest_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    crawler, file = get_crawler(), io.BytesIO()
    assert crawler.stats is not None
    exporter: BaseItemExporter = build_from_crawler(EXPORTERS["parquet"], crawler, file)
    exporter.start_exporting()
    exporter.export_item({"other": 1})
    exporter.export_item(an_entry())
    exporter.finish_exporting()
    assert crawler.stats.get_value("feedexport/failed_count/EntryParquetExporter") == 1
    assert "EntryParquetExporter could not write: Parquet takes lists and entries, not a dict" in caplog.text
    assert len(READERS["parquet"](file.getvalue())) == 1


def test_every_value_of_an_entry_has_a_cell() -> None:
    for entry in some_entries():
        assert all(isinstance(cell(getattr(entry, name)), str | int | float) for name in ENTRY_FIELDS)
