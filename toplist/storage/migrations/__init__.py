"""The versions of the schema. A crawl brings its database to the newest one before its first request.

A version is a module with `revision` and `upgrade()`, which uses Alembic's operations. The modules are listed here and
run by a loop of our own: Alembic's commands read scripts from a folder, and an egg has none. The table
`alembic_version` is Alembic's, so that its tools see which version a database has.
"""

from __future__ import annotations

import logging
from types import ModuleType

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Column, Connection, MetaData, String, Table, delete, insert, text

from toplist.errors import InputError
from toplist.storage.migrations.versions import v0001_first, v0002_field_terms, v0003_trend_models

VERSIONS: tuple[ModuleType, ...] = (v0001_first, v0002_field_terms, v0003_trend_models)
REVISIONS: tuple[str, ...] = tuple(version.revision for version in VERSIONS)

logging.getLogger("alembic").setLevel(logging.WARNING)  # at INFO it logs the database's kind at every start

_LOCK = 0x746F706C697374  # "toplist" in ASCII: only one process migrates at a time
_VERSION = Table("alembic_version", MetaData(), Column("version_num", String(32), primary_key=True))


def is_current(connection: Connection) -> bool:
    """Whether the schema has the newest version."""
    return MigrationContext.configure(connection).get_current_revision() == REVISIONS[-1]


def upgrade(connection: Connection) -> None:
    """Bring the schema to the newest version, within the caller's transaction. Several processes may call it at once.

    Raises InputError where a newer release has made the schema.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    context = MigrationContext.configure(connection)
    current = context.get_current_revision()
    if current is not None and current not in REVISIONS:
        raise InputError(
            f"The database of TOPLIST_DATABASE_URL has schema version {current}, which a newer release has made: this"
            f" release knows the versions up to {REVISIONS[-1]}."
        )
    done = 0 if current is None else REVISIONS.index(current) + 1
    _VERSION.create(connection, checkfirst=True)
    with Operations.context(context):
        for version in VERSIONS[done:]:
            version.upgrade()
            connection.execute(delete(_VERSION))
            connection.execute(insert(_VERSION).values(version_num=version.revision))
