"""What goes wrong with a database comes out as a clear error with a hint, and nothing is half written."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, func, select, text
from tersus.rag.ledger import NewQuery, QueryRepository, schema
from tersus.rag.ledger.collections import CollectionRepository
from tersus.rag.ledger.engine import Database
from tersus.rag.ledger.errors import (
    DatabaseBusy,
    DatabaseDamaged,
    DatabaseReadOnly,
    DatabaseUnavailable,
    DiskFull,
)
from tersus.rag.ledger.tables import Query


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tersus.db"


@pytest.fixture
def sqlite(path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{path}")
    schema.upgrade(database)
    yield database
    database.close()


def start(database: Database, question: str = "q") -> None:
    with database.session(write=True) as session:
        QueryRepository(session).start(NewQuery(kind="query", question=question))


def test_a_file_that_may_only_be_read_is_read_and_not_written(sqlite: Database, path: Path) -> None:
    start(sqlite)
    sqlite.close()
    readonly = Database(f"sqlite:///file:{path}?mode=ro&uri=true")
    with readonly.session() as session:
        assert session.scalar(select(func.count()).select_from(Query)) == 1
    with pytest.raises(DatabaseReadOnly, match="writable") as caught:
        start(readonly)
    assert isinstance(caught.value.__cause__.__cause__, sqlite3.OperationalError)  # type: ignore[union-attr]
    readonly.close()


@pytest.mark.parametrize(
    ("number", "error"),
    [(errno.EROFS, DatabaseReadOnly), (errno.EACCES, DatabaseReadOnly), (errno.ENOSPC, DiskFull),
     (errno.ENOTDIR, DatabaseUnavailable)],
)  # fmt: skip
def test_a_folder_that_cannot_be_made_is_named(
    path: Path, monkeypatch: pytest.MonkeyPatch, number: int, error: type[Exception]
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(error, match=r"tersus\.db"):
        Database(f"sqlite:///{path}")


def test_a_folder_without_write_permission_makes_the_database_read_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(f"sqlite:///{tmp_path}")  # a folder cannot be opened as a file
    with pytest.raises(DatabaseUnavailable):
        start(database)
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everywhere
    with pytest.raises(DatabaseReadOnly):
        start(database)


def test_a_full_disk_is_said_and_what_was_saved_is_intact(sqlite: Database) -> None:
    start(sqlite, "saved")
    pages = sqlite3.connect(sqlite.path or "").execute("PRAGMA page_count").fetchone()[0]
    sqlite.close()
    event.listen(
        sqlite.engine, "connect", lambda connection, _: connection.execute(f"PRAGMA max_page_count={pages}")
    )
    with pytest.raises(DiskFull, match="free some space"):
        start(sqlite, "x" * 100_000)
    with sqlite.session() as session:
        assert session.scalars(select(Query.question)).all() == ["saved"]
    start(sqlite, "small")  # the connection is usable again
    with sqlite.session() as session:
        assert session.scalar(select(func.count()).select_from(Query)) == 2


def test_a_text_file_is_not_a_database(path: Path) -> None:
    path.write_text("Dear diary, this is no database. " * 50)
    database = Database(f"sqlite:///{path}")
    for use in (start, schema.check, schema.upgrade):
        with pytest.raises(DatabaseDamaged, match="another file"):
            use(database)
    assert path.read_text().startswith("Dear diary")


def test_a_file_with_a_broken_page_is_damaged(sqlite: Database, path: Path) -> None:
    for number in range(50):
        start(sqlite, f"{number} " * 500)
    with sqlite.session() as session:
        session.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
    sqlite.close()
    data = bytearray(path.read_bytes())
    data[40_000:] = b"\xff" * (len(data) - 40_000)
    path.write_bytes(data)
    with pytest.raises(DatabaseDamaged, match="backup"), sqlite.session() as session:
        session.scalars(select(Query.question)).all()


@pytest.mark.parametrize("port", [1, 9])
def test_an_unreachable_server_is_named_without_its_password(port: int) -> None:
    database = Database(f"postgresql://anna:s3cret@127.0.0.1:{port}/tersus")
    with pytest.raises(DatabaseUnavailable, match=f"127.0.0.1:{port}/tersus") as caught:
        start(database)
    assert "s3cret" not in str(caught.value)
    with pytest.raises(DatabaseUnavailable):
        schema.check(database)


def test_a_lock_that_is_held_too_long_is_busy_and_the_database_usable_afterwards(
    database: Database, address: str
) -> None:
    with database.session(write=True) as session:
        collection = CollectionRepository(session).create("a", "m", 2)
    hasty = Database(address, busy_timeout=0.1)
    with database.session(write=True) as session:
        CollectionRepository(session).advance(collection)
        with pytest.raises(DatabaseBusy, match="repeat"), hasty.session(write=True) as other:
            CollectionRepository(other).advance(collection)
    with hasty.session(write=True) as session:
        assert CollectionRepository(session).advance(collection) == 2
    hasty.close()


def test_more_sessions_than_connections_is_busy(address: str) -> None:
    database = Database(address, busy_timeout=0.1)

    def open_too_many() -> None:
        with ExitStack() as sessions:
            for _ in range(21):
                sessions.enter_context(database.session()).execute(text("SELECT 1"))

    with pytest.raises(DatabaseBusy):
        open_too_many()
    with database.session() as session:
        assert session.scalar(text("SELECT 1")) == 1
    database.close()


ON_POSTGRES = pytest.mark.parametrize(
    "new_address", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)


@ON_POSTGRES
def test_a_server_that_drops_the_connection_is_unavailable_and_comes_back(database: Database) -> None:
    def lose_the_connection() -> None:
        with database.session() as session:
            pid = session.scalar(text("SELECT pg_backend_pid()"))
            with database.session() as other:
                other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
            session.execute(text("SELECT 1"))

    with pytest.raises(DatabaseUnavailable):
        lose_the_connection()
    start(database)


@ON_POSTGRES
def test_a_server_that_only_reads_is_read_only(database: Database) -> None:
    event.listen(
        database.engine, "begin", lambda connection: connection.exec_driver_sql("SET TRANSACTION READ ONLY")
    )
    with pytest.raises(DatabaseReadOnly):
        start(database)
