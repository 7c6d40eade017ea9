"""From a question to the passages that answer it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from ..compressors import Passage
from ..errors import InvalidInput, TersusError
from .embedding import embed_queries, embedding_fingerprint
from .index_store import IndexStore
from .ledger import ChunkRepository, CollectionRepository, Database
from .search.bm25 import Bm25Store
from .search.candidates import Ranking, chosen, depth, fused
from .search.filter_sql import matching_ids
from .search.options import Mode, SearchOptions
from .search.window import Widened, widened

if TYPE_CHECKING:
    from llama_index.core.base.embeddings.base import BaseEmbedding
    from sqlalchemy.orm import Session

    from ..indexes import SearchResult
    from .ledger.tables import Collection

__all__ = [
    "EmbeddingMismatch",
    "EmptyCollection",
    "NothingFound",
    "PassageSource",
    "Retriever",
    "SearchSource",
]

_TRIES = 10


class EmptyCollection(TersusError):
    """The collection holds no chunks."""

    code = "empty_collection"


class EmbeddingMismatch(TersusError):
    """The collection was embedded with another model than the one that embeds questions."""

    code = "embedding_mismatch"


class NothingFound(TersusError):
    """No passage is left to answer from: filter, words or least score exclude all of them."""

    code = "nothing_found"


class PassageSource(Protocol):
    """Where a pipeline gets a question's passages from."""

    def retrieve(self, question: str, collection: str, top_k: int) -> list[Passage]:
        """At best ``top_k`` passages for a question, in the order in which they are to be sent."""


class SearchSource(PassageSource, Protocol):
    """A source that also takes :class:`SearchOptions`, and many questions at once."""

    def retrieve(
        self, question: str, collection: str, top_k: int, options: SearchOptions | None = None
    ) -> list[Passage]:
        """As :meth:`PassageSource.retrieve`, found as ``options`` say."""

    def retrieve_batch(
        self, questions: Sequence[str], collection: str, top_k: int, options: SearchOptions | None = None
    ) -> list[list[Passage]]:
        """The passages of each question."""


