"""What the tests of ingest share: a fast embedding, the state of a collection, ingests in processes."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import numpy as np
from llama_index.core.base.embeddings.base import BaseEmbedding
from sqlalchemy import select
from sqlalchemy.orm import undefer
from tersus.compressors import load_counter
from tersus.indexes import load_snapshot
from tersus.rag.index_store import IndexStore
from tersus.rag.ingest import readers_llama
from tersus.rag.ingest.report import Progress
from tersus.rag.ingest.run import Ingester
from tersus.rag.ledger import CollectionRepository, Database
from tersus.rag.ledger.tables import Chunk, Collection, Document, Vector
from tersus.rag.settings import Settings

__all__ = [
    "FakeEmbedding",
    "State",
    "checked_state",
    "ingest_in_process",
    "ingester",
    "processes",
    "sentences",
    "snapshot_of",
    "vector_of",
]

# For the processes, which fork from a server that has imported this module: what is slow, done once.
_READY = (readers_llama, load_counter()("ready"))

DIMENSION = 8


def vector_of(text: str) -> list[float]:
    """Eight numbers that depend on every byte of the text; never all zero."""
    digest = hashlib.sha256(text.encode()).digest()
    return [byte - 127.5 for byte in digest[:DIMENSION]]


class FakeEmbedding(BaseEmbedding):
    """Vectors from a hash. Counts the texts it embeds; can be slow, and can be told to fail on a text."""

    model_name: str = "fake"
    seconds: float = 0.0
    calls: list[int] = []  # noqa: RUF012 - a field of pydantic, copied for each object

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        time.sleep(self.seconds)
        self.calls.append(len(texts))
        return [vector_of(text) for text in texts]

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._get_text_embeddings([text])[0]

    def _get_query_embedding(self, query: str) -> list[float]:
        return vector_of(query)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return vector_of(query)


def sentences(name: str, count: int) -> str:
    """``count`` different sentences in paragraphs of four: some thirteen tokens each."""
    return "".join(
        f"Sentence {number} of {name} says that value {number * number} is stored.{_gap(number)}"
        for number in range(count)
    )


def _gap(number: int) -> str:
    return "\n\n" if number % 4 == 3 else " "


def ingester(
    database: Database, home: Path, embedding: BaseEmbedding | None = None, **options: Any
) -> Ingester:
    """An ingester with its own index store, so as a new process would have it."""
    settings = Settings(home=home, chunk_tokens=64, **options)
    return Ingester(
        settings, database, IndexStore(settings.index_folder, database), embedding or FakeEmbedding()
    )


def snapshot_of(database: Database, home: Path, collection: str) -> Path:
    """Where the index of a collection is saved."""
    with database.session() as session:
        uid = CollectionRepository(session).require(collection).uid
    return home / "indexes" / f"{uid}.index"


@dataclass(frozen=True)
class State:
    """All of a collection but what may differ between equal ones: numbers of rows, sequences, times."""

    documents: dict[str, dict[str, Any]]
    """By external id; "chunks" has each chunk's place, text and vector."""

    @property
    def chunks(self) -> int:
        """How many chunks there are."""
        return sum(len(document["chunks"]) for document in self.documents.values())


def checked_state(database: Database, home: Path, collection: str) -> State:
    """The state of a collection, read with plain SQL, once everything that must always hold was checked:
    chunks are slices of their documents, and chunks, stored vectors and the index have the same ids, each
    with the vector of its own text."""
    documents: dict[str, dict[str, Any]] = {}
    vectors: dict[int, list[float]] = {}
    with database.session() as session:
        row = session.scalar(select(Collection).where(Collection.name == collection))
        if row is None:
            return State({})
        found = session.scalars(
            select(Document).where(Document.collection_id == row.id).options(undefer(Document.text))
        )
        for document in found.all():
            chunks = session.execute(
                select(Chunk, Vector.data)
                .outerjoin(Vector, Vector.chunk_id == Chunk.id)
                .where(Chunk.document_id == document.id)
                .order_by(Chunk.position)
            ).all()
            assert [chunk.position for chunk, _ in chunks] == list(range(len(chunks)))
            places = []
            for chunk, data in chunks:
                assert chunk.text == document.text[chunk.start : chunk.end]
                assert chunk.text.strip()
                assert chunk.collection_id == row.id
                assert data is not None, "a chunk without a vector"
                vectors[chunk.id] = np.frombuffer(data, "<f4").tolist()
                expected = np.array(vector_of(f"{chunk.title}\n{chunk.text}"))
                assert np.allclose(vectors[chunk.id], expected / np.linalg.norm(expected), atol=1e-6)
                places.append((chunk.start, chunk.end, chunk.title, chunk.text, chunk.meta, data))
            documents[document.external_id] = {
                "title": document.title,
                "text": document.text,
                "hash": document.content_hash,
                "type": document.media_type,
                "size": document.size_bytes,
                "meta": document.meta,
                "chunks": places,
            }
        assert set(session.scalars(select(Chunk.id).where(Chunk.collection_id == row.id))) == set(vectors)
        owned = select(Vector.chunk_id).join(Chunk, Chunk.id == Vector.chunk_id)
        assert set(session.scalars(owned.where(Chunk.collection_id == row.id))) == set(vectors)
    _check_index(database, home, collection, vectors)
    return State(documents)


def _check_index(database: Database, home: Path, collection: str, vectors: dict[int, list[float]]) -> None:
    path = snapshot_of(database, home, collection)
    if path.exists():
        load_snapshot(path)  # raises where it is damaged
    _, index = IndexStore(home / "indexes", database).open(collection)
    assert index.ids().tolist() == sorted(vectors)
    if vectors:
        found = index.search(list(vectors.values()), 1)
        assert found.ids[:, 0].tolist() == list(vectors)  # texts differ, so vectors do
        np.testing.assert_allclose(found.scores, 1, atol=1e-6)


def processes() -> ForkServerContext:
    """Processes that begin with this module imported, so within milliseconds."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def ingest_in_process(
    address: str,
    home: str,
    folders: Sequence[str],
    collection: str,
    seconds: float,
    wires: Connection,
    wait: bool = False,
) -> None:
    """For a process of its own: ingest when told to, tell of each batch embedded, and then the counts.

    With ``wait`` it does not end by itself.
    """
    database = Database(address)
    one = ingester(database, Path(home), FakeEmbedding(seconds=seconds))

    def tell(progress: Progress) -> None:
        if progress.latest is None:
            wires.send(progress.chunks)

    wires.send("ready")
    wires.recv()
    report = one.ingest_files([Path(folder) for folder in folders], collection, on_progress=tell)
    wires.send({"counts": report.counts(), "problem": report.index_problem, "pid": os.getpid()})
    if wait:
        time.sleep(600)
