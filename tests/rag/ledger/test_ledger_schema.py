"""The schema's version is checked, and the migrated tables are exactly the models' tables."""

from __future__ import annotations

import json
import logging
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text
from tersus.rag.ledger import schema
from tersus.rag.ledger.engine import Database
from tersus.rag.ledger.errors import SchemaMissing, SchemaNewer, SchemaOutdated
from tersus.rag.ledger.tables import metadata


def described(database: Database) -> dict[str, Any]:
    """Everything that the database knows of its tables but the comments."""
    found = inspect(database.engine)

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        return [plain(item) for item in value] if isinstance(value, list) else str(value)

    def by_name(items: Any) -> list[Any]:
        return sorted((plain(item) for item in items), key=lambda item: str(item["name"]))

    return {
        table: {
            "columns": plain(found.get_columns(table)),
            "key": plain(found.get_pk_constraint(table)),
            "references": by_name(found.get_foreign_keys(table)),
            "unique": by_name(found.get_unique_constraints(table)),
            "checks": by_name(found.get_check_constraints(table)),
            "indexes": by_name(found.get_indexes(table)),
        }
        for table in metadata.tables
    }


def test_the_migrated_tables_are_the_models_tables(database: Database) -> None:
    with database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_the_migrated_tables_are_those_that_the_models_would_create(
    database: Database, new_address: Callable[[], str]
) -> None:
    """Stricter than Alembic's comparison: constraints' conditions, cascades and defaults as well."""
    created = Database(new_address())
    metadata.create_all(created.engine)
    expected, found = described(created), described(database)
    if not database.is_sqlite:  # defaults name the schema that the sequence lives in
        schemas = [str(inspect(each.engine).default_schema_name) for each in (created, database)]
        expected = json.loads(json.dumps(expected).replace(schemas[0], schemas[1]))
    assert len(expected["queries"]["checks"]) == 24
    assert found == expected
    created.close()


def test_a_database_without_tables_is_missing_them(blank_database: Database) -> None:
    assert schema.current(blank_database) is None
    with pytest.raises(SchemaMissing, match="tersus db upgrade"):
        schema.check(blank_database)
    with pytest.raises(SchemaMissing):
        schema.ready(blank_database, embedded=False)
    assert schema.current(blank_database) is None


def test_a_migrated_database_passes(database: Database) -> None:
    assert schema.current(database) == schema.head()
    schema.check(database)
    schema.ready(database, embedded=False)


def test_the_embedded_database_makes_its_own_tables(blank_database: Database) -> None:
    schema.ready(blank_database, embedded=True)
    schema.check(blank_database)


def test_a_database_of_a_newer_tersus_is_left_alone(database: Database) -> None:
    with database.session(write=True) as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for use in (
        schema.check,
        schema.upgrade,
        partial(schema.ready, embedded=True),
        partial(schema.downgrade, revision="base"),
    ):
        with pytest.raises(SchemaNewer, match="9999"):
            use(database)
    assert schema.current(database) == "9999"


def test_a_database_of_an_older_tersus_is_outdated(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "head", lambda: "9998")
    with pytest.raises(SchemaOutdated, match="tersus db upgrade"):
        schema.check(database)


def test_migrating_logs_nothing(blank_database: Database, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        schema.upgrade(blank_database)
    assert [record.name for record in caplog.records] == []


def test_processes_that_start_at_once_all_find_a_ready_database(
    address: str, tmp_path: Path, run_python: Callable[..., subprocess.Popen[str]]
) -> None:
    program = """
        import pathlib, sys, time
        from tersus.rag.ledger import Database, schema
        database = Database(sys.argv[1])
        print("loaded", flush=True)
        while not pathlib.Path(sys.argv[2]).exists():
            time.sleep(0.001)
        schema.ready(database, embedded=True)
        print(schema.current(database))
        """
    go = tmp_path / "go"
    processes = [run_python(program, address, str(go)) for _ in range(3)]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    go.touch()
    ended = [(*process.communicate(), process.returncode) for process in processes]
    assert ended == [(f"{schema.head()}\n", "", 0)] * 3