class Retriever:
    """Retrieval over a collection: by embeddings, by words, or by both; texts from SQL.

    Args:
        mode: how to search where the options do not say.
    """

    def __init__(
        self, database: Database, store: IndexStore, embedding: BaseEmbedding, mode: Mode = "dense"
    ) -> None:
        self._database = database
        self._store = store
        self._embedding = embedding
        self._mode = SearchOptions(mode=mode).mode or "dense"

    @cached_property
    def _bm25(self) -> Bm25Store:
        return Bm25Store(self._database)

    def retrieve(
        self, question: str, collection: str, top_k: int, options: SearchOptions | None = None
    ) -> list[Passage]:
        """The ``top_k`` best passages for the question, best first. Fewer where the filter, the least
        score or, in mode ``bm25``, the words exclude others, and where neighbourhoods grow together.

        ``score`` is the cosine in mode ``dense``, BM25 in ``bm25``, and in ``hybrid`` the sum of reciprocal
        ranks, which says nothing about how good a passage is, only about its place.

        Where chunks were deleted between search and reading, the search is made anew; those still
        missing the third time are left out, never served stale.

        Raises:
            UnknownCollection, EmptyCollection: nothing to search in.
            EmbeddingMismatch: vectors of another model than this retriever's.
            InvalidFilter, InvalidInput: what is asked cannot be.
        """
        return self.retrieve_batch([question], collection, top_k, options)[0]

    def retrieve_batch(
        self, questions: Sequence[str], collection: str, top_k: int, options: SearchOptions | None = None
    ) -> list[list[Passage]]:
        """As :meth:`retrieve` for many questions: one pass of the embedding model, one search an index."""
        if isinstance(questions, str):
            raise InvalidInput("questions are a list", hint="for one: retrieve(question, ...)")
        if isinstance(top_k, bool) or not isinstance(top_k, int) or top_k < 1:
            raise InvalidInput(f"top_k is {top_k!r}", hint="give a whole number of at least 1")
        options = options or SearchOptions()
        if not questions:
            return []
        search = _Search(self._embedding, questions, options, options.mode or self._mode, top_k)
        for attempt in range(_TRIES):
            allowed, results = self._find(search, collection)
            with self._database.session() as session:
                row = CollectionRepository(session).require(collection)
                rankings = chosen(session, row, fused(results), search.vectors, options, search.mode, top_k)
                passages, missing = _read(session, rankings, options.window, allowed)
            # Where all that one question found is gone, it is asked again, however often it was.
            lost = any(ranking and not found for ranking, found in zip(rankings, passages, strict=True))
            if not lost and (not missing or attempt >= 2):
                return passages
        raise EmptyCollection(
            f"all that was found in {collection!r} was replaced before it could be read", hint="ask again"
        )

    def _find(self, search: _Search, collection: str) -> tuple[NDArray[np.int64] | None, list[SearchResult]]:
        """What the filter allows, and what each index finds."""
        with self._database.session() as session:
            row = CollectionRepository(session).require(collection)
            self._check(session, row, search)
            wanted = search.options.wanted
            allowed = None if wanted is None else matching_ids(session, row, wanted)
        count, results = depth(search.options, search.mode, search.top_k), []
        if search.mode != "bm25":
            _, index = self._store.open(collection)
            if not len(index):
                raise _empty(collection)  # since the check
            results.append(index.search(search.embed(), count, allowed=allowed))
        if search.mode != "dense":
            results.append(self._bm25.search(collection, search.questions, count, allowed=allowed))
        if search.options.min_score is not None:
            search.embed()
        return allowed, results

    def _check(self, session: Session, row: Collection, search: _Search) -> None:
        if not ChunkRepository(session).any(row):
            raise _empty(row.name)
        if search.mode == "bm25" and search.options.min_score is None:
            return
        fingerprint = embedding_fingerprint(self._embedding)
        if fingerprint != row.embedding_model:
            raise EmbeddingMismatch(
                f"collection {row.name!r} was embedded with {row.embedding_model}, "
                f"and questions are with {fingerprint}",
                hint="set TERSUS_EMBEDDING_MODEL to that model, or ingest into a new collection",
            )


class _Search:
    """What is asked; the questions' vectors are made at most once, however often the search is."""

    def __init__(
        self,
        embedding: BaseEmbedding,
        questions: Sequence[str],
        options: SearchOptions,
        mode: str,
        top_k: int,
    ) -> None:
        self._embedding = embedding
        self.questions = questions
        self.options = options
        self.mode = mode
        self.top_k = top_k
        self.vectors: NDArray[np.float32] | None = None

    def embed(self) -> NDArray[np.float32]:
        if self.vectors is None:
            self.vectors = embed_queries(self._embedding, self.questions)
        return self.vectors


def _empty(collection: str) -> EmptyCollection:
    return EmptyCollection(
        f"collection {collection!r} is empty", hint=f"tersus ingest PATH --collection {collection}"
    )


def _read(
    session: Session, rankings: Sequence[Ranking], window: int, allowed: NDArray[np.int64] | None
) -> tuple[list[list[Passage]], int]:
    """The passages of each ranking, and how many of all were gone."""
    wanted = sorted({number for ranking in rankings for number in ranking})
    chunks = {chunk.id: chunk for chunk in ChunkRepository(session).get(wanted)}
    permitted = set(allowed.tolist()) if window and allowed is not None else None
    out = []
    for ranking in rankings:
        hits = [chunks[number] for number in ranking if number in chunks]
        if window and hits:
            runs = widened(session, hits, window, permitted)
        else:
            runs = [Widened(hit, hit.text, hit.start) for hit in hits]
        out.append([_passage(run, ranking[run.hit.id]) for run in runs])
    return out, len(wanted) - len(chunks)


def _passage(run: Widened, score: float) -> Passage:
    chunk = run.hit
    return Passage(
        text=run.text,
        id=str(chunk.id),
        title=chunk.title,
        document_id=chunk.document.external_id,
        offset=run.offset,
        score=score,
        metadata={**chunk.meta, "document_title": chunk.document.title},
    )
