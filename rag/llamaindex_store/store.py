"""A collection as LlamaIndex's vector store: SQL is the truth, the index a copy."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.bridge.pydantic import Field, PrivateAttr
from llama_index.core.schema import BaseNode
from llama_index.core.vector_stores.types import (
    BasePydanticVectorStore,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryResult,
)
from sqlalchemy.orm import Session

from ...errors import InvalidInput
from ..app import Tersus
from ..embedding import embedding_fingerprint
from ..ledger import CollectionRepository, DocumentRepository
from ..ledger.new_node import document_key
from ..ledger.nodes import NodeRepository
from ..search.bm25 import Bm25Store
from .nodes import new_nodes
from .query import run_query
from .reading import chosen_ids, ids_of_nodes, read_nodes

if TYPE_CHECKING:
    from ..ledger.tables import Collection

__all__ = ["UNKNOWN_MODEL", "TersusVectorStore"]

UNKNOWN_MODEL = "unknown (embedded by LlamaIndex)"
"""The embedding model of a collection that a store made without being told the model."""


class TersusVectorStore(BasePydanticVectorStore):
    """A Tersus collection as a vector store with deletes, filters and concurrent writers.

    >>> store = TersusVectorStore("notes", tersus=tersus, embed_model=model)  # doctest: +SKIP
    >>> index = VectorStoreIndex.from_vector_store(store, embed_model=model)  # doctest: +SKIP

    What is added is in SQL when ``add`` returns, all nodes of a batch or none: a store in another
    process, made over the same database, sees it. The collection is made by the first ``add``, with the
    dimension of the embeddings; until then it is empty. A node whose id is there already replaces the
    old one; of several with one id in a batch the last counts. Nodes come back equal, without their
    embedding. Similarities are cosines. Documents that Tersus ingested are read as nodes, too; they can
    be deleted as a whole, not in parts.

    Args:
        collection: name of the collection.
        tersus: database, indexes and settings; from the environment where not given.
        embed_model: the model that embeds the nodes. Then a collection of another model is refused, and
            Tersus's own retrieval can use this one; without it only the dimension is checked.
    """

    stores_text: bool = Field(default=True, frozen=True)
    is_embedding_query: bool = Field(default=True, frozen=True)
    collection: str = Field(frozen=True, description="Name of the Tersus collection.")

    _tersus: Tersus = PrivateAttr()
    _model: str | None = PrivateAttr()
    _bm25: Bm25Store | None = PrivateAttr(default=None)

    def __init__(
        self,
        collection: str,
        *,
        tersus: Tersus | None = None,
        embed_model: BaseEmbedding | None = None,
        **values: Any,
    ) -> None:
        super().__init__(**{"collection": collection, **values})
        self._tersus = tersus or Tersus()
        self._model = None if embed_model is None else embedding_fingerprint(embed_model)

    @classmethod
    def class_name(cls) -> str:
        """The name LlamaIndex stores the object under."""
        return "TersusVectorStore"

    @property
    def client(self) -> Tersus:
        """The Tersus behind the store."""
        return self._tersus

    def add(self, nodes: Sequence[BaseNode], **_: Any) -> list[str]:
        """Store nodes with their embeddings; returns their ids in the order given.

        Raises:
            InvalidNode, InvalidVectors, InvalidInput: a node that cannot be stored; see `InvalidNode`.
            CollectionMismatch: the collection was made with another model or dimension.
        """
        new = new_nodes(nodes)
        if new:
            with self._tersus.database.session(write=True) as session:
                NodeRepository(session).put(self._made(session, new[0].vector.size), new)
        return [node.node_id for node in nodes]

    def delete(self, ref_doc_id: str, **_: Any) -> None:
        """Delete a document with all its nodes; one that is not there is passed over."""
        with self._tersus.database.session(write=True) as session:
            row = self._found(session)
            if row is not None:
                DocumentRepository(session).delete(row, [document_key(ref_doc_id)])

    def delete_nodes(
        self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None, **_: Any
    ) -> None:
        """Delete the nodes with these ids that match the filters; ids that are not there are passed over.

        Raises:
            InvalidInput: neither ids nor filters, or a part of an ingested document.
        """
        if node_ids is None and (filters is None or not filters.filters):
            raise InvalidInput(
                "delete_nodes got neither node ids nor filters", hint="to delete all nodes use clear()"
            )
        with self._tersus.database.session(write=True) as session:
            row = self._found(session)
            if row is not None:
                ids = chosen_ids(session, row, node_ids=node_ids, filters=filters)
                NodeRepository(session).delete(row, [] if ids is None else ids)

    def clear(self) -> None:
        """Delete all documents and nodes, the ingested ones included; the collection itself stays."""
        with self._tersus.database.session(write=True) as session:
            row = self._found(session)
            if row is not None:
                NodeRepository(session).clear(row)

    def get_nodes(
        self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None
    ) -> list[BaseNode]:
        """Nodes in the order of their ids, or in that of adding; all of them where nothing is asked."""
        with self._tersus.database.session() as session:
            row = self._found(session)
            if row is None:
                return []
            ids = chosen_ids(session, row, node_ids=node_ids, filters=filters)
            if ids is None:
                chosen = self._all_ids(session, row)
            elif node_ids is None:
                chosen = ids.tolist()
            else:
                left = set(ids.tolist())
                chosen = [one for one in ids_of_nodes(session, row, node_ids) if one in left]
            return list(read_nodes(session, chosen).values())

    def query(self, query: VectorStoreQuery, **kwargs: Any) -> VectorStoreQueryResult:
        """The nodes nearest to the query's embedding, best first, with their cosines.

        Mode ``default``; ``mmr`` (maximal marginal relevance: ``mmr_threshold`` 1 is relevance alone, 0
        variety alone, 0.5 if not given; chosen among ``mmr_prefetch_factor``, 4, times as many nodes);
        ``text_search`` or ``sparse`` (BM25 over title and text; similarities are BM25 scores); ``hybrid``
        (default and BM25 by reciprocal rank fusion; similarities are sums of reciprocal ranks).
        An empty list of ``node_ids`` restricts nothing, as VectorStoreIndex wants it; an empty list of
        ``doc_ids`` finds nothing.

        Raises:
            UnsupportedQuery: another mode, or ``alpha`` with ``hybrid``.
            InvalidInput: no words where they count; no embedding, one of another dimension, with NaN or
                only zeros.
            CollectionMismatch: the collection was made with another embedding model.
        """
        bm25 = self._bm25 = self._bm25 or Bm25Store(self._tersus.database)
        return run_query(self._tersus, bm25, self.collection, self._model, query, **kwargs)

    def persist(self, persist_path: str = "", fs: Any = None) -> None:  # noqa: ARG002
        """Write the index's snapshot beside the database, which holds all nodes already.

        It makes the next start faster and nothing else; the arguments are LlamaIndex's and not used.
        """
        with self._tersus.database.session() as session:
            found = self._found(session)
        if found is not None:
            self._tersus.store.save(self.collection)

    async def async_add(self, nodes: Sequence[BaseNode], **kwargs: Any) -> list[str]:
        """`add` in a thread."""
        return await asyncio.to_thread(self.add, nodes, **kwargs)

    async def adelete(self, ref_doc_id: str, **kwargs: Any) -> None:
        """`delete` in a thread."""
        await asyncio.to_thread(self.delete, ref_doc_id, **kwargs)

    async def adelete_nodes(
        self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None, **kwargs: Any
    ) -> None:
        """`delete_nodes` in a thread."""
        await asyncio.to_thread(self.delete_nodes, node_ids, filters, **kwargs)

    async def aclear(self) -> None:
        """`clear` in a thread."""
        await asyncio.to_thread(self.clear)

    async def aget_nodes(
        self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None
    ) -> list[BaseNode]:
        """`get_nodes` in a thread."""
        return await asyncio.to_thread(self.get_nodes, node_ids, filters)

    async def aquery(self, query: VectorStoreQuery, **kwargs: Any) -> VectorStoreQueryResult:
        """`query` in a thread."""
        return await asyncio.to_thread(self.query, query, **kwargs)

    def _found(self, session: Session) -> Collection | None:
        return CollectionRepository(session).get(self.collection)

    def _made(self, session: Session, dimension: int) -> Collection:
        """The collection, made if it is missing; checks the model where it is known."""
        collections = CollectionRepository(session)
        found = collections.get(self.collection)
        model = self._model or (found.embedding_model if found else UNKNOWN_MODEL)
        return collections.get_or_create(self.collection, model, dimension)

    @staticmethod
    def _all_ids(session: Session, row: Collection) -> list[int]:
        from ..ledger import ChunkRepository

        ids: list[int] = np.asarray(ChunkRepository(session).ids(row)).tolist()
        return ids
