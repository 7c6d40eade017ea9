"""From a question to the passages nearest to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ..compressors import Passage
from ..errors import TersusError
from .embedding import embed_query, embedding_fingerprint
from .index_store import IndexStore
from .ledger import ChunkRepository, Database

if TYPE_CHECKING:
    from llama_index.core.base.embeddings.base import BaseEmbedding

    from ..indexes import Index
    from .ledger.tables import Chunk

__all__ = ["EmbeddingMismatch", "EmptyCollection", "PassageSource", "Retriever"]


_TRIES = 10


class EmptyCollection(TersusError):
    """The collection holds no chunks."""

    code = "empty_collection"


class EmbeddingMismatch(TersusError):
    """The collection was embedded with another model than the one that embeds questions."""

    code = "embedding_mismatch"


class PassageSource(Protocol):
    """Where a pipeline gets a question's passages from."""

    def retrieve(self, question: str, collection: str, top_k: int) -> list[Passage]:
        """At best ``top_k`` passages for a question, in the order in which they are to be sent."""


class Retriever:
    """Dense retrieval over a collection: question embedding, index search, texts from SQL."""

    def __init__(self, database: Database, store: IndexStore, embedding: BaseEmbedding) -> None:
        self._database = database
        self._store = store
        self._embedding = embedding

    def retrieve(self, question: str, collection: str, top_k: int) -> list[Passage]:
        """The ``top_k`` passages nearest to the question, best first.

        Where chunks were deleted between search and reading, the search is made anew; those still
        missing the third time are left out, never served stale.

        Raises:
            UnknownCollection, EmptyCollection: nothing to search in.
            EmbeddingMismatch: vectors of another model than this retriever's.
        """
        vector = None
        for attempt in range(_TRIES):
            index = self._open(collection)
            if vector is None:
                vector = embed_query(self._embedding, question)
            nearest = index.search(vector[None, :], top_k)
            pairs = zip(nearest.ids[0].tolist(), nearest.scores[0].tolist(), strict=True)
            scores = {chunk_id: score for chunk_id, score in pairs if chunk_id >= 0}
            with self._database.session() as session:
                chunks = ChunkRepository(session).get(list(scores))
            if chunks and (len(chunks) == len(scores) or attempt >= 2):
                return [_passage(chunk, scores[chunk.id]) for chunk in chunks]
        raise EmptyCollection(
            f"all that was found in {collection!r} was replaced before it could be read", hint="ask again"
        )

    def _open(self, collection: str) -> Index:
        found, index = self._store.open(collection)
        if len(index) == 0:
            raise EmptyCollection(
                f"collection {collection!r} is empty", hint=f"tersus ingest PATH --collection {collection}"
            )
        fingerprint = embedding_fingerprint(self._embedding)
        if fingerprint != found.embedding_model:
            raise EmbeddingMismatch(
                f"collection {collection!r} was embedded with {found.embedding_model}, "
                f"and questions are with {fingerprint}",
                hint="set TERSUS_EMBEDDING_MODEL to that model, or ingest into a new collection",
            )
        return index


def _passage(chunk: Chunk, score: float) -> Passage:
    return Passage(
        text=chunk.text,
        id=str(chunk.id),
        title=chunk.title,
        document_id=chunk.document.external_id,
        offset=chunk.start,
        score=score,
        metadata={**chunk.meta, "document_title": chunk.document.title},
    )
