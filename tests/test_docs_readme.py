"""Both READMEs name every setting, argument, command, rank type and status, and no other."""

import re

import pytest

from tests.harness import ROOT
from toplist.items import Status
from toplist.options import Arguments
from toplist.product_settings import ProductSettings, setting_name
from toplist.ranktypes import RANK_TYPES

PAGES = {name: (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh-CN.md")}
HEADINGS = {
    "README.md": {
        "commands": "Commands",
        "arguments": "Arguments of the crawl",
        "settings": "Settings",
        "out": "What comes out",
    },
    "README.zh-CN.md": {"commands": "命令", "arguments": "抓取参数", "settings": "设置", "out": "输出"},
}


def first_cells(page: str, part: str) -> list[str]:
    """What stands in code in the first column of a part's tables."""
    text = PAGES[page].partition(f"## {HEADINGS[page][part]}\n")[2].partition("\n## ")[0]
    assert text, part
    cells = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


@pytest.mark.parametrize("page", PAGES)
def test_every_setting_stands_in_the_table(page: str) -> None:
    assert sorted(first_cells(page, "settings")) == sorted(map(setting_name, ProductSettings.model_fields))


@pytest.mark.parametrize("page", PAGES)
def test_every_argument_stands_in_the_table(page: str) -> None:
    assert first_cells(page, "arguments") == list(Arguments.model_fields)


@pytest.mark.parametrize("page", PAGES)
def test_every_command_stands_in_the_table(page: str) -> None:
    ours = {path.stem for path in (ROOT / "toplist" / "commands").glob("[a-z]*.py")}
    assert {name.split()[1] for name in first_cells(page, "commands")} == ours


@pytest.mark.parametrize("page", PAGES)
def test_every_rank_type_and_status_is_named(page: str) -> None:
    assert [
        f"`{each.name}` {each.title}"
        for each in RANK_TYPES.values()
        if f"`{each.name}` {each.title}" not in PAGES[page]
    ] == []
    assert sorted(first_cells(page, "out")) == sorted(status.value for status in Status)


def test_the_two_pages_show_the_same_commands() -> None:
    shown = [re.findall(r"^    (.+)$", page, re.MULTILINE) for page in PAGES.values()]
    assert shown[0] == shown[1]


@pytest.mark.parametrize("page", PAGES)
def test_what_scrapys_own_feeds_hold_is_said_where_the_output_is(page: str) -> None:
    text = PAGES[page].partition(f"## {HEADINGS[page]['out']}\n")[2].partition("\n## ")[0]
    assert "`-o own.csv`" in text
    assert "`-O own.csv`" in text
