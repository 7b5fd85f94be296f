"""A database of the first release is upgraded with everything in it, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, create_engine, func, select, text

from tests.feeds.feed_samples import an_entry
from tests.storage.old_database import DAYS, DETAIL, NOTES, make_old_database, old_rows, rows_of
from tests.storage.together import together
from toplist.api.details import Detail
from toplist.errors import InputError
from toplist.items import ListKey, RankList, Source, Status
from toplist.ranktypes import Protocol
from toplist.storage import tables
from toplist.storage.database import open_database
from toplist.storage.enrichment import DetailStore
from toplist.storage.history import History
from toplist.storage.ledger import Ledger

#: Old name of a table, a column or a value, and the new one.
TABLES = {"gate": "rate_limit", "outcome": "list_snapshot", "offer_text": "offer_version", "set_aside": "rejected"}
COLUMNS = {
    "outcome": {
        "total": "reported_total",
        "asked": "requested_rows",
        "set_aside": "rejected",
        "doubled": "duplicates",
        "holder": "lease_owner",
        "held_until": "lease_expires_at",
    },
    "ledger": {
        "total": "reported_total",
        "asked": "requested_rows",
        "set_aside": "rejected",
        "doubled": "duplicates",
    },
    "offer_text": {"text_id": "version_id"},
    "observation": {"text_id": "version_id", "list_status": "movement"},
    "offer_detail": {"marks": "badges"},
    "entries": {"marks": "badges", "list_status": "movement"},
}
VALUES = {"short": "partial", "unknown_gap": "unknown"}
NEW_NOTES = (
    ["sale_growth:no_base", "movement:missed_day"],
    ["movement:rows_rejected", "rank_change:rows_rejected"],
    ["breakout_score:low_volume"],
)
#: Columns that are new, or compared otherwise: what digests are for is tested by storing again.
UNCOMPARED = {"digest", "trend_notes", "last_date", "breakout_probability_30d"}
#: What is not carried over: the first crawl learns it again.
DROPPED = {"calibration"}


@pytest.fixture
def old(database_url: str) -> dict[str, list[dict[str, Any]]]:
    """The rows of an old database at `database_url`."""
    make_old_database(database_url)
    engine = create_engine(database_url)
    rows = old_rows(engine)
    engine.dispose()
    return rows


@pytest.fixture
def engine(database_url: str, old: dict[str, Any]) -> Iterator[Engine]:
    engine = open_database(database_url)
    yield engine
    engine.dispose()


def as_set(rows: list[dict[str, Any]]) -> set[str]:
    shown = ({name: value for name, value in row.items() if name not in UNCOMPARED} for row in rows)
    return {str(sorted(each.items())) for each in shown}


def upgraded(name: str, row: dict[str, Any]) -> dict[str, Any]:
    """An old row under the new names."""
    columns = COLUMNS.get(name, {})
    added = {"breakout_probability_30d": None} if name in ("observation", "entries") else {}
    return added | {columns.get(key, key): VALUES.get(value, value) if isinstance(value, str) else value
                    for key, value in row.items()}  # fmt: skip


def test_every_row_of_an_old_database_is_there_after_the_upgrade(
    engine: Engine, old: dict[str, list[dict[str, Any]]]
) -> None:
    for name, rows in old.items():
        assert rows, name
        if name in DROPPED:
            continue
        expected = as_set([upgraded(name, row) for row in rows])
        with engine.connect() as connection:
            if name in ("entries", "ledger"):
                found = rows_of(connection, name)
            else:
                table = tables.metadata.tables[TABLES.get(name, name)]
                found = [dict(row) for row in connection.execute(table.select()).mappings()]
        assert as_set(found) == expected, name
        assert len(found) == len(rows)


def test_notes_have_the_new_names(engine: Engine, old: dict[str, list[dict[str, Any]]]) -> None:
    with engine.connect() as connection:
        found = connection.execute(select(tables.trend_note).order_by(tables.trend_note.c.note_id)).all()
    assert tuple(row.trend_notes for row in found) == NEW_NOTES
    assert len(NEW_NOTES) == len(NOTES)
    assert {row.last_date for row in found} == {DAYS[1]}


def test_the_upgraded_entries_are_read(engine: Engine, old: dict[str, Any]) -> None:
    entries = list(History(engine, Ledger(engine, DAYS[1])).entries(DAYS[1], Source.GATEWAY))
    assert [(each.rank, each.movement, each.trend_notes) for each in entries] == [
        (1, "unknown", NEW_NOTES[0]),
        (2, "up", NEW_NOTES[1]),
        (3, "new_entry", NEW_NOTES[2]),
    ]
    (_, _, filled) = History(engine, Ledger(engine, DAYS[1])).entries(DAYS[1], Source.SANDBOX)
    assert (filled.price, filled.badges, filled.unit) == (19.9, ["源头工厂"], "件")


def test_what_has_not_changed_is_not_stored_again(engine: Engine, old: dict[str, Any]) -> None:
    names = ("offer_version", "offer_detail", "trend_note")
    before = [count(engine, name) for name in names]
    key = ListKey(Source.SANDBOX, Protocol.BASE64, "hot", "10167")
    entries = [an_entry(1, trend_notes=NEW_NOTES[0]), an_entry(2, trend_notes=NEW_NOTES[1])]
    ended = RankList(key=key, snapshot_date=DAYS[1], status=Status.COMPLETE, page_size=20, entries=entries)
    assert History(engine, Ledger(engine, DAYS[1])).store(ended, refresh=True)
    same = {("badges" if name == "marks" else name): value for name, value in DETAIL.items()}
    assert asdict(Detail(**same)) == same
    DetailStore(engine, Source.SANDBOX, DAYS[1]).store(Detail(**same), datetime.now(UTC))
    assert [count(engine, name) for name in names] == before


def test_processes_that_upgrade_at_once_all_find_it_ready(database_url: str, old: dict[str, Any]) -> None:
    engines = together(*[lambda: open_database(database_url)] * 4)
    for engine in engines:
        assert isinstance(engine, Engine)
        assert count(engine, "observation") == len(old["observation"])
        engine.dispose()


@pytest.mark.parametrize("is_new", [True, False])
def test_the_models_are_the_schema(database_url: str, is_new: bool) -> None:
    if not is_new:
        make_old_database(database_url)
    engine = open_database(database_url)
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), tables.metadata)
    engine.dispose()
    assert differences == []


def test_nothing_in_postgresql_has_an_old_name(postgres: Any) -> None:
    url = postgres()
    make_old_database(url)
    engine = open_database(url)
    with engine.connect() as connection:
        names = connection.execute(text("SELECT relname FROM pg_class UNION SELECT conname FROM pg_constraint"))
        mine = [name for name in names.scalars() if not name.startswith(("pg_", "_pg_"))]
    engine.dispose()
    assert "list_snapshot_pkey" in mine
    assert "observation_version_id_fkey" in mine
    assert [name for name in mine if any(each in name for each in ("gate", "outcome", "text", "aside"))] == []


def test_a_schema_of_a_newer_release_is_refused(database_url: str) -> None:
    engine = open_database(database_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0999'"))
    engine.dispose()
    with pytest.raises(InputError, match=r"TOPLIST_DATABASE_URL has schema version 0999, which a newer release"):
        open_database(database_url)


def count(engine: Engine, name: str) -> int:
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(tables.metadata.tables[name])).scalar_one()
