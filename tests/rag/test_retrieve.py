"""From a question to texts of SQL as they are, also while documents come and go."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from tersus.rag.index_store import IndexStore
from tersus.rag.ledger import Database
from tersus.rag.retrieve import EmptyCollection, Retriever

from tests.rag import fakes
from tests.rag.fakes import HashedEmbedding, ScriptedLLM


def retriever(database: Database, folder: Path) -> Retriever:
    return Retriever(database, IndexStore(folder, database), HashedEmbedding())


def test_passages_say_where_in_which_document_they_stand(database: Database, tmp_path: Path) -> None:
    fakes.fill(database)
    found = retriever(database, tmp_path).retrieve("iron rusts", "corpus", 3)
    best = found[0]
    assert (best.document_id, best.title, best.offset) == ("rust", "Rust", 0)
    assert best.text == fakes.CORPUS["rust"][0]
    assert best.metadata["document_title"] == "Rust"
    for passage in found:
        assert passage.document_id is not None
        whole = "\n".join(fakes.CORPUS[passage.document_id])
        assert whole[passage.offset :].startswith(passage.text)
    scored = fakes.cosines(database, "corpus", "iron rusts")
    assert [p.score for p in found] == pytest.approx([scored[int(p.id)] for p in found], abs=1e-6)
    assert fakes.in_order([int(p.id) for p in found], scored)


def test_a_chunk_deleted_after_the_search_is_left_out(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fakes.fill(database)
    source = retriever(database, tmp_path)
    source.retrieve("iron", "corpus", 1)
    monkeypatch.setattr("tersus.rag.retrieve.embed_queries", _after(database))
    found = source.retrieve("iron rusts", "corpus", 2)
    assert [p.document_id for p in found if p.document_id == "rust"] == []
    assert found


def _after(database: Database) -> Any:
    """The question's vector, and then the document that fits it best is gone."""
    from tersus.rag.embedding import embed_queries

    def embed(embedding: Any, question: str) -> Any:
        vector = embed_queries(embedding, question)
        fakes.delete_documents(database, "corpus", "rust")
        return vector

    return embed


def test_the_only_document_may_be_replaced_at_any_time_without_an_answer_from_nothing(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fakes.add_document(database, "single", "a", ["The first version."])
    source = retriever(database, tmp_path)
    source.retrieve("version", "single", 1)
    from tersus.rag.embedding import embed_queries

    replaced: list[int] = []

    def embed(embedding: Any, question: str) -> Any:
        if not replaced:
            replaced.append(1)
            fakes.add_document(database, "single", "a", ["The second version."])
        return embed_queries(embedding, question)

    monkeypatch.setattr("tersus.rag.retrieve.embed_queries", embed)
    assert [p.text for p in source.retrieve("version", "single", 1)] == ["The second version."]


def test_a_collection_emptied_in_the_middle_is_an_empty_one(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fakes.add_document(database, "corpus", "rust", ["Iron rusts."])
    source = retriever(database, tmp_path)
    monkeypatch.setattr("tersus.rag.retrieve.embed_queries", _after(database))
    with pytest.raises(EmptyCollection):
        source.retrieve("iron", "corpus", 1)


def version(external_id: str, number: int) -> list[str]:
    dice = random.Random(f"{external_id}/{number}")
    return [
        f"{external_id} v{number} c{chunk}. "
        + " ".join(f"word{dice.randrange(40)}" for _ in range(dice.randrange(5, 15)))
        for chunk in range(dice.randrange(1, 4))
    ]


def test_eight_readers_beside_a_writer_are_served_texts_as_they_are_or_were(
    database: Database, tmp_path: Path
) -> None:
    names, done = [f"doc{n}" for n in range(5)], Event()
    for name in names:
        fakes.add_document(database, "corpus", name, version(name, 0))
    pipe = fakes.pipeline(database, tmp_path, ScriptedLLM())

    def write() -> int:
        number = 0
        try:
            while number < 12:
                number += 1
                for name in names:
                    fakes.add_document(database, "corpus", name, version(name, number))
                # The last one always stays, so that the collection is never empty.
                fakes.delete_documents(database, "corpus", *names[: number % 4])
        finally:
            done.set()
        return number

    def read(reader: int) -> int:
        asked = 0
        while not done.is_set() or asked < 3:
            asked += 1
            result = pipe.query(f"word{reader} word{asked % 40}", "corpus", compress=False, top_k=6)
            assert result.passages
            for passage in result.passages:
                source = passage.source
                name, number, _ = source.text.split(maxsplit=2)
                assert source.document_id == name
                whole = "\n".join(version(name, int(number[1:])))
                assert whole[source.offset :].startswith(source.text)
        return asked

    with ThreadPoolExecutor(9) as pool:
        writer = pool.submit(write)
        readers = [pool.submit(read, number) for number in range(8)]
        assert writer.result() == 12
        asked = sum(reader.result() for reader in readers)
    rows = fakes.rows(database)
    assert [row.outcome for row in rows] == ["bypassed"] * asked
