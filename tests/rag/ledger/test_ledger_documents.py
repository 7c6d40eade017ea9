"""Documents with their chunks and vectors: replaced as a whole, read back exactly."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import func, select, text
from tersus.errors import InvalidInput
from tersus.rag.ledger.chunks import ChunkRepository
from tersus.rag.ledger.collections import CollectionRepository
from tersus.rag.ledger.documents import DocumentRepository
from tersus.rag.ledger.engine import Database
from tersus.rag.ledger.errors import DatabaseDamaged
from tersus.rag.ledger.new_document import NewChunk, NewDocument
from tersus.rag.ledger.tables import Chunk, Collection, Document, Vector

DIMENSION = 3


@pytest.fixture
def collection(database: Database) -> Collection:
    with database.session(write=True) as session:
        return CollectionRepository(session).create("a", "m", DIMENSION)


def vectors(count: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(count, DIMENSION)).astype(np.float32)


def document(external_id: str, words: Sequence[str], seed: int = 0, **changes: Any) -> NewDocument:
    """A document of words with one blank between; each word is a chunk."""
    whole = " ".join(words)
    starts = [len(" ".join(words[:i])) + (i > 0) for i in range(len(words))]
    chunks = [
        NewChunk(
            start=start,
            end=start + len(word),
            title=f"title of {word}",
            text=word,
            vector=vector,
            meta={"n": i},
        )
        for i, (start, word, vector) in enumerate(zip(starts, words, vectors(len(words), seed), strict=True))
    ]
    values: dict[str, Any] = {
        "external_id": external_id, "title": "t", "text": whole, "chunks": chunks, "meta": {"page": 1},
        "content_hash": hashlib.sha256(f"{whole}{seed}".encode()).hexdigest(),
        "media_type": "text/plain", "size_bytes": len(whole.encode()),
    }  # fmt: skip
    return NewDocument(**{**values, **changes})


def put(database: Database, collection: Collection, *documents: NewDocument) -> list[str]:
    with database.session(write=True) as session:
        return [DocumentRepository(session).replace(collection, new) for new in documents]


def sequence(database: Database) -> int:
    with database.session() as session:
        return CollectionRepository(session).require("a").sequence


def test_a_document_comes_back_with_its_chunks_and_vectors(
    database: Database, collection: Collection
) -> None:
    new = document("漢/a.txt", ["😀", "two", "thr\x00ee"])
    assert put(database, collection, new) == ["added"]
    with database.session() as session:
        found = DocumentRepository(session).get(collection, "漢/a.txt")
        assert found is not None
        assert (found.text, found.title, found.meta) == ("😀 two thr\ufffdee", "t", {"page": 1})
        assert (found.content_hash, found.media_type, found.size_bytes) == (
            new.content_hash, "text/plain", len("😀 two thr.ee".encode())
        )  # fmt: skip
        assert found.sequence == sequence(database) == 1
        repository = ChunkRepository(session)
        chunks = repository.get(repository.ids(collection))
        assert [chunk.text for chunk in chunks] == ["😀", "two", "thr\ufffdee"]
        assert [found.text[chunk.start : chunk.end] for chunk in chunks] == [chunk.text for chunk in chunks]
        assert [(chunk.position, chunk.meta, chunk.title) for chunk in chunks][1] == (
            1,
            {"n": 1},
            "title of two",
        )
        assert {chunk.document.external_id for chunk in chunks} == {"漢/a.txt"}
        [(ids, matrix)] = repository.vectors(collection)
        assert ids.tolist() == [chunk.id for chunk in chunks]
        np.testing.assert_array_equal(matrix, vectors(3))


def test_an_equal_hash_writes_nothing(database: Database, collection: Collection) -> None:
    put(database, collection, document("a", ["one"]))
    with database.session() as session:
        before = ChunkRepository(session).ids(collection).tolist()
    assert put(database, collection, document("a", ["one"], title="another title")) == ["unchanged"]
    with database.session() as session:
        assert ChunkRepository(session).ids(collection).tolist() == before
        found = DocumentRepository(session).get(collection, "a")
        assert found is not None
        assert found.title == "t"
    assert sequence(database) == 1


def test_replacing_takes_the_old_chunks_away_and_gives_new_ids(
    database: Database, collection: Collection
) -> None:
    put(database, collection, document("a", ["one", "two", "three"]), document("b", ["else"]))
    with database.session() as session:
        first = DocumentRepository(session).get(collection, "a")
        old = ChunkRepository(session).ids(collection)
    assert put(database, collection, document("a", ["four", "five"], seed=5)) == ["replaced"]
    with database.session() as session:
        now = DocumentRepository(session).get(collection, "a")
        new = ChunkRepository(session).ids(collection)
        words = [chunk.text for chunk in ChunkRepository(session).get(new)]
        [(_, matrix)] = ChunkRepository(session).vectors(collection, [int(new[1]), int(new[2])])
        assert session.scalar(text("SELECT count(*) FROM vectors")) == 3
    assert words == ["else", "four", "five"]
    assert new[0] == old[3]
    assert new[1] > old.max()
    np.testing.assert_array_equal(matrix, vectors(2, seed=5))
    assert first is not None
    assert now is not None
    assert (now.id, now.created_at) == (first.id, first.created_at)
    assert now.updated_at > first.updated_at
    assert (now.sequence, sequence(database)) == (3, 3)


def test_ids_of_the_last_chunks_are_not_given_out_again(database: Database, collection: Collection) -> None:
    put(database, collection, document("a", ["one", "two"]))
    with database.session(write=True) as session:
        old = ChunkRepository(session).ids(collection)
        DocumentRepository(session).delete(collection, ["a"])
        assert ChunkRepository(session).ids(collection).shape == (0,)
    put(database, collection, document("a", ["one", "two"]))
    with database.session() as session:
        assert ChunkRepository(session).ids(collection).min() > old.max()


def test_a_transaction_that_fails_leaves_the_old_document(database: Database, collection: Collection) -> None:
    put(database, collection, document("a", ["one"]))
    bad = NewChunk(start=0, end=1, title="", text="x", vector=np.zeros(DIMENSION + 1, dtype=np.float32))
    with pytest.raises(InvalidInput):
        put(database, collection, document("a", ["two"]), document("b", ["x"], chunks=[bad]))
    with database.session() as session:
        assert list(DocumentRepository(session).hashes(collection)) == ["a"]
        [chunk] = ChunkRepository(session).get(ChunkRepository(session).ids(collection))
        assert chunk.text == "one"
    assert sequence(database) == 1


def test_documents_are_listed_counted_and_deleted(database: Database, collection: Collection) -> None:
    new = [document(f"d{number}", ["w"] * (number + 1)) for number in range(5)]
    put(database, collection, *new)
    with database.session(write=True) as session:
        other = CollectionRepository(session).create("b", "m", DIMENSION)
        DocumentRepository(session).replace(other, document("d0", ["elsewhere"]))
    with database.session(write=True) as session:
        repository = DocumentRepository(session)
        assert repository.count(collection) == 5
        assert repository.hashes(collection) == {each.external_id: each.content_hash for each in new}
        assert [each.external_id for each in repository.list(collection, limit=2, offset=2)] == ["d2", "d3"]
        assert [(row.documents, row.chunks) for row in CollectionRepository(session).list()] == [
            (5, 15),
            (1, 1),
        ]
        assert repository.delete(collection, ["d0", "d3", "d3", "nothing"]) == 2
        assert repository.delete(collection, ["nothing"]) == 0
        assert repository.count(collection) == 3
        assert ChunkRepository(session).count(collection) == 2 + 3 + 5
        assert repository.get(other, "d0") is not None
    assert sequence(database) == 6
    with database.session(write=True) as session:
        CollectionRepository(session).delete("a")
        counts = [session.scalar(select(func.count()).select_from(t)) for t in (Document, Chunk, Vector)]
    assert counts == [1, 1, 1]


def test_a_document_without_chunks_is_stored(database: Database, collection: Collection) -> None:
    assert put(database, collection, document("a", [""], chunks=[])) == ["added"]
    with database.session() as session:
        assert ChunkRepository(session).count(collection) == 0
        assert list(ChunkRepository(session).vectors(collection)) == []


def test_long_lists_of_ids_exceed_no_limit_of_the_database(
    database: Database, collection: Collection
) -> None:
    count = 1203
    put(database, collection, document("a", [f"w{number}" for number in range(count)]))
    with database.session(write=True) as session:
        repository = ChunkRepository(session)
        ids = repository.ids(collection)
        asked = np.concatenate([ids[::-1], [2**60], ids[:3]])
        found = repository.get(asked)
        expected = [f"w{number}" for number in [*range(count - 1, -1, -1), 0, 1, 2]]
        assert [chunk.text for chunk in found] == expected
        all_vectors = vectors(count)
        pages = list(repository.vectors(collection, batch=500))
        assert [len(page) for page, _ in pages] == [500, 500, 203]
        np.testing.assert_array_equal(np.concatenate([page for page, _ in pages]), ids)
        np.testing.assert_array_equal(np.concatenate([matrix for _, matrix in pages]), all_vectors)
        some = list(repository.vectors(collection, asked, batch=1000))
        np.testing.assert_array_equal(
            np.concatenate([page for page, _ in some]), np.concatenate([ids[::-1], ids[:3]])
        )
        np.testing.assert_array_equal(
            np.concatenate([matrix for _, matrix in some]),
            np.concatenate([all_vectors[::-1], all_vectors[:3]]),
        )
        assert DocumentRepository(session).delete(collection, [f"x{n}" for n in range(40_000)] + ["a"]) == 1


def test_vectors_of_another_collection_are_not_handed_over(
    database: Database, collection: Collection
) -> None:
    put(database, collection, document("a", ["one"]))
    with database.session(write=True) as session:
        other = CollectionRepository(session).create("b", "m", DIMENSION)
        ids = ChunkRepository(session).ids(collection)
        assert list(ChunkRepository(session).vectors(other, ids)) == []
        assert list(ChunkRepository(session).vectors(other)) == []


def test_a_vector_that_was_cut_short_is_damage(database: Database, collection: Collection) -> None:
    put(database, collection, document("a", ["one"]))
    with database.session(write=True) as session:
        session.execute(text("UPDATE vectors SET data = substr(data, 1, 8)"))
    with pytest.raises(DatabaseDamaged, match="8 bytes, 12"), database.session() as session:
        list(ChunkRepository(session).vectors(collection))


def test_chunks_and_ids_that_cannot_be_right_are_refused() -> None:
    chunk: dict[str, Any] = {"title": "", "text": "", "vector": np.zeros(DIMENSION, dtype=np.float32)}
    for start, end in ((0, 4), (-1, 2), (3, 2)):
        with pytest.raises(InvalidInput, match="covers characters"):
            document("a", ["abc"], chunks=[NewChunk(start=start, end=end, **chunk)])
    with pytest.raises(InvalidInput, match="same position"):
        document("a", ["abc"], chunks=[NewChunk(start=0, end=1, position=1, **chunk)] * 2)
    for external_id in ("", "é" * 1001):
        with pytest.raises(InvalidInput, match="document id"):
            document(external_id, ["abc"])


def test_the_longest_id_fits_the_unique_index(database: Database, collection: Collection) -> None:
    # Random letters: PostgreSQL compresses repeated ones before it measures them.
    source = np.random.default_rng(0)
    longest = "".join(chr(code) for code in source.integers(0x4E00, 0x9FFF, size=666))
    assert put(database, collection, document(longest, ["abc"])) == ["added"]
    assert put(database, collection, document("bad\udc80name", ["abc"])) == ["added"]
    with database.session() as session:
        assert set(DocumentRepository(session).hashes(collection)) == {longest, "bad\ufffdname"}
        assert DocumentRepository(session).get(collection, "bad\udc80name") is not None
