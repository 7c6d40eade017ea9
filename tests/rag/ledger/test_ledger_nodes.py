"""Nodes come and go one by one: each replaced under its id, the others of its document untouched."""

from __future__ import annotations

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from tersus.errors import InvalidInput
from tersus.rag.ledger import CollectionRepository, Database
from tersus.rag.ledger.new_node import NewNode, document_key, node_key
from tersus.rag.ledger.node_fields import chunk_fields
from tersus.rag.ledger.node_text import NodeText
from tersus.rag.ledger.nodes import NodeRepository
from tersus.rag.ledger.tables import Chunk, Collection, Document, NodeRow, Vector
from tersus.rag.ledger.text import safe_text
from tersus.rag.ledger.vectors import unpack_vectors

from tests.rag import fakes

DIMENSION = 3


@pytest.fixture
def collection(database: Database) -> Collection:
    with database.session(write=True) as session:
        return CollectionRepository(session).create("a", "m", DIMENSION)


def node(node_id: str, document: str | None = "d", text: str = "", **changes: Any) -> NewNode:
    text = text or f"The text of {node_id}."
    dice = np.random.default_rng(sum(node_id.encode("utf-8", "surrogatepass")))
    values: dict[str, Any] = {
        "node_id": node_id, "ref_doc_id": document, "title": "T", "text": text, "meta": {"of": text},
        "vector": dice.normal(size=DIMENSION).astype(np.float32), "content": f'"{len(text)}"',
    }  # fmt: skip
    return NewNode(**{**values, **changes})


def put(database: Database, collection: Collection, *nodes: NewNode) -> int:
    with database.session(write=True) as session:
        return NodeRepository(session).put(collection, nodes)


def chunks(database: Database) -> dict[str, Chunk]:
    """Every chunk by its text, with its document; checks that the slices and the rows are right."""
    with database.session() as session:
        rows = session.execute(select(Chunk, Document, Document.text).join(Document)).all()
        assert len(session.scalars(select(Vector.chunk_id)).all()) == len(rows)
        documents = session.scalars(select(Document.id)).all()
        assert set(documents) == {chunk.document_id for chunk, _, _ in rows}  # none without chunks
        for chunk, document, text in rows:
            assert text[chunk.start : chunk.end] == chunk.text
            assert document.size_bytes == len(text.encode())
            assert chunk.collection_id == document.collection_id
        found = {chunk.text: chunk for chunk, _, _ in rows}
        assert len(found) == len(rows)
        return found


def sequence(database: Database) -> int:
    with database.session() as session:
        return CollectionRepository(session).require("a").sequence


def test_a_node_comes_with_its_vector_and_content(database: Database, collection: Collection) -> None:
    given = node("n", "d", "One \x00 \ud800 two.", meta={"year": 3}, title="On\x00e")
    assert put(database, collection, given) == 1
    chunk = chunks(database)["One \ufffd \ufffd two."]
    assert (chunk.title, chunk.meta, chunk.position) == ("On\ufffde", {"year": 3}, 0)
    with database.session() as session:
        repository = NodeRepository(session)
        assert repository.chunk_ids(collection, ["n", "m"]) == {"n": chunk.id}
        assert repository.contents([chunk.id, 99]) == {chunk.id: (given.content, chunk.text)}
        data = session.scalars(select(Vector.data)).one()
        assert np.array_equal(unpack_vectors([data], DIMENSION)[0], given.vector)


def test_adding_one_node_leaves_the_other_chunks_of_its_document(
    database: Database, collection: Collection
) -> None:
    put(database, collection, node("1"), node("2"), node("3", "other"))
    before = {text: chunk.id for text, chunk in chunks(database).items()}
    put(database, collection, node("4"))
    after = {text: chunk.id for text, chunk in chunks(database).items()}
    assert before.items() < after.items()
    assert len(after) == 4
    assert sequence(database) == 2


