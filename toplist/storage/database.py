"""The database: opened, checked and brought to the present schema."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Float, cast, create_engine, event, func, literal
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from toplist.errors import InputError
from toplist.storage import migrations

_IMMEDIATE = "toplist_immediate"


def open_database(url: str) -> Engine:
    """An engine on the database of `url`, its schema up to date. Raises InputError naming TOPLIST_DATABASE_URL."""
    parsed = make_url(url)
    try:
        if parsed.get_backend_name() == "sqlite" and parsed.database not in (None, "", ":memory:"):
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(parsed, connect_args=_CONNECT_ARGS.get(parsed.get_backend_name(), {}))
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
        migrations.upgrade(engine)
    except (SQLAlchemyError, OSError) as error:
        said = str(getattr(error, "orig", None) or error).strip().splitlines() or [type(error).__name__]
        raise InputError(
            f"TOPLIST_DATABASE_URL={parsed.render_as_string(hide_password=True)} can't be used: {said[0]}; it takes a"
            " SQLite file that can be written, or a PostgreSQL server that can be reached."
        ) from None
    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that means to write: on SQLite it waits for its turn at once, not when it is half way."""
    with engine.connect().execution_options(**{_IMMEDIATE: True}) as connection, connection.begin():
        yield connection


def for_the_limiter(engine: Engine) -> Engine:
    """An engine whose commits do not wait for the disk: all processes of a key queue for the gate's one row.

    What a PostgreSQL server that crashes forgets of the gate is of the past when the server is back. SQLite's commits
    do not wait anyway (WAL), so that it is the same engine.
    """
    url = engine.url
    if engine.dialect.name != "postgresql":
        return engine
    given = url.query.get("options") or ""
    options = f"{given if isinstance(given, str) else ' '.join(given)} -c synchronous_commit=off".strip()
    return create_engine(url, connect_args=_CONNECT_ARGS["postgresql"] | {"options": options}, pool_size=1)


def database_now(connection: Connection) -> ColumnElement[float]:
    """The time by the clock that all processes of the database share, in seconds, as a part of a statement.

    PostgreSQL's own; for a SQLite file the system's monotonic clock, which no step of the wall clock touches. It begins
    anew when the computer does: a time that lies further ahead than it can have been set for is an old one.
    """
    if connection.dialect.name == "postgresql":
        return cast(func.extract("epoch", func.clock_timestamp()), Float)
    return literal(time.monotonic(), Float)


_CONNECT_ARGS: dict[str, dict[str, Any]] = {
    "sqlite": {"timeout": 30, "check_same_thread": False},
    "postgresql": {"connect_timeout": 10},
}


def _prepare_sqlite(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None  # the driver's own BEGIN would come too late to be IMMEDIATE
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_sqlite(connection: Connection) -> None:
    immediate = connection.get_execution_options().get(_IMMEDIATE)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
