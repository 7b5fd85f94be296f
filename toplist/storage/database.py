"""The database: opened, checked and brought to the newest schema; and what its two kinds do in different words."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import (
    URL,
    ColumnElement,
    Connection,
    Engine,
    Float,
    Table,
    bindparam,
    cast,
    create_engine,
    event,
    func,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from toplist.errors import InputError
from toplist.storage import migrations
from toplist.storage.storage import first_line
from toplist.storage.tables import rate_limit

Insert = postgresql.Insert | sqlite.Insert

_BEGIN = "toplist_begin"  # how a transaction of SQLite begins; empty: none does
_LOCK_TIMEOUT = 30.0  # seconds that SQLite waits for another process's transaction
_MODE_POLL = 0.05

_CONNECT_ARGS: dict[str, dict[str, Any]] = {
    "sqlite": {"timeout": _LOCK_TIMEOUT, "check_same_thread": False},
    # A server whose machine is gone says nothing: without these a statement would wait for hours.
    "postgresql": {
        "connect_timeout": 10,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 30_000,
    },
}
_DRIVERS = {"sqlite": ("pysqlite",), "postgresql": ("psycopg", "psycopg2")}


def open_database(url: str) -> Engine:
    """An engine on the database of `url`, its schema up to date and writable. Raises InputError."""
    parsed = _parsed(url)
    try:
        if parsed.get_backend_name() == "sqlite":
            _create_private(parsed)
        engine = create_engine(parsed, connect_args=_CONNECT_ARGS[parsed.get_backend_name()])
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
        _prepare(engine)
    except ImportError as error:
        raise _refused(parsed, f"its driver is not installed ({error.name})") from None
    except (SQLAlchemyError, OSError, sqlite3.Error) as error:
        raise _refused(parsed, first_line(error)) from None
    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that will write. On SQLite it takes the write lock when it begins, not half way."""
    with engine.connect().execution_options(**{_BEGIN: "BEGIN IMMEDIATE"}) as connection, connection.begin():
        yield connection


def without_transactions(engine: Engine) -> Engine:
    """An engine for single statements that read: no transaction is begun around them."""
    options = {"isolation_level": "AUTOCOMMIT"} if engine.dialect.name == "postgresql" else {_BEGIN: ""}
    return engine.execution_options(**options)


def for_the_limiter(engine: Engine) -> Engine:
    """An engine whose commits do not wait for the disk: all processes of an app key wait for one row's transactions.

    A PostgreSQL server that crashes may lose the limiter's last changes; they are old when it is back. SQLite's commits
    do not wait for the disk anyway (WAL), so there it is the same engine.
    """
    url = engine.url
    if engine.dialect.name != "postgresql":
        return engine
    given = url.query.get("options") or ""
    options = f"{given if isinstance(given, str) else ' '.join(given)} -c synchronous_commit=off".strip()
    return create_engine(url, connect_args=_CONNECT_ARGS["postgresql"] | {"options": options}, pool_size=1)


def database_now(engine: Engine | Connection) -> ColumnElement[float]:
    """The time in seconds by the clock that all processes of the database share, as a part of a statement.

    PostgreSQL's own clock. For a SQLite file the system's monotonic clock, which no change of the wall clock moves. It
    restarts with the computer: a time further ahead than anything sets it was made before the restart. A statement
    may be made once: the clock is read whenever it is executed.
    """
    if engine.dialect.name == "postgresql":
        return cast(func.extract("epoch", func.clock_timestamp()), Float)
    return bindparam(None, type_=Float, callable_=time.monotonic)


def array_function(engine: Engine) -> str:
    """The aggregate that makes a JSON array of a column. SQLite writes 15 digits of a number, PostgreSQL all."""
    return "json_agg" if engine.dialect.name == "postgresql" else "json_group_array"


def insert_if_absent(connection: Connection, table: Table) -> Insert:
    """An insert that leaves existing rows alone."""
    return _insert(connection, table).on_conflict_do_nothing()


def upsert(connection: Connection, table: Table, columns: Sequence[str]) -> Insert:
    """An insert that sets `columns` where a row with the same primary key exists."""
    statement = _insert(connection, table)
    return statement.on_conflict_do_update(
        index_elements=list(table.primary_key.columns), set_={name: statement.excluded[name] for name in columns}
    )


def content_digest(json: str) -> str:
    """The key under which a content is stored once."""
    return hashlib.blake2b(json.encode(), digest_size=16).hexdigest()


def _insert(connection: Connection, table: Table) -> Insert:
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def _parsed(url: str) -> URL:
    """The address, of a kind and a driver that are supported."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # The value is not shown: what can't be parsed may hold a password anywhere.
        raise InputError(f"TOPLIST_DATABASE_URL can't be read as a database's address; {_TAKES}") from None
    kind, _, driver = parsed.drivername.partition("+")
    if kind not in _DRIVERS:
        raise _refused(parsed, f"{kind} is not supported")
    if driver and driver not in _DRIVERS[kind]:
        raise _refused(parsed, f"the driver {driver} is not supported")
    return parsed


_TAKES = (
    "it takes a SQLite file that can be written (sqlite:///toplist.db),"
    " or a PostgreSQL server that can be reached (postgresql+psycopg://user:password@host/database)."
)


def _refused(parsed: URL, why: str) -> InputError:
    shown = parsed.set(query={}).render_as_string(hide_password=True)  # a query may hold a password, too
    return InputError(f"TOPLIST_DATABASE_URL={shown} can't be used: {why}; {_TAKES}")


def _prepare(engine: Engine) -> None:
    """Bring the schema up to date, and try a write: a database that can only be read is refused here."""
    with engine.connect() as connection:
        is_current = migrations.is_current(connection)
    with writing(engine) as connection:
        if not is_current:
            migrations.upgrade(connection)
        connection.execute(update(rate_limit).where(rate_limit.c.key == "").values(state=""))


def _create_private(parsed: URL) -> None:
    """Create a new SQLite file for its owner alone. SQLite gives its other files (-wal, -shm) the same mode."""
    if parsed.database in (None, "", ":memory:") or parsed.query.get("uri"):
        return
    path = Path(str(parsed.database))
    missing = [folder for folder in (path.parent, *path.parent.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


def _prepare_sqlite(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None  # the driver's own BEGIN would come too late to be IMMEDIATE
    _use_wal(connection)
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")


def _use_wal(connection: sqlite3.Connection) -> None:
    """Set the journal mode. SQLite's own timeout does not cover two processes that set it on one new file."""
    give_up_at = time.monotonic() + _LOCK_TIMEOUT
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if not error.sqlite_errorname.startswith("SQLITE_BUSY") or time.monotonic() > give_up_at:
                raise
            time.sleep(_MODE_POLL)


def _begin_sqlite(connection: Connection) -> None:
    if begin := connection.get_execution_options().get(_BEGIN, "BEGIN"):
        connection.exec_driver_sql(begin)
