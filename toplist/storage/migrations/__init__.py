"""The schema's versions, by Alembic; a crawl brings the database up to date before its first request.

Alembic reads its scripts from a folder; in an egg there is none. So the versions are modules, handed to it as such.
"""

from __future__ import annotations

import logging
import tempfile
from types import ModuleType
from typing import Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from alembic.script.revision import RevisionMap
from sqlalchemy import Engine, text

from toplist.storage.migrations.versions import v0001_first, v0002_field_terms, v0003_trend_models
from toplist.storage.tables import metadata

VERSIONS: tuple[ModuleType, ...] = (v0001_first, v0002_field_terms, v0003_trend_models)

logging.getLogger("alembic").setLevel(logging.WARNING)  # it tells of its backend at INFO, at every start

_LOCK = 0x746F706C697374  # "toplist": one process migrates at a time


def _scripts() -> ScriptDirectory:
    scripts = ScriptDirectory(tempfile.gettempdir(), version_locations=[])
    scripts.revision_map = RevisionMap(lambda: [Script(each, each.revision, str(each.__file__)) for each in VERSIONS])
    return scripts


def upgrade(engine: Engine) -> None:
    """Bring the schema to the newest version. Several processes may call it at once."""
    scripts = _scripts()
    newest = scripts.get_current_head()
    with engine.connect() as connection:
        if MigrationContext.configure(connection).get_current_revision() == newest:
            return

    def steps(revision: Any, _: MigrationContext) -> Any:
        return scripts._upgrade_revs("head", revision)

    with engine.connect().execution_options(toplist_immediate=True) as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        with EnvironmentContext(Config(), scripts, fn=steps, destination_rev="head") as environment:
            environment.configure(connection=connection, target_metadata=metadata)
            with environment.begin_transaction():
                environment.run_migrations()
