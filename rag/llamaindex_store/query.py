"""A vector store's query: who may be found, the index's neighbours, their nodes from SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from llama_index.core.schema import BaseNode
from llama_index.core.vector_stores.types import (
    VectorStoreQuery,
    VectorStoreQueryMode,
    VectorStoreQueryResult,
)
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from ...errors import InvalidInput
from ...indexes.checks import as_positive, as_unit_vectors
from ..ledger import ChunkRepository, CollectionRepository
from ..ledger.errors import UnknownCollection
from ..search.bm25 import Bm25Store
from ..search.candidates import fused
from ..search.mmr import maximal_marginal_relevance
from .errors import UnsupportedQuery
from .reading import chosen_ids, read_nodes

if TYPE_CHECKING:
    from ..app import Tersus
    from ..ledger.tables import Collection

__all__ = ["run_query"]

_TRIES = 10
_MODES = VectorStoreQueryMode
_DENSE = (_MODES.DEFAULT, _MODES.MMR)
_WORDS = (_MODES.TEXT_SEARCH, _MODES.SPARSE)
_POOL = 100  # candidates of each index that a fusion looks at, at least


def run_query(
    tersus: Tersus, bm25: Bm25Store, name: str, model: str | None, query: VectorStoreQuery, **options: Any
) -> VectorStoreQueryResult:
    """See `TersusVectorStore.query`; ``model`` is the fingerprint of the store's embedding model."""
    top_k, width = _widths(query, options)
    for attempt in range(_TRIES):
        try:
            with tersus.database.session() as session:
                collection = _checked(session, name, model)
                vector = _vector(query, collection)
                allowed = chosen_ids(
                    session,
                    collection,
                    node_ids=query.node_ids or None,
                    doc_ids=query.doc_ids,
                    filters=query.filters,
                )
            results = []
            if vector is not None:
                index = tersus.store.open(name)[1]
                results.append(index.search(vector, min(width, max(len(index), 1)), allowed=allowed))
            if query.mode not in _DENSE:
                sparse = max(width, query.sparse_top_k or 0)
                results.append(bm25.search(name, [query.query_str or ""], sparse, allowed=allowed))
        except UnknownCollection:  # nothing was added yet, or it was deleted just now
            return _result({}, {})
        wanted = width if query.mode == _MODES.MMR else top_k
        scores = dict(list(fused(results)[0].items())[:wanted])
        with tersus.database.session() as session:
            nodes = read_nodes(session, list(scores))
            # What was deleted between search and reading is searched for anew, and is never served stale.
            if len(nodes) < len(scores) and attempt < _TRIES - 1:
                continue
            if query.mode == _MODES.MMR and vector is not None:
                chosen = _diverse(session, collection, vector[0], list(nodes), top_k, query, options)
                nodes = {chunk_id: nodes[chunk_id] for chunk_id in chosen}
        break
    return _result(nodes, scores)


def _widths(query: VectorStoreQuery, options: dict[str, Any]) -> tuple[int, int]:
    """How many nodes are wanted, and how many candidates; refuses what cannot be asked."""
    if query.mode not in (*_DENSE, *_WORDS, _MODES.HYBRID):
        raise UnsupportedQuery(
            f"the query mode {query.mode.value!r} is not supported",
            hint="use default, mmr, text_search, sparse or hybrid",
        )
    if query.alpha is not None and query.mode == _MODES.HYBRID:
        raise UnsupportedQuery(
            "alpha weighs scores, and hybrid here fuses ranks", hint="leave alpha out, or use another mode"
        )
    if query.mode not in _DENSE and not (query.query_str or "").strip():
        raise InvalidInput("the query has no words", hint="give query_str, or use the mode default")
    top_k = as_positive(query.similarity_top_k, "similarity_top_k")
    if query.mode == _MODES.MMR:
        return top_k, _prefetch(top_k, options)
    if query.mode == _MODES.HYBRID:
        top_k = as_positive(query.hybrid_top_k or top_k, "hybrid_top_k")
        return top_k, max(_POOL, 4 * top_k, query.similarity_top_k)
    if query.mode in _WORDS and query.sparse_top_k is not None:
        top_k = as_positive(query.sparse_top_k, "sparse_top_k")
    return top_k, top_k


def _vector(query: VectorStoreQuery, collection: Collection) -> NDArray[np.float32] | None:
    """The query's embedding, length 1, shape ``(1, dimension)``; None where only words count."""
    if query.mode in _WORDS:
        return None
    if query.query_embedding is None:
        raise InvalidInput(
            "the query has no embedding", hint="give query_embedding, or ask through a VectorStoreIndex"
        )
    return as_unit_vectors([query.query_embedding], collection.dimension, "query_embedding")


def _checked(session: Session, name: str, model: str | None) -> Collection:
    collections = CollectionRepository(session)
    row = collections.require(name)
    # It is there already: this only compares.
    return collections.get_or_create(name, model or row.embedding_model, row.dimension)


def _result(nodes: dict[int, BaseNode], scores: dict[int, float]) -> VectorStoreQueryResult:
    return VectorStoreQueryResult(
        nodes=list(nodes.values()),
        similarities=[scores[chunk_id] for chunk_id in nodes],
        ids=[node.node_id for node in nodes.values()],
    )


def _prefetch(top_k: int, options: dict[str, Any]) -> int:
    if options.get("mmr_prefetch_k") is not None:
        return max(top_k, as_positive(options["mmr_prefetch_k"], "mmr_prefetch_k"))
    factor = options.get("mmr_prefetch_factor", 4.0)
    if not isinstance(factor, (int, float)) or not 1 <= factor <= 1_000_000:
        raise InvalidInput(f"mmr_prefetch_factor is {factor!r}", hint="give a number of at least 1")
    return int(np.ceil(top_k * factor))


def _diverse(
    session: Session,
    collection: Collection,
    vector: NDArray[np.float32],
    chosen: list[int],
    top_k: int,
    query: VectorStoreQuery,
    options: dict[str, Any],
) -> list[int]:
    threshold = options.get("mmr_threshold", query.mmr_threshold)
    threshold = 0.5 if threshold is None else threshold
    if not isinstance(threshold, (int, float)) or not 0 <= threshold <= 1:
        raise InvalidInput(f"mmr_threshold is {threshold!r}", hint="give a number from 0 to 1")
    pages = list(ChunkRepository(session).vectors(collection, chosen))
    if not pages:
        return []
    ids = np.concatenate([page[0] for page in pages])
    vectors = np.concatenate([page[1] for page in pages])
    places = maximal_marginal_relevance(vectors @ vector, vectors, top_k, float(threshold))
    return [int(ids[place]) for place in places]