def test_a_node_put_again_takes_the_place_of_the_old_one_also_under_another_document(
    database: Database, collection: Collection
) -> None:
    put(database, collection, node("1"), node("2"), node("3", "other"))
    before = {text: chunk.id for text, chunk in chunks(database).items()}
    put(database, collection, node("1", text="New."), node("3", "d", "Moved."))
    after = chunks(database)
    assert set(after) == {"New.", "The text of 2.", "Moved."}
    assert after["The text of 2."].id == before["The text of 2."]
    assert min(after["New."].id, after["Moved."].id) > max(before.values())
    assert len({chunk.document_id for chunk in after.values()}) == 1


def test_a_node_put_again_just_as_it_is_changes_nothing(database: Database, collection: Collection) -> None:
    put(database, collection, node("1"), node("2"))
    before = chunks(database)
    assert put(database, collection, node("1"), node("2")) == 0
    assert put(database, collection) == 0
    assert sequence(database) == 1
    for change in ({"vector": np.ones(3, np.float32)}, {"content": '"x"'}, {"text": "Other words of one."}):
        assert put(database, collection, node("1", **change), node("2")) == 1
    assert sequence(database) == 4
    assert chunks(database)["The text of 2."].id == before["The text of 2."].id


def test_of_several_nodes_with_one_id_the_last_counts(database: Database, collection: Collection) -> None:
    assert put(database, collection, node("1", text="First."), node("1", text="Last.")) == 1
    assert set(chunks(database)) == {"Last."}


def test_deleting_the_last_node_deletes_the_document(database: Database, collection: Collection) -> None:
    put(database, collection, node("1"), node("2"), node("3", None), node("4", None))
    with database.session(write=True) as session:
        repository = NodeRepository(session)
        ids = repository.chunk_ids(collection, ["1", "3"])
        assert repository.delete(collection, [*ids.values(), 999]) == 2
    assert set(chunks(database)) == {"The text of 2.", "The text of 4."}
    assert sequence(database) == 2
    with database.session(write=True) as session:
        repository = NodeRepository(session)
        assert repository.delete(collection, [*ids.values()]) == 0
        assert repository.clear(collection) == 2
        assert repository.clear(collection) == 0
    assert chunks(database) == {}
    assert sequence(database) == 3


def test_what_was_ingested_takes_no_nodes_and_loses_no_part(
    database: Database, collection: Collection
) -> None:
    fakes.add_document(database, "corpus", "tides", ["One.", "Two."])
    fakes.add_document(database, "corpus", "bread", ["Three."])
    with database.session() as session:
        corpus = CollectionRepository(session).require("corpus")
        ids = {row.text: row.id for row in session.execute(select(Chunk.id, Chunk.text))}
    vector = np.ones(corpus.dimension, dtype=np.float32)
    with pytest.raises(InvalidInput, match="'tides' was ingested"):
        put(database, corpus, node("1", "new", vector=vector), node("2", "tides", vector=vector))
    with pytest.raises(InvalidInput, match="'tides' was ingested"), database.session(write=True) as session:
        NodeRepository(session).delete(corpus, [ids["One."], ids["Three."]])
    assert set(chunks(database)) == {"One.", "Two.", "Three."}
    with database.session(write=True) as session:
        assert NodeRepository(session).delete(corpus, list(ids.values())) == 3
    assert chunks(database) == {}


@pytest.mark.parametrize("vector", [np.ones(2), np.array([1, np.nan, 0]), np.array([1e39, 0, 0])])
def test_a_vector_that_cannot_be_stored_stops_the_whole_batch(
    database: Database, collection: Collection, vector: Any
) -> None:
    with pytest.raises(InvalidInput):
        put(database, collection, node("1"), node("2", vector=vector))
    assert chunks(database) == {}
    assert sequence(database) == 0


def test_nodes_go_with_their_document_and_collection(database: Database, collection: Collection) -> None:
    put(database, collection, node("1"), node("2", "e"))
    with database.session(write=True) as session:
        from tersus.rag.ledger import DocumentRepository

        assert DocumentRepository(session).delete(collection, ["d"]) == 1
        assert session.scalars(select(NodeRow.key)).all() == [node_key("2")]
        CollectionRepository(session).delete("a")
        assert session.scalars(select(NodeRow.key)).all() == []


