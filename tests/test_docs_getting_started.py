"""docs/getting-started.md and its Chinese twin: every code, API, setting and command that they name exists."""

import re
import shlex

import pytest

from tests.harness import ROOT
from toplist.api import calls, daily
from toplist.api.calls import Api
from toplist.api.error_rules import RULES
from toplist.options import Arguments
from toplist.product_settings import ProductSettings, setting_name

PAGES = {
    name: (ROOT / "docs" / name).read_text(encoding="utf-8")
    for name in ("getting-started.md", "getting-started.zh-CN.md")
}


def commands(page: str) -> list[str]:
    return re.findall(r"^    (.+)$", PAGES[page], re.MULTILINE)


@pytest.mark.parametrize("page", PAGES)
def test_every_code_has_a_rule(page: str) -> None:
    rows = [line.split("|")[1] for line in PAGES[page].splitlines() if re.match(r"\| (`gw|`401|\d)", line)]
    codes = {code for row in rows for code in re.findall(r"gw\.\w+|\b\d\d?\b|\b401\b", row)} - set("123")
    table_of_days = {"8"}
    assert codes - table_of_days <= {rule.code for rule in RULES}
    assert len(codes) > 12


@pytest.mark.parametrize("page", PAGES)
def test_every_setting_and_argument_exists(page: str) -> None:
    settings = set(map(setting_name, ProductSettings.model_fields))
    assert set(re.findall(r"TOPLIST_[A-Z_0-9]+", PAGES[page])) <= settings
    given = {word.split("=")[0] for line in commands(page) for word in re.findall(r"-a (\S+)", line)}
    assert given
    assert given <= set(Arguments.model_fields)


@pytest.mark.parametrize("page", PAGES)
def test_every_arguments_value_is_accepted(page: str) -> None:
    for line in commands(page):
        words = shlex.split(line.replace("…", "x"))
        pairs = dict(word.split("=", 1) for at, word in enumerate(words) if at and words[at - 1] == "-a")
        Arguments.parse(pairs)


@pytest.mark.parametrize("page", PAGES)
def test_every_api_is_one_that_is_called(page: str) -> None:
    known = {value.name for module in (calls, daily) for value in vars(module).values() if isinstance(value, Api)}
    known |= {figure.api.name for figure in daily.Figure}
    named = set(re.findall(r"`((?:product|alibaba)\.[\w.]+)`", PAGES[page]))
    endings = set(re.findall(r"`…(get\w+)`", PAGES[page]))
    assert named <= known, named - known
    assert all(any(each.endswith(ending) for each in known) for ending in endings)


def test_both_pages_show_the_same() -> None:
    assert commands("getting-started.md") == commands("getting-started.zh-CN.md")
    named = [set(re.findall(r"`[^`]+`", page)) for page in PAGES.values()]
    assert named[0] == named[1]
