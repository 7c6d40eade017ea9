"""Sessions: all or nothing, reads that do not write, addresses without passwords."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, text, update
from sqlalchemy.orm import Session
from tersus.errors import InvalidInput
from tersus.rag.ledger.collections import CollectionRepository
from tersus.rag.ledger.engine import Database
from tersus.rag.ledger.errors import DatabaseError, ReadSession
from tersus.rag.ledger.tables import Collection


def names(database: Database) -> list[str]:
    with database.session() as session:
        return [summary.collection.name for summary in CollectionRepository(session).list()]


def test_a_session_commits_at_its_end_and_its_objects_stay_usable(database: Database) -> None:
    with database.session(write=True) as session:
        collection = CollectionRepository(session).create("a", "m", 3)
    assert (collection.name, collection.dimension, collection.sequence) == ("a", 3, 0)
    assert names(database) == ["a"]


def test_a_session_that_fails_leaves_nothing_behind(database: Database) -> None:
    def fail() -> None:
        with database.session(write=True) as session:
            CollectionRepository(session).create("a", "m", 3)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert names(database) == []


def test_what_is_to_be_written_soon_is_written_before_the_database_is_closed(database: Database) -> None:
    def create(name: str) -> Callable[[Connection], object]:
        return lambda connection: CollectionRepository(Session(connection)).create(name, "m", 3)

    written = [database.write_soon(create(name)) for name in "abcdefgh"]
    wrong = database.write_soon(lambda connection: connection.execute(text("no such statement")))
    database.close()
    assert [one.result(timeout=0) for one in written] == [None] * 8
    assert isinstance(wrong.exception(timeout=0), DatabaseError)
    assert names(database) == [*"abcdefgh"]
    database.write_soon(create("i")).result(timeout=30)
    assert names(database) == [*"abcdefghi"]


def test_a_reading_session_refuses_to_write(database: Database) -> None:
    with database.session(write=True) as session:
        CollectionRepository(session).create("a", "m", 3)
    with pytest.raises(ReadSession, match="write=True"), database.session() as session:
        session.execute(update(Collection).values(name="b"))
    with pytest.raises(ReadSession), database.session() as session:
        session.execute(insert(Collection).values(name="b"))
    with pytest.raises(ReadSession), database.session() as session:
        CollectionRepository(session).advance(CollectionRepository(session).require("a"))
    with pytest.raises(ReadSession), database.session() as session:
        CollectionRepository(session).delete("a")
    assert names(database) == ["a"]


def test_a_reading_session_sees_one_snapshot(database: Database) -> None:
    with database.session() as reader:
        assert CollectionRepository(reader).list() == []
        with database.session(write=True) as writer:
            CollectionRepository(writer).create("a", "m", 3)
        assert CollectionRepository(reader).list() == []
    assert names(database) == ["a"]


def test_an_error_of_the_database_keeps_the_drivers_as_its_cause(database: Database) -> None:
    with pytest.raises(DatabaseError) as caught, database.session(write=True) as session:
        session.execute(text("SELECT secret FROM nowhere"))
    assert caught.value.code == "database_error"
    assert "nowhere" in str(caught.value)
    assert caught.value.__cause__ is not None


def test_a_broken_constraint_is_a_database_error_that_repeats_no_contents(database: Database) -> None:
    with pytest.raises(DatabaseError) as caught, database.session(write=True) as session:
        session.add(Collection(name="private name", embedding_model="m", dimension=0))
    assert caught.value.code == "database_error"
    assert "dimension" in str(caught.value)
    assert "private name" not in str(caught.value)


def test_passwords_are_never_shown() -> None:
    for address in (
        "postgresql://anna:s3cret@localhost/tersus",
        "postgres://localhost/tersus?user=anna&password=s3cret&sslpassword=s3cret",
    ):
        database = Database(address)
        assert "s3cret" not in f"{database} {database!r} {database.url}"
        assert "localhost/tersus" in database.url


@pytest.mark.parametrize("address", ["sqlite://", "sqlite:///:memory:", "mysql://u:s3cret@h/d", "s3cret", ""])
def test_other_addresses_are_refused_without_being_repeated(address: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Database(address)
    assert "sqlite:////" in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_sqlite_is_durable_concurrent_and_checks_foreign_keys(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/new/folder/tersus.db")
    with database.session() as session:
        pragmas = {
            name: session.scalar(text(f"PRAGMA {name}"))
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30_000}


def test_a_started_row_survives_kill_9(
    tmp_path: Path, run_python: Callable[..., subprocess.Popen[str]]
) -> None:
    address = f"sqlite:///{tmp_path}/tersus.db"
    process = run_python(
        """
        import sys, time
        from tersus.rag.ledger import Database, NewQuery, QueryRepository, schema
        database = Database(sys.argv[1])
        schema.ready(database, embedded=True)
        with database.session(write=True) as session:
            query_id = QueryRepository(session).start(NewQuery(kind="query", question="Who wrote Dune?"))
        print(query_id, flush=True)
        time.sleep(60)
        """,
        address,
    )
    assert process.stdout is not None
    query_id = process.stdout.readline().strip()
    process.kill()
    process.wait()
    from tersus.rag.ledger import QueryRepository

    with Database(address).session() as session:
        query = QueryRepository(session).get(query_id)
    assert query is not None
    assert (query.outcome, query.question, query.finished_at) == ("started", "Who wrote Dune?", None)


def test_importing_the_ledger_does_not_import_sqlalchemy(
    run_python: Callable[..., subprocess.Popen[str]],
) -> None:
    process = run_python(
        "import sys, tersus.rag.ledger; print('sqlalchemy' in sys.modules, 'numpy' in sys.modules)"
    )
    assert process.communicate()[0].split() == ["False", "False"]
