"""Nodes at random, and their neighbours by brute force."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from llama_index.core.schema import BaseNode, NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores.types import (
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryResult,
)
from tersus.rag.llamaindex_store import TersusVectorStore

D = 6


def vector(dice: random.Random) -> list[float]:
    return [dice.gauss(0, 1) * 10 for _ in range(D)]


def node(node_id: str, document: str | None = None, seed: int | None = None, **metadata: Any) -> TextNode:
    dice = random.Random(f"{node_id}/{seed}")
    made = TextNode(
        id_=node_id, text=f"Text of {node_id}, {seed}.", embedding=vector(dice), metadata=metadata
    )
    if document is not None:
        made.relationships[NodeRelationship.SOURCE] = RelatedNodeInfo(node_id=document)
    return made


def nodes(count: int, documents: int = 5, seed: int = 0) -> list[TextNode]:
    dice = random.Random(seed)
    return [
        node(
            f"n{number}",
            f"d{dice.randrange(documents)}",
            seed,
            year=dice.randrange(2000, 2010),
            lang=dice.choice(["en", "de", "fr"]),
        )
        for number in range(count)
    ]


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    a, b = np.array(one, dtype=np.float64), np.array(other, dtype=np.float64)
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def ask(
    store: TersusVectorStore, embedding: Sequence[float], top_k: int = 5, **values: Any
) -> VectorStoreQueryResult:
    query = VectorStoreQuery(query_embedding=list(embedding), similarity_top_k=top_k, **values)
    return store.query(query)


def assert_nearest(
    store: TersusVectorStore,
    there: Mapping[str, BaseNode],
    top_k: int = 5,
    chosen: Callable[[BaseNode], bool] = lambda _: True,
    seed: int = 0,
    **values: Any,
) -> None:
    """The store finds what a look at each of ``there`` finds, with the cosines and the nodes as they are."""
    dice = random.Random(seed)
    for _ in range(3):
        query = vector(dice)
        scored = {key: cosine(query, n.get_embedding()) for key, n in there.items() if chosen(n)}
        best = sorted(scored.values(), reverse=True)[:top_k]
        found = ask(store, query, top_k, **values)
        assert found.ids is not None
        assert found.similarities is not None
        assert found.nodes is not None
        assert len(set(found.ids)) == len(found.ids) == len(best)
        np.testing.assert_allclose(found.similarities, best, atol=1e-6)
        np.testing.assert_allclose(found.similarities, [scored[key] for key in found.ids], atol=1e-6)
        assert [n.node_id for n in found.nodes] == found.ids
        assert [bare(n) for n in found.nodes] == [bare(there[key]) for key in found.ids]


def bare(given: BaseNode) -> BaseNode:
    """The node without its embedding, as a store gives it back."""
    copy = given.model_copy()
    copy.embedding = None
    return copy


def where(key: str, operator: str, value: Any) -> MetadataFilters:
    return MetadataFilters(filters=[MetadataFilter(key=key, operator=FilterOperator(operator), value=value)])
