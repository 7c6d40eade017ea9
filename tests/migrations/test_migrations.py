"""The revisions themselves: up, down and up again; and the template of the next one."""

from __future__ import annotations

import ast
import shutil
from datetime import UTC, date, datetime
from importlib.resources import files
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, select, text
from tersus.compressors import Calibration
from tersus.errors import InvalidInput
from tersus.rag.ledger import CalibrationRepository, CollectionRepository, schema
from tersus.rag.ledger.engine import Database
from tersus.rag.ledger.errors import DatabaseError
from tersus.rag.ledger.tables import (
    Chunk,
    Crag,
    CragCluster,
    CragGroup,
    CragMember,
    CragSentence,
    metadata,
)

from tests.rag.fakes import delete_documents, fill

MIGRATIONS = Path(str(files("tersus.migrations")))
CRAG = {"crags", "crag_groups", "crag_clusters", "crag_members", "crag_sentences"}
LATER = {"clusterings", "clusters", "chunk_clusters", "nodes"}
LATER |= {"api_keys", "key_usage", "key_reservations", "idempotency", "jobs", "chat_sent"}
LATER |= {"shadow_checks", "shadow_states", "evaluation_runs"}
"""Tables of the revisions after that of CRAG."""


def tables(database: Database) -> set[str]:
    return set(inspect(database.engine).get_table_names()) - {"alembic_version"}


def test_from_blank_to_head_down_to_base_and_up_again(blank_database: Database) -> None:
    assert tables(blank_database) == set()
    for _ in range(2):
        schema.upgrade(blank_database)
        assert tables(blank_database) == set(metadata.tables)
        assert schema.current(blank_database) == schema.head()
        schema.downgrade(blank_database, "base")
        assert tables(blank_database) == set()
        assert schema.current(blank_database) is None


def test_every_revision_goes_up_and_down_by_itself(blank_database: Database) -> None:
    config = Config()
    config.set_main_option("script_location", "tersus.migrations:")
    revisions = list(reversed(list(ScriptDirectory.from_config(config).walk_revisions())))
    assert revisions[0].down_revision is None
    for revision in revisions:
        schema.upgrade(blank_database, revision.revision)
        assert schema.current(blank_database) == revision.revision
    for revision in reversed(revisions):
        schema.downgrade(blank_database, str(revision.down_revision or "base"))
        assert schema.current(blank_database) == revision.down_revision


def test_calibrations_come_with_the_second_revision_and_what_was_there_stays(
    blank_database: Database,
) -> None:
    schema.upgrade(blank_database, "0001")
    assert tables(blank_database) == set(metadata.tables) - {"calibrations"} - CRAG - LATER
    with blank_database.session(write=True) as session:
        session.execute(
            text(
                "INSERT INTO collections"
                " (name, uid, embedding_model, dimension, index_kind, sequence, created_at)"
                " VALUES ('a', 'u', 'm', 3, 'flat', 7, :now)"
            ),
            {"now": datetime(2026, 1, 1, tzinfo=UTC).isoformat(" ")},
        )
    schema.upgrade(blank_database)
    assert tables(blank_database) == set(metadata.tables)
    with blank_database.session(write=True) as session:
        collection = CollectionRepository(session).require("a")
        repository = CalibrationRepository(session)
        repository.add(Calibration("x:1", 0.5, 0.05, 20, date(2026, 1, 2)), "x", "d", collection)
        assert [one.collection for one in repository.list()] == ["a"]
    schema.downgrade(blank_database, "0001")
    assert tables(blank_database) == set(metadata.tables) - {"calibrations"} - CRAG - LATER
    with blank_database.session() as session:
        assert session.execute(text("SELECT name, sequence FROM collections")).all() == [("a", 7)]


