"""docs/architecture.md names the files that a request and an answer pass, and every meta key."""

import ast
import re
from pathlib import Path

import pytest

from tests.harness import ROOT
from tests.journey import Journey, follow

PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
SCRAPYS = {
    "download_slot",
    "download_latency",
    "download_timeout",
    "download_maxsize",
    "autothrottle_dont_adjust_delay",
}


def listed(way: str) -> list[str]:
    """The files of a list of the page, without their folder `toplist/`."""
    part = PAGE.partition(f"<!-- {way} -->")[2].partition("<!-- end -->")[0]
    return re.findall(r"^\d+\. `([^`]+)`", part, re.MULTILINE)


@pytest.fixture(scope="module")
def journey(tmp_path_factory: pytest.TempPathFactory) -> Journey:
    return follow(tmp_path_factory.mktemp("journey"))


def test_a_request_passes_the_files_that_the_page_lists(journey: Journey) -> None:
    assert sorted(journey.request) == sorted(listed("request"))
    assert len(journey.request) <= 22


def test_an_answer_passes_the_files_that_the_page_lists(journey: Journey) -> None:
    assert sorted(journey.answer) == sorted(listed("answer"))
    assert len(journey.answer) <= 28


def test_every_meta_key_is_on_the_page_and_no_other() -> None:
    table = PAGE.partition("## Meta keys")[2]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    described = {key for row in rows for key in re.findall(r"`(\w+)`", row)}
    assert described == {key for path in (ROOT / "toplist").rglob("*.py") for key in meta_keys(path)}


def meta_keys(path: Path) -> set[str]:
    """Texts of a module that are keys of a request's meta, by their form."""
    if "storage" in path.parts:  # SQLAlchemy's options look alike
        return set()
    texts = {
        node.value
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return {text for text in texts if text in SCRAPYS or re.fullmatch(r"(toplist|deltafetch)_[a-z_]+", text)}


def test_every_folder_and_module_is_on_the_map() -> None:
    page = PAGE.partition("## The way of a request")[0]
    there = {path.name + ("/" if path.is_dir() else "") for path in (ROOT / "toplist").iterdir() if path.name[0] != "_"}
    missing = [name for name in sorted(there - {"py.typed"}) if f"`{name}" not in page]
    named = [name for name in re.findall(r"`([a-z_/]+(?:\.py|/))`", page) if not name.startswith("tests/")]
    gone = [name for name in named if not (ROOT / "toplist" / name).exists()]
    assert (missing, gone) == ([], [])
