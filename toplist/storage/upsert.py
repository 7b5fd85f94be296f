"""Inserts that meet rows which exist already, for both databases, and digests by which contents are stored once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

Insert = postgresql.Insert | sqlite.Insert


def insert_if_absent(connection: Connection, table: Table) -> Insert:
    """An insert that leaves existing rows alone."""
    return _insert(connection, table).on_conflict_do_nothing()


def upsert(connection: Connection, table: Table, columns: Sequence[str]) -> Insert:
    """An insert that sets `columns` where a row with the same primary key exists."""
    statement = _insert(connection, table)
    return statement.on_conflict_do_update(
        index_elements=list(table.primary_key.columns), set_={name: statement.excluded[name] for name in columns}
    )


def _insert(connection: Connection, table: Table) -> Insert:
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def content_digest(json: str) -> str:
    """The key under which a content is stored once."""
    return hashlib.blake2b(json.encode(), digest_size=16).hexdigest()
