import os
from datetime import date
from pathlib import Path

import pytest

from toplist.errors import InputError
from toplist.feeds.formats import Format
from toplist.feeds.uris import beside, check_targets, parse_target, parse_targets

DAY = date(2026, 11, 23)


def test_the_date_stands_where_the_placeholder_was(tmp_path: Path) -> None:
    (target,) = parse_targets(f"{tmp_path}/snapshot_date=%(snapshot_date)s/lists-%(snapshot_date)s.jsonl", DAY)
    assert target.path == tmp_path / "snapshot_date=2026-11-23" / "lists-2026-11-23.jsonl"


@pytest.mark.parametrize(
    ("suffix", "format_"),
    [(".jsonl", Format.JSONL), (".jsonl.gz", Format.JSONL_GZ), (".csv", Format.CSV), (".PARQUET", Format.PARQUET)],
)
def test_the_suffix_names_the_format(suffix: str, format_: Format) -> None:
    assert parse_targets(f"exports/a{suffix}", DAY)[0].format is format_


def test_several_are_separated_by_spaces_and_one_with_spaces_is_quoted(tmp_path: Path) -> None:
    targets = parse_targets(f"  {tmp_path}/a.csv\n's3://b-1/k/a b.jsonl'  \"{tmp_path}/my feeds/c.jsonl\"", DAY)
    assert [target.uri for target in targets] == [
        f"{tmp_path}/a.csv",
        "s3://b-1/k/a b.jsonl",
        f"{tmp_path}/my feeds/c.jsonl",
    ]


def test_a_list_is_taken_as_it_is() -> None:
    assert parse_targets(["/my feeds/a.csv"], DAY)[0].path == Path("/my feeds/a.csv")


def test_a_file_uri_is_a_path() -> None:
    assert parse_targets("file:///var/my%20feeds/a.csv", DAY)[0].path == Path("/var/my feeds/a.csv")


def test_an_s3_uri_is_bucket_and_key() -> None:
    (target,) = parse_targets("s3://my-bucket/toplist/snapshot_date=%(snapshot_date)s/lists.parquet", DAY)
    assert (target.bucket, target.key, target.path) == (
        "my-bucket",
        "toplist/snapshot_date=2026-11-23/lists.parquet",
        None,
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "feed",
        "feed.json",
        "feed.gz",
        ".jsonl",
        "exports/",
        "exports/.csv",
        "gs://bucket/a.jsonl",
        "ftp://host/a.csv",
        "https://host/a.csv",
        "stdout:a.csv",
        "file://host/a.csv",
        "file:a.csv",
        "s3://bucket",
        "s3:///a.csv",
        "s3://bucket//a.csv",
        "s3://bucket/../a.csv",
        "s3://buck et/a.csv",
        "s3://bucket/a.xlsx",
        "%(time)s.jsonl",
        "%(snapshot_date)d.jsonl",
        "a%(batch_id)03d.jsonl",
        "a\0.jsonl",
        "~nobody-of-that-name/a.csv",
    ],
)
def test_anything_else_is_refused_with_what_is_accepted(text: str) -> None:
    with pytest.raises(InputError, match=r"^TOPLIST_FEED_URI.*s3://bucket/key.*\.parquet.*%\(snapshot_date\)s.*\.$"):
        parse_targets(text, DAY)


@pytest.mark.parametrize("uri", ["s3://AKIA:hid/den@bucket/a.csv", "s3://AKIA:hidden@bucket/a.nothing"])
def test_keys_in_a_uri_are_refused_and_not_repeated(uri: str) -> None:
    with pytest.raises(InputError) as refused:
        parse_targets(uri, DAY)
    assert "hid" not in str(refused.value)
    assert "AKIA" not in str(refused.value)


