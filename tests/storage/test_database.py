"""What a database's address may be, and what a crawl says of one that it can't use."""

from __future__ import annotations

import sqlite3
import stat
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from toplist.errors import InputError
from toplist.storage.database import open_database

TAKES = r"; it takes a SQLite file that can be written .*, or a PostgreSQL server"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("mysql://me:geheim@host/db", r"mysql://me:\*\*\*@host/db can't be used: mysql is not supported"),
        ("postgres://me:geheim@host/db", r"postgres://me:\*\*\*@host/db can't be used: postgres is not supported"),
        ("postgresql+asyncpg://me:geheim@host/db", "the driver asyncpg is not supported"),
        ("sqlite+aiosqlite:///x.db", "the driver aiosqlite is not supported"),
        ("mysql://me@host/db?password=geheim", "mysql://me@host/db can't be used"),
        ("geheim", "TOPLIST_DATABASE_URL can't be read as a database's address"),
        ("postgresql://me:geheim@host:port/db", "TOPLIST_DATABASE_URL can't be read as a database's address"),
        ("postgresql+psycopg://me:geheim@127.0.0.1:1/db", "can't be used: connection .* refused"),
    ],
)
def test_a_database_that_is_no_good_is_refused_in_one_sentence(url: str, why: str) -> None:
    with pytest.raises(InputError, match=f"{why}.*{TAKES}") as refused:
        open_database(url)
    assert "TOPLIST_DATABASE_URL" in str(refused.value)
    assert "geheim" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_driver_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg2", None)
    with pytest.raises(InputError, match=rf"its driver is not installed \(psycopg2\){TAKES}"):
        open_database("postgresql+psycopg2://me@host/db")


def test_a_file_that_can_only_be_read_is_refused_before_the_first_request(tmp_path: Path) -> None:
    open_database(f"sqlite:///{tmp_path / 'x.db'}").dispose()
    with pytest.raises(InputError, match=f"readonly database{TAKES}"):
        open_database(f"sqlite:///file:{tmp_path / 'x.db'}?mode=ro&uri=true")


def test_a_server_that_can_only_be_read_is_refused_before_the_first_request(postgres: Any) -> None:
    url = postgres()
    open_database(url).dispose()
    with pytest.raises(InputError, match=f"read-only transaction{TAKES}"):
        open_database(url + "&options=-c%20default_transaction_read_only%3Don")


def test_a_new_file_that_another_process_writes_to_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    waits = []

    def end_the_others_transaction(seconds: float) -> None:
        waits.append(seconds)
        other.rollback()

    monkeypatch.setattr(time, "sleep", end_the_others_transaction)
    open_database(f"sqlite:///{tmp_path / 'x.db'}").dispose()
    assert waits
    other.close()


def test_what_is_created_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "x.db"
    engine = open_database(f"sqlite:///{path}")
    created = [path.parent.parent, path.parent, *path.parent.iterdir()]
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in created}
    engine.dispose()
    assert modes == {"a": 0o700, "b": 0o700, "x.db": 0o600, "x.db-wal": 0o600, "x.db-shm": 0o600}
