"""Collections: names, counts, mismatches, and a sequence that only grows."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from tersus.errors import InvalidInput
from tersus.rag.ledger import NewQuery, QueryRepository
from tersus.rag.ledger.collections import CollectionRepository
from tersus.rag.ledger.engine import Database
from tersus.rag.ledger.errors import CollectionExists, CollectionMismatch, UnknownCollection
from tersus.rag.ledger.tables import metadata


def create(database: Database, *names: str) -> None:
    with database.session(write=True) as session:
        for name in names:
            CollectionRepository(session).create(name, "minilm", 384)


def test_a_collection_is_found_by_its_name(database: Database) -> None:
    create(database, "manuals", "漢字 😀", "x" * 200)
    with database.session() as session:
        repository = CollectionRepository(session)
        found = repository.require("manuals")
        assert (found.embedding_model, found.dimension, found.index_kind, found.sequence) == (
            "minilm",
            384,
            "auto",
            0,
        )
        assert found.created_at.utcoffset() is not None
        assert repository.get("漢字 😀") is not None
        assert repository.get("Manuals") is None
        assert repository.get("nul\x00") is None


@pytest.mark.parametrize(
    "name", ["", " ", "x" * 201, "a/b", "a\\b", "a\nb", "a\x00b", "\ud800", " a", "a ", ".", ".."]
)
def test_names_that_paths_and_screens_cannot_take_are_refused(database: Database, name: str) -> None:
    with pytest.raises(InvalidInput, match="collection name"):
        create(database, name)


def test_a_dimension_below_one_is_refused(database: Database) -> None:
    with pytest.raises(InvalidInput), database.session(write=True) as session:
        CollectionRepository(session).create("a", "m", 0)


def test_a_name_is_taken_once_and_the_transaction_goes_on(database: Database) -> None:
    create(database, "a")
    with database.session(write=True) as session:
        repository = CollectionRepository(session)
        with pytest.raises(CollectionExists):
            repository.create("a", "m", 2)
        repository.create("b", "m", 2)
    with database.session() as session:
        assert [row.collection.name for row in CollectionRepository(session).list()] == ["a", "b"]


def test_an_unknown_name_is_answered_with_the_nearest(database: Database) -> None:
    with pytest.raises(UnknownCollection, match="none yet"), database.session() as session:
        CollectionRepository(session).require("manual")
    create(database, "manuals", "recipes", "letters", "songs", "poems", "films")
    with database.session() as session:
        repository = CollectionRepository(session)
        with pytest.raises(UnknownCollection, match=r"did you mean manuals\?"):
            repository.require("manual")
        with pytest.raises(UnknownCollection, match="films, letters, manuals, poems, recipes and 1 more"):
            repository.require("zzzz")


def test_get_or_create_makes_once_and_notices_another_model(database: Database) -> None:
    with database.session(write=True) as session:
        first = CollectionRepository(session).get_or_create("a", "minilm", 384)
    with database.session(write=True) as session:
        repository = CollectionRepository(session)
        assert repository.get_or_create("a", "minilm", 384).id == first.id
        with pytest.raises(CollectionMismatch, match="minilm"):
            repository.get_or_create("a", "other", 384)
        with pytest.raises(CollectionMismatch, match="768"):
            repository.get_or_create("a", "minilm", 768)


def test_advance_counts_up_and_ends_with_the_collection(database: Database) -> None:
    create(database, "a")
    with database.session(write=True) as session:
        repository = CollectionRepository(session)
        collection = repository.require("a")
        assert [repository.advance(collection) for _ in range(3)] == [1, 2, 3]
    with database.session(write=True) as session:
        assert CollectionRepository(session).advance(collection) == 4
        CollectionRepository(session).delete("a")
    with pytest.raises(UnknownCollection), database.session(write=True) as session:
        CollectionRepository(session).advance(collection)


def test_ids_are_never_given_out_again(database: Database) -> None:
    create(database, "a")
    with database.session(write=True) as session:
        old = CollectionRepository(session).require("a")
        CollectionRepository(session).delete("a")
    create(database, "a")
    with database.session() as session:
        new = CollectionRepository(session).require("a")
    assert new.id > old.id
    assert new.uid != old.uid
    assert len(new.uid) == 32


def test_deleting_a_collection_keeps_the_account(database: Database) -> None:
    create(database, "a")
    with database.session(write=True) as session:
        query_id = QueryRepository(session).start(NewQuery(kind="query", question="q", collection="a"))
        CollectionRepository(session).delete("a")
        with pytest.raises(UnknownCollection):
            CollectionRepository(session).delete("a")
    with database.session() as session:
        query = QueryRepository(session).get(query_id)
        assert query is not None
        assert query.collection == "a"
        rows = {table: session.scalar(text(f"SELECT count(*) FROM {table}")) for table in metadata.tables}  # noqa: S608
    assert rows == {**dict.fromkeys(metadata.tables, 0), "queries": 1}
