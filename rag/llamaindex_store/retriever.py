"""A collection as LlamaIndex's retriever: Tersus embeds the question and searches."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import cached_property
from typing import Any

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.schema import BaseNode, MetadataMode, NodeWithScore, QueryBundle
from llama_index.core.vector_stores.types import MetadataFilters

from ...compressors import Passage
from ...errors import InvalidInput
from ..app import Tersus
from ..ledger.text import safe_text
from ..retrieve import PassageSource, Retriever
from ..search.filters import And
from ..search.options import SearchOptions
from .chunk_nodes import passage_node
from .filters import to_filter
from .reading import read_nodes

__all__ = ["TersusRetriever"]


class TersusRetriever(BaseRetriever):
    """The passages of a Tersus collection as nodes, for any query engine.

    >>> from llama_index.core.query_engine import RetrieverQueryEngine
    >>> from tersus.rag.llamaindex import TersusPostprocessor
    >>> engine = RetrieverQueryEngine.from_args(  # doctest: +SKIP
    ...     TersusRetriever("docs"), node_postprocessors=[TersusPostprocessor(ratio=0.25)]
    ... )

    A node carries the passage's text, title, document (its source node), offsets into it, metadata and
    score. Nodes that a `TersusVectorStore` stored come back as they are. Questions are embedded by
    Tersus, with the collection's own model. Sync and async; safe to share between threads.

    Args:
        collection: name of the collection.
        tersus: database, indexes and settings; from the environment where not given.
        top_k: most nodes; the settings' ``top_k`` where not given.
        filters: LlamaIndex's metadata filters, as far as `SearchOptions` can say them.
        search: mode, least score, diversity, neighbours; its own filter must hold, too.
        source: where passages come from instead, such as a `CragRetriever`; it takes no filters or search.

    Raises:
        InvalidInput: a ``top_k`` that is no number of at least 1; options for a source of one's own.
        UnsupportedQuery: filters that only a `TersusVectorStore` knows, such as contains.
    """

    def __init__(
        self,
        collection: str,
        *,
        tersus: Tersus | None = None,
        top_k: int | None = None,
        filters: MetadataFilters | None = None,
        search: SearchOptions | None = None,
        source: PassageSource | None = None,
        **values: Any,
    ) -> None:
        super().__init__(**values)
        self._tersus = tersus or Tersus()
        self._collection = collection
        self._top_k = self._tersus.settings.top_k if top_k is None else top_k
        if isinstance(self._top_k, bool) or not isinstance(self._top_k, int) or self._top_k < 1:
            raise InvalidInput(f"top_k is {top_k!r}", hint="give a whole number of at least 1")
        self._search = _options(filters, search)
        self._source = source
        if source is not None and self._search is not None:
            raise InvalidInput(
                "a source of one's own takes no filters and search options",
                hint="leave them out, or leave the source out",
            )

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        """Nodes for a question, best first.

        Raises:
            UnknownCollection, EmptyCollection, EmbeddingMismatch: as `Retriever.retrieve`.
            InvalidInput: an empty question, or texts to embed in its place.
        """
        question = query_bundle.query_str
        if not question.strip():
            raise InvalidInput("the question is empty", hint="ask with words")
        if query_bundle.custom_embedding_strs:
            raise InvalidInput(
                "this retriever embeds the question itself, and no other texts in its place",
                hint="use VectorStoreIndex.from_vector_store(TersusVectorStore(...)).as_retriever()",
            )
        passages = self._passages(question)
        return [
            NodeWithScore(node=node, score=passage.score)
            for node, passage in zip(self._nodes(passages), passages, strict=True)
        ]

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return await asyncio.to_thread(self._retrieve, query_bundle)

    @cached_property
    def _retriever(self) -> Retriever:
        """Made with the first question: it loads the embedding model."""
        tersus = self._tersus
        return Retriever(tersus.database, tersus.store, tersus.embedding, mode=tersus.settings.search)

    def _passages(self, question: str) -> list[Passage]:
        if self._source is not None:
            return self._source.retrieve(question, self._collection, self._top_k)
        return self._retriever.retrieve(question, self._collection, self._top_k, self._search)

    def _nodes(self, passages: list[Passage]) -> list[BaseNode]:
        """Stored nodes as they were given; of a passage that is more or less than its chunk, a new one."""
        ids = [int(passage.id) for passage in passages if passage.id.isdecimal()]
        with self._tersus.database.session() as session:
            stored = read_nodes(session, ids)
        nodes: list[BaseNode] = []
        for passage in passages:
            node = stored.get(int(passage.id)) if passage.id.isdecimal() else None
            whole = node is not None and safe_text(node.get_content(MetadataMode.NONE)) == passage.text
            nodes.append(node if node is not None and whole else passage_node(passage))
        return nodes


def _options(filters: MetadataFilters | None, search: SearchOptions | None) -> SearchOptions | None:
    if filters is None or not filters.filters:
        return search
    wanted = to_filter(filters)
    search = search or SearchOptions()
    both = wanted if search.wanted is None else And((wanted, search.wanted))
    return replace(search, filter=both)
