"""Every code block of docs/recipes.md runs, in a project folder with a history of three days, and does what it says."""

from __future__ import annotations

import importlib
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.explored_history import HOT, NEW, OFFER, SECOND, store_explored_history
from tests.harness import ROOT, Project
from toplist.items import Entry

PAGE = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")


def blocks(language: str) -> dict[str, str]:
    """The code blocks of a language, by the heading above each."""
    found = {}
    for part in PAGE.split("\n## ")[1:]:
        if code := re.search(rf"```{language}\n(.*?)```", part, re.DOTALL):
            found[part.splitlines()[0]] = code[1]
    return found


PYTHON, SHELL = blocks("python"), blocks("sh")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project after three days, with the feeds that the page's own command exports."""
    project = Project(tmp_path_factory.mktemp("recipes") / "project")
    (project.folder / ".scrapy").mkdir()
    store_explored_history(project.folder / ".scrapy" / "toplist.db")
    shutil.copy(project.folder / ".scrapy" / "toplist.db", project.folder / ".scrapy" / "demo.db")
    command = SHELL["Feeds as Parquet and CSV"]
    for day in ("2026-11-22", "2026-11-23", "2026-11-24"):
        program, *words = shlex.split(command.replace("2026-11-24", day))
        done = subprocess.run(
            [sys.executable, "-m", program, *words],
            cwd=project.folder,
            env=project.environment(None),
            capture_output=True,
            text=True,
            timeout=200,
        )
        assert done.returncode == 0, done.stderr
    return project.folder


@pytest.fixture
def folder(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project as the current folder."""
    shutil.copytree(made, tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


def chart(names: dict[str, Any]) -> None:
    assert names["life"].offer_id.unique().tolist() == [OFFER]
    assert names["life"].snapshot_date.tolist()[0] == "2026-11-22"
    html = Path("offer.html").read_text(encoding="utf-8")
    assert OFFER in html
    assert not re.search(r"<(script|link)[^>]+(src|href)=", html)  # opens without a network


def pandas_parquet(names: dict[str, Any]) -> None:
    assert names["hot"].offer_id.tolist() == [OFFER, SECOND, NEW]
    assert names["hot"].category_id.tolist() == [HOT.category_id] * 3


def pandas_database(names: dict[str, Any]) -> None:
    assert names["ranks"]["hot"].tolist() == [1, 1, 1]
    assert names["ranks"]["complex"].isna().tolist() == [True, True, False]
    with pytest.raises(names["sqlite3"].OperationalError, match="readonly"):
        names["database"].execute("DELETE FROM observation")


def pandas_csv(names: dict[str, Any]) -> None:
    assert names["entries"].offer_id.tolist() == [OFFER, OFFER, SECOND, NEW]
    assert names["entries"].category_id.tolist() == ["311"] * 4


def polars_parquet(names: dict[str, Any]) -> None:
    assert names["growth"]["entries"].to_list() == [3, 3, 3]
    assert names["growth"]["sale_growth"].to_list() == [-0.105] * 3
    assert names["days"].collect_schema()["offer_id"] == names["polars"].String


def polars_database(names: dict[str, Any]) -> None:
    assert names["days"]["lists"].to_list() == [1, 1, 3]
    assert names["days"]["failed"].to_list() == [0, 0, 1]


def duckdb_parquet(names: dict[str, Any]) -> None:
    assert names["changes"] == [(OFFER, "连衣裙", 20.0, 16.0, 300)]


def duckdb_database(names: dict[str, Any]) -> None:
    assert [tuple(map(str, row)) for row in names["failed"]] == [("2026-11-24", "best", "311", "500")]


def one_file(names: dict[str, Any]) -> None:
    rows = names["duckdb"].sql("SELECT offer_id, snapshot_date FROM 'history.parquet'").fetchall()
    assert len(rows) == 10
    assert all(isinstance(offer_id, str) for offer_id, _ in rows)


def excel(names: dict[str, Any]) -> None:
    openpyxl = importlib.import_module("openpyxl")
    header, *rows = openpyxl.load_workbook("toplist-2026-11-24.xlsx")["entries"].iter_rows()
    columns = [cell.value for cell in header]
    assert columns == [*Entry.model_fields]
    ids, prices = columns.index("offer_id"), columns.index("price")
    assert [row[ids].value for row in rows] == [OFFER, OFFER, SECOND, NEW]
    assert {(row[ids].data_type, row[prices].data_type) for row in rows} == {("s", "n")}


CHECKS: dict[str, Callable[[dict[str, Any]], None]] = {
    "From zero to a chart of an offer": chart,
    "pandas: the Parquet feed": pandas_parquet,
    "pandas: the database": pandas_database,
    "pandas: the CSV feed": pandas_csv,
    "Polars: the Parquet feed": polars_parquet,
    "Polars: the database": polars_database,
    "DuckDB: the Parquet feed": duckdb_parquet,
    "DuckDB: the database": duckdb_database,
    "DuckDB: the whole history as one Parquet file": one_file,
    "Excel: a workbook with ids as text": excel,
}


def test_every_python_block_is_run() -> None:
    assert PYTHON.keys() == CHECKS.keys()
    assert PAGE.count("```python") == len(PYTHON)
    assert PAGE.count("```sh") == len(SHELL)


@pytest.mark.parametrize("heading", PYTHON)
def test_the_block_does_what_it_says(heading: str, folder: Path) -> None:
    code = PYTHON[heading]
    for library in ("pandas", "polars", "duckdb", "altair"):
        if re.search(rf"^import .*{library}", code, re.MULTILINE):
            pytest.importorskip(library)
    if "ExcelWriter" in code:
        pytest.importorskip("openpyxl")
    names: dict[str, Any] = {}
    try:
        exec(compile(code, f"docs/recipes.md: {heading}", "exec"), names)
    except Exception as error:
        if "Failed to download extension" in str(error):
            pytest.skip("DuckDB's sqlite extension is not installed, and its server can't be reached")
        raise
    CHECKS[heading](names)


def test_the_chart_takes_five_lines() -> None:
    heading = "From zero to a chart of an offer"
    assert len((SHELL[heading] + PYTHON[heading]).strip().splitlines()) == 5