NASTY = ["", "d", "\x00", "\ufffd", "\ud800", "x" * 3000, "x" * 2999 + "é", "node:d", "sha256:d", "漢"]


def test_no_two_ids_become_one(database: Database, collection: Collection) -> None:
    nodes = [node(f"{n}", ref, f"under {n}") for n, ref in enumerate(NASTY)]
    alone = [node(name, None, f"alone {n}") for n, name in enumerate(NASTY)]
    put(database, collection, *nodes, *alone[2:], *alone[:2])
    found = chunks(database)
    assert len({chunk.document_id for chunk in found.values()}) == 2 * len(NASTY)
    assert len({document_key(name) for name in NASTY}) == len(NASTY)
    assert document_key("d") == "d"
    with database.session() as session:
        ids = NodeRepository(session).chunk_ids(collection, NASTY)
        assert {found[f"alone {n}"].id for n in range(len(NASTY))} == set(ids.values())
        fields = dict(chunk_fields(session, collection))
        some = dict(chunk_fields(session, collection, list(ids.values())))
    assert {key: fields[key] for key in some} == some
    assert {values["document_id"] for values in some.values()} == {None}
    assert {fields[found[f"under {n}"].id]["document_id"] for n in range(len(NASTY))} == {
        document_key(name) for name in NASTY
    }


def test_many_nodes_at_once_and_in_pages(database: Database, collection: Collection) -> None:
    dice = random.Random(1)
    nodes = [node(f"n{n}", dice.choice([None, "a", "b"]), f"text {n}") for n in range(1300)]
    put(database, collection, *nodes)
    assert len(chunks(database)) == 1300
    with database.session(write=True) as session:
        repository = NodeRepository(session)
        ids = repository.chunk_ids(collection, [f"n{n}" for n in range(0, 1300, 2)])
        assert len(ids) == 650
        assert repository.delete(collection, list(ids.values())) == 650
    assert set(chunks(database)) == {f"text {n}" for n in range(1, 1300, 2)}


def test_writers_at_once_lose_nothing(database: Database, collection: Collection) -> None:
    def write(writer: int) -> None:
        for step in range(6):
            own = [node(f"{writer}-{step}-{n}", "shared") for n in range(3)]
            put(database, collection, *own, node("everybody's", "shared", f"by {writer} at {step}"))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    found = chunks(database)
    assert len(found) == 4 * 6 * 3 + 1
    assert len([text for text in found if text.startswith("by ")]) == 1
    assert len({chunk.position for chunk in found.values()}) == len(found)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12).map(safe_text)


@given(TEXTS, st.lists(st.tuples(st.integers(-2, 60), st.integers(0, 8)), max_size=8), st.data())
def test_every_text_is_the_slice_that_its_offset_says(
    whole: str, cuts: Sequence[tuple[int, int]], data: st.DataObject
) -> None:
    """Pieces cut from one text keep their offsets; others go where nothing stands."""
    pieces = [(start, whole[start : start + size]) for start, size in cuts if 0 <= start <= len(whole)]
    text, placed = NodeText(), []
    for start, piece in pieces:
        assert text.place(start, piece) == start
        placed.append((start, piece))
    foreign = data.draw(st.lists(st.tuples(st.none() | st.integers(-5, 10**12), TEXTS), max_size=6))
    for claim, piece in foreign:
        placed.append((text.place(claim, piece), piece))
    shown = str(text)
    for start, piece in placed:
        assert shown[start : start + len(piece)] == piece
    assert len(shown) < 8 * 1_000_100
    again = NodeText(random.Random(0).sample(placed, len(placed)))
    assert str(again) == shown


def test_a_text_known_in_full_is_put_together_again() -> None:
    whole = "The moon pulls the sea. Tides follow the moon twice a day."
    text = NodeText()
    for start in (40, 0, 12, 25):
        assert text.place(start, whole[start : start + 20]) == start
    assert str(text) == whole
    assert text.place(3, "xyz") == len(whole) + 2
    assert str(text) == f"{whole}\n\nxyz"
