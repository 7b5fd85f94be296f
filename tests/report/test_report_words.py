"""Every text of the page exists in both languages, and every field of the feed has its place."""

from __future__ import annotations

import re

from toplist.items import Entry
from toplist.report.html import LANGUAGES, SCRIPTS, _read, _words
from toplist.report.table import ENTRY_FIELDS, OFFER_FIELDS
from toplist.trends.reasons import Reason

#: Of the list or of the whole page.
ELSEWHERE = {
    "snapshot_date",
    "source",
    "protocol",
    "rank_type",
    "category_id",
    "category_name",
    "category_level",
    "category_path",
    "total",
}


def test_both_languages_have_the_same_texts() -> None:
    chinese, english = (set(_words()[language]) for language in LANGUAGES)
    assert {key for key in english if not key.startswith("rank_")} == chinese  # lists have Chinese names of their own


def test_every_text_that_the_page_names_exists() -> None:
    code = "\n".join(_read(f"scripts/{name}.js") for name in SCRIPTS) + _read("page.html.jinja")
    named = set(re.findall(r"\bt\('(\w+)'", code)) | set(re.findall(r'data-t(?:-\w+)?="(\w+)"', code))
    assert len(named) > 60
    assert named - _words()["zh"].keys() == set()


def test_every_reason_for_a_null_has_words() -> None:
    assert {f"r_{reason}" for reason in Reason} - _words()["zh"].keys() == set()


def test_the_page_carries_every_field_of_the_feed() -> None:
    assert set(Entry.model_fields) - ELSEWHERE - {*OFFER_FIELDS, *ENTRY_FIELDS} == set()


def test_no_script_builds_html_from_text() -> None:
    code = "\n".join(_read(f"scripts/{name}.js") for name in SCRIPTS)
    assert re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", code) == []