@pytest.mark.parametrize("again", ["{0}/a.csv", "file://{0}/a.csv", "{0}/b/../a.csv", "{0}/link/a.csv"])
def test_the_same_place_twice_is_refused(tmp_path: Path, again: str) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(InputError, match="twice"):
        parse_targets(f"{tmp_path}/a.csv {again.format(tmp_path)}", DAY)


def test_a_place_that_can_be_written_passes_and_is_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "old.csv").write_text("kept")
    check_targets(parse_targets(f"{tmp_path}/new/deep/a.jsonl {tmp_path}/old.csv", DAY), spool=tmp_path / "spool")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"old.csv": "kept"}


def test_a_directory_a_device_and_a_file_for_a_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").mkdir()
    (tmp_path / "file").write_text("")
    os.mkfifo(tmp_path / "pipe.csv")
    for name, why in [
        ("a.csv", "is a directory"),
        ("file/a.csv", "is not a directory"),
        ("pipe.csv", "no regular file"),
    ]:
        with pytest.raises(InputError, match=rf"^TOPLIST_FEED_URI: .*{why}"):
            check_targets(parse_targets(f"{tmp_path}/{name}", DAY))


@pytest.mark.parametrize("uri", ["/proc/nowhere/a.csv", "/dev/null/a.csv", "{0}/" + "x" * 300 + ".csv"])
def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path, uri: str) -> None:
    with pytest.raises(InputError, match=r"^SETTING: .* can't be "):
        check_targets(parse_targets(uri.format(tmp_path), DAY), setting="SETTING")


def test_a_spool_that_cannot_be_written_is_refused_for_s3_only(tmp_path: Path) -> None:
    spool = Path("/proc/nowhere")
    check_targets(parse_targets(f"{tmp_path}/a.csv", DAY), spool=spool)
    with pytest.raises(InputError, match=r"s3://b/a\.csv can't be written: /proc"):
        check_targets(parse_targets("s3://b/a.csv", DAY), spool=spool)


@pytest.mark.parametrize(
    ("module", "uri"), [("boto3", "s3://bucket/a.csv"), ("pyarrow", "a.parquet"), ("pyarrow", "s3://bucket/a.parquet")]
)
def test_a_missing_library_is_named_before_it_is_needed(monkeypatch: pytest.MonkeyPatch, module: str, uri: str) -> None:
    monkeypatch.setitem(__import__("sys").modules, module, None)
    with pytest.raises(InputError, match=rf"needs {module}: pip install {module}\.$"):
        check_targets(parse_targets(uri, DAY))


@pytest.mark.parametrize(
    ("feed", "kind", "suffix", "expected"),
    [
        ("/x/toplist-2026-11-23.jsonl", "-rejected", ".jsonl", "/x/toplist-rejected-2026-11-23.jsonl"),
        ("/x/2026-11-23.jsonl.gz", "-rejected", ".jsonl", "/x/2026-11-23-rejected.jsonl"),
        ("/x/all.parquet", "", ".html", "/x/all.html"),
        ("s3://b/d=2026-11-23/all.csv", "-rejected", ".jsonl", "s3://b/d=2026-11-23/all-rejected.jsonl"),
        ("s3://b/a.csv/a.csv", "", ".html", "s3://b/a.csv/a.html"),
        ("s3://b/a.csv", "", ".html", "s3://b/a.html"),
    ],
)
def test_the_place_beside_a_feed(feed: str, kind: str, suffix: str, expected: str) -> None:
    found = beside(parse_targets(feed, DAY)[0], kind, suffix, DAY)
    assert found.uri == expected
    assert found == parse_target(expected, DAY, setting="SETTING", suffix=suffix)


@pytest.mark.parametrize("uri", ["page.htm", "s3://bucket", "s3://key:hidden@bucket/a.html", "%(time)s.html", ""])
def test_a_page_elsewhere_is_refused(uri: str) -> None:
    with pytest.raises(InputError, match=r"^SETTING: ") as refused:
        parse_target(uri, DAY, setting="SETTING", suffix=".html")
    assert "hidden" not in str(refused.value)
