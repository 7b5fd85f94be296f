"""A real Datasette with deploy/datasette.yaml, started as docs/recipes.md says, answers over HTTP."""

from __future__ import annotations

import csv
import re
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import yaml

from tests.explored_history import LEFT, NEW, OFFER, SECOND, store_explored_history
from tests.harness import ROOT
from toplist.storage.migrations.versions.v0002_field_terms import VIEWS

SAMPLE = yaml.safe_load((ROOT / "deploy" / "datasette.yaml").read_text(encoding="utf-8"))
PAGE = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
START_TIMEOUT = 120

ANSWERS: dict[str, tuple[dict[str, str], list[dict[str, Any]]]] = {
    "breakouts": ({}, [{"snapshot_date": "2026-11-24", "offer_id": OFFER, "rank_type": "hot", "price": 16.0}]),
    "offer": (
        {"offer_id": f" {OFFER} "},
        [
            {"snapshot_date": "2026-11-22", "rank_type": "hot", "sale_count": 100, "price": 20.0},
            {"snapshot_date": "2026-11-23", "rank_type": "hot", "sale_count": 150, "price": 18.0},
            {"snapshot_date": "2026-11-24", "rank_type": "complex", "sale_count": 300, "price": 16.0},
            {"snapshot_date": "2026-11-24", "rank_type": "hot", "sale_count": 300, "price": 16.0},
        ],
    ),
    "list": (
        {"rank_type": "hot", "category_id": "311"},
        [
            {"snapshot_date": "2026-11-22", "status": "complete", "entries": 3, "new_entries": 0, "dropouts": 0},
            {"snapshot_date": "2026-11-23", "status": "complete", "entries": 3, "new_entries": 0, "dropouts": 0},
            {"snapshot_date": "2026-11-24", "status": "complete", "entries": 3, "new_entries": 1, "dropouts": 1},
        ],
    ),
    "list_entries": (
        {"snapshot_date": "2026-11-24", "rank_type": "hot", "category_id": "311"},
        [{"rank": 1, "offer_id": OFFER}, {"rank": 2, "offer_id": SECOND}, {"rank": 3, "offer_id": NEW}],
    ),
    "dropped_out": ({"snapshot_date": "2026-11-24"}, [{"offer_id": LEFT, "title": "连衣裙", "base_rank": 3}]),
    "days": (
        {},
        [
            {"snapshot_date": "2026-11-24", "lists": 3, "complete": 2, "failed": 1, "entries": 4},
            {"snapshot_date": "2026-11-23", "lists": 1, "complete": 1, "failed": 0, "entries": 3},
            {"snapshot_date": "2026-11-22", "lists": 1, "complete": 1, "failed": 0, "entries": 3},
        ],
    ),
    "failures": ({}, [{"snapshot_date": "2026-11-24", "rank_type": "best", "code": "500", "message": "busy"}]),
}


@pytest.fixture(scope="module")
def datasette(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Datasette on a database of three days."""
    folder = tmp_path_factory.mktemp("datasette")
    (folder / ".scrapy").mkdir()
    store_explored_history(folder / ".scrapy" / "toplist.db")
    shutil.copytree(ROOT / "deploy", folder / "deploy")
    (command,) = re.findall(r"^datasette (.+)$", PAGE, re.MULTILINE)
    process = subprocess.Popen(
        [sys.executable, "-m", "datasette", *shlex.split(command), "--port", "0"],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    killer = threading.Timer(START_TIMEOUT, process.kill)  # else a server that does not start would hold the test
    killer.start()
    try:
        address = _address(process)
        killer.cancel()
        yield address
    finally:
        killer.cancel()
        process.terminate()
        process.communicate(timeout=30)


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if found := re.search(r"running on (http://\S+)", line):
            return found[1]
    raise AssertionError("".join(said))


def ask(url: str, **values: str) -> Any:
    response = requests.get(url, params=values, timeout=30)
    assert response.status_code == 200, response.text
    return response.json()


def test_every_query_of_the_sample_is_asked_below() -> None:
    assert ANSWERS.keys() == SAMPLE["databases"]["toplist"]["queries"].keys()
    described = re.findall(r"^\| `(\w+)` \| .* \| (.*) ?\|$", PAGE, re.MULTILINE)
    assert {name: re.findall(r"`(\w+)`", values) for name, values in described} == {
        name: [*values] for name, (values, _) in ANSWERS.items()
    }


@pytest.mark.parametrize("name", ANSWERS)
def test_a_query_answers_over_http(name: str, datasette: str) -> None:
    values, expected = ANSWERS[name]
    rows = ask(f"{datasette}/toplist/{name}.json", _shape="array", **values)
    assert [{key: row[key] for key in want} for row, want in zip(rows, expected, strict=True)] == expected


def test_a_query_is_a_page_with_a_field_for_each_value(datasette: str) -> None:
    page = requests.get(f"{datasette}/toplist/offer", params={"offer_id": OFFER}, timeout=30).text
    assert "An offer's life (商品历史)" in page.replace("&#39;", "'")
    assert re.search(rf'name="offer_id" value="{OFFER}"', page)


def test_the_views_are_shown_and_the_tables_below_them_are_not(datasette: str) -> None:
    database = ask(f"{datasette}/toplist.json")
    assert [table["name"] for table in database["tables"] if not table["hidden"]] == []
    assert {view["name"] for view in database["views"]} == VIEWS.keys()
    hidden = {name for name, table in SAMPLE["databases"]["toplist"]["tables"].items() if table.get("hidden")}
    assert hidden == {table["name"] for table in database["tables"]}  # no name that is gone


def test_entries_have_facets(datasette: str) -> None:
    facets = ask(f"{datasette}/toplist/entries.json", _size="0")["facet_results"]
    found = {name: {each["value"]: each["count"] for each in facet["results"]} for name, facet in facets.items()}
    assert found["snapshot_date"] == {"2026-11-22": 3, "2026-11-23": 3, "2026-11-24": 4}
    assert found["rank_type"] == {"hot": 9, "complex": 1}
    assert found["movement"] == {"steady": 9, "new_entry": 1}


def test_the_whole_history_is_a_csv(datasette: str) -> None:
    text = requests.get(f"{datasette}/toplist/entries.csv", params={"_stream": "on", "_size": "2"}, timeout=30).text
    rows = list(csv.DictReader(text.splitlines()))
    assert len(rows) == 10
    assert {row["offer_id"] for row in rows} == {OFFER, SECOND, LEFT, NEW}


def test_a_question_in_sql_is_answered_and_a_change_is_refused(datasette: str) -> None:
    sql = "SELECT count(*) AS entries FROM entries"
    assert ask(f"{datasette}/toplist.json", sql=sql, _shape="array") == [{"entries": 10}]
    refused = requests.get(f"{datasette}/toplist.json", params={"sql": "DELETE FROM observation"}, timeout=30)
    assert refused.status_code == 400


@pytest.mark.parametrize("name", ["sandbox", "demo"])
def test_the_other_databases_have_the_same_queries(name: str) -> None:
    assert SAMPLE["databases"][name] == SAMPLE["databases"]["toplist"]