def test_summaries_come_with_the_third_revision_and_go_with_their_chunk_and_collection(
    blank_database: Database,
) -> None:
    schema.upgrade(blank_database, "0002")
    assert tables(blank_database) == set(metadata.tables) - CRAG - LATER
    fill(blank_database, "corpus")
    schema.upgrade(blank_database)
    with blank_database.session(write=True) as session:
        row = CollectionRepository(session).require("corpus")
        chunks = session.scalars(select(Chunk.id).order_by(Chunk.id)).all()
        crag = Crag(collection_id=row.id, group_by="", max_tokens=9, summariser="s", fingerprint="f")
        session.add(crag)
        session.flush()
        group = CragGroup(crag_id=crag.id, label="", label_hash="0" * 64, size=len(chunks))
        session.add(group)
        session.flush()
        cluster = CragCluster(group_id=group.id, centroid=b"")
        session.add(cluster)
        session.flush()
        for chunk_id in chunks:
            session.add(CragMember(cluster_id=cluster.id, chunk_id=chunk_id, founder=True))
        session.add(CragSentence(cluster_id=cluster.id, position=0, text="One.", sources=["a"]))
    delete_documents(blank_database, "corpus", "rust")
    with blank_database.session() as session:
        assert len(session.scalars(select(CragMember.chunk_id)).all()) == len(chunks) - 1
    with blank_database.session(write=True) as session:
        CollectionRepository(session).delete("corpus")
    with blank_database.session() as session:
        for table in (Crag, CragGroup, CragCluster, CragMember, CragSentence):
            assert session.scalars(select(table)).all() == []
    schema.downgrade(blank_database, "0002")
    assert tables(blank_database) == set(metadata.tables) - CRAG - LATER


def test_an_upgrade_of_a_migrated_database_keeps_its_rows(database: Database) -> None:
    with database.session(write=True) as session:
        session.execute(
            text(
                "INSERT INTO collections"
                " (name, uid, embedding_model, dimension, index_kind, sequence, created_at)"
                " VALUES ('a', 'u', 'm', 3, 'flat', 0, :now)"
            ),
            {"now": datetime(2026, 1, 1, tzinfo=UTC).isoformat(" ")},
        )
    schema.upgrade(database)
    with database.session() as session:
        assert session.scalar(text("SELECT name FROM collections")) == "a"


def test_a_migration_that_fails_leaves_the_database_as_it_was(blank_database: Database) -> None:

    with blank_database.engine.begin() as connection:
        connection.execute(text("CREATE TABLE queries (mine integer)"))  # in the way of ours
    with pytest.raises(DatabaseError, match="already exists"):
        schema.upgrade(blank_database)
    assert tables(blank_database) == {"queries"}
    assert schema.current(blank_database) is None


def test_foreign_keys_are_checked_again_after_a_migration(database: Database) -> None:
    if database.is_sqlite:
        with database.session() as session:
            assert session.scalar(text("PRAGMA foreign_keys")) == 1

    with pytest.raises(DatabaseError), database.session(write=True) as session:
        session.execute(text("INSERT INTO vectors (chunk_id, data) VALUES (77, '')"))


def test_only_the_environment_imports_tersus() -> None:
    importing = set()
    for path in MIGRATIONS.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                modules = ["tersus"] if node.level else [node.module or ""]
            if any(module.partition(".")[0] == "tersus" for module in modules):
                importing.add(path.name)
    assert importing == {"env.py"}


def test_the_environment_refuses_to_run_without_a_connection() -> None:
    config = Config()
    config.set_main_option("script_location", "tersus.migrations:")
    with pytest.raises(InvalidInput, match="tersus db upgrade"):
        command.upgrade(config, "head")


def test_the_template_makes_a_revision_that_runs(database: Database, tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    config = Config()
    config.set_main_option("script_location", str(folder))
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        made = command.revision(config, "Nothing changes", rev_id="9999", autogenerate=True)
        assert made is not None
        assert not isinstance(made, list)
        assert made.revision == "9999"
        assert made.down_revision == schema.head()
        source = Path(made.path).read_text()
        command.upgrade(config, "head")
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == "9999"
    assert source.count("    pass\n") == 2  # the models and the migrated tables are alike
    assert ast.get_docstring(ast.parse(source)).startswith("Nothing changes")  # type: ignore[union-attr]
