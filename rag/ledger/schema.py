"""The schema's version: which one the database has, which one this Tersus needs, and the way there."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Lock

# Alembic reports its loading and every step as INFO; whoever wants that sets this logger's level.
if logging.getLogger("alembic").level == logging.NOTSET:
    logging.getLogger("alembic").setLevel(logging.WARNING)

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from .engine import Database
from .errors import DatabaseDamaged, SchemaError, SchemaMissing, SchemaNewer, SchemaOutdated

__all__ = ["check", "current", "downgrade", "head", "ready", "upgrade"]

# Alembic keeps its context in module globals: one migration at a time in a process.
_ONE_AT_A_TIME = Lock()
# Any constant will do, as long as every Tersus uses the same: the key of PostgreSQL's advisory lock.
_LOCK_KEY = 7_363_736_855


def head() -> str:
    """The newest revision that this Tersus knows."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    if revision is None:
        raise SchemaError("this installation holds no migrations", hint="install Tersus again")
    return revision


def current(database: Database) -> str | None:
    """The revision that the database is at; None for a database without Tersus tables."""
    with database.translated(), database.engine.connect() as connection:
        return _revision(connection)


def check(database: Database) -> None:
    """Pass where the database is at `head`; else raise `SchemaMissing`, `SchemaOutdated` or `SchemaNewer`."""
    found, wanted = current(database), head()
    if found is None:
        raise SchemaMissing(
            f"{database.url} holds no Tersus tables yet", hint="create them with: tersus db upgrade"
        )
    _refuse_newer(database, found)
    if found != wanted:
        raise SchemaOutdated(
            f"{database.url} is at revision {found}, this Tersus needs {wanted}",
            hint="bring it up to date with: tersus db upgrade",
        )


def ready(database: Database, *, embedded: bool) -> None:
    """Make sure that the tables fit.

    ``embedded`` (Tersus's own SQLite file): create or upgrade them, also where several processes
    start at once. Otherwise only `check`: a shared server is migrated by whoever runs it.
    """
    try:
        check(database)
    except (SchemaMissing, SchemaOutdated):
        if not embedded:
            raise
        upgrade(database)


def upgrade(database: Database, revision: str = "head") -> None:
    """Migrate up to ``revision`` in one transaction; nothing happens where the database is there already."""
    _migrate(database, lambda config: command.upgrade(config, revision))


def downgrade(database: Database, revision: str) -> None:
    """Migrate down to ``revision`` ("base": drop all tables and what they hold), in one transaction."""
    _migrate(database, lambda config: command.downgrade(config, revision))


def _migrate(database: Database, action: Callable[[Config], None]) -> None:
    with _ONE_AT_A_TIME, database.translated(), database.writer.connect() as connection:
        if not database.is_sqlite:
            with connection.begin():
                # The second process waits here, and then finds that nothing is left to do.
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK_KEY})")
                _run(database, connection, action)
            return
        # SQLite changes a table by copying and dropping it; with foreign keys on, the drop would
        # delete the rows of every table that refers to it. The switch works only outside a
        # transaction, hence on the driver's connection before ours begins.
        driver = connection.connection.cursor()
        driver.execute("PRAGMA foreign_keys=OFF")
        try:
            with connection.begin():
                _run(database, connection, action)
                if connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
                    raise DatabaseDamaged(
                        f"after the migration {database.url} would hold rows that refer to nothing",
                        hint="the migration was undone; restore the file from a backup and try again",
                    )
        finally:
            driver.execute("PRAGMA foreign_keys=ON")


def _run(database: Database, connection: Connection, action: Callable[[Config], None]) -> None:
    found = _revision(connection)
    if found is not None:
        _refuse_newer(database, found)
    config = _config()
    config.attributes["connection"] = connection
    action(config)


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _refuse_newer(database: Database, found: str) -> None:
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if found not in known:
        raise SchemaNewer(
            f"{database.url} is at revision {found}, which this Tersus does not know",
            hint="install the newer Tersus that made it, or set another database address",
        )


def _config() -> Config:
    config = Config()
    # The trailing colon makes it a package, found wherever Tersus is installed.
    config.set_main_option("script_location", "tersus.migrations:")
    return config
