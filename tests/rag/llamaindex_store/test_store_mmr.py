"""Maximal marginal relevance: each choice is the best that brute force finds, given those before it."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from llama_index.core.vector_stores.types import VectorStoreQuery, VectorStoreQueryMode
from tersus.errors import InvalidInput
from tersus.rag.llamaindex_store import TersusVectorStore

from tests.rag.llamaindex_store.store_fakes import D, cosine, nodes, vector, where


def diverse(
    query: Sequence[float], there: Mapping[str, Sequence[float]], top_k: int, relevance: float
) -> list[str]:
    chosen: list[str] = []
    while len(chosen) < min(top_k, len(there)):
        value = {
            key: relevance * cosine(query, one)
            - (1 - relevance) * max((cosine(one, there[other]) for other in chosen), default=0.0)
            for key, one in there.items()
            if key not in chosen
        }
        chosen.append(max(value, key=lambda key: value[key]))
    return chosen


def ask(store: TersusVectorStore, query: Sequence[float], top_k: int, **values: Any) -> list[str]:
    options = {name: values.pop(name) for name in list(values) if name.startswith("mmr_pre")}
    given = VectorStoreQuery(
        query_embedding=list(query), similarity_top_k=top_k, mode=VectorStoreQueryMode.MMR, **values
    )
    found = store.query(given, **options)
    assert found.ids is not None
    assert found.nodes is not None
    assert [node.node_id for node in found.nodes] == found.ids
    return found.ids


@pytest.mark.parametrize("relevance", [0.0, 0.3, None, 0.8, 1.0])
def test_choices_are_those_of_brute_force(store: TersusVectorStore, relevance: float | None) -> None:
    given = nodes(40)
    store.add(given)
    there = {n.node_id: n.get_embedding() for n in given}
    chosen = 0.5 if relevance is None else relevance
    dice = random.Random(3)
    for _ in range(3):
        query = vector(dice)
        near = sorted(there, key=lambda key: -cosine(query, there[key]))
        for top_k, factor in ((1, None), (5, None), (5, 2), (40, None), (90, None)):
            options = {} if factor is None else {"mmr_prefetch_factor": factor}
            among = {key: there[key] for key in near[: top_k * (factor or 4)]}
            wanted = diverse(query, among, top_k, chosen)
            assert ask(store, query, top_k, mmr_threshold=relevance, **options) == wanted
        wanted = diverse(query, {key: there[key] for key in near[:7]}, 5, chosen)
        assert ask(store, query, 5, mmr_threshold=relevance, mmr_prefetch_k=7) == wanted


def test_similarities_are_cosines_and_filters_hold(store: TersusVectorStore) -> None:
    given = nodes(40)
    store.add(given)
    there = {n.node_id: n.get_embedding() for n in given if n.metadata["lang"] == "en"}
    query = VectorStoreQuery(
        query_embedding=[1.0] * D, similarity_top_k=6, mode=VectorStoreQueryMode.MMR,
        filters=where("lang", "==", "en"),
    )  # fmt: skip
    found = store.query(query, mmr_threshold=0.4)
    assert found.ids == diverse([1.0] * D, there, 6, 0.4)
    cosines = [cosine([1.0] * D, there[key]) for key in found.ids or []]
    assert found.similarities == pytest.approx(cosines, abs=1e-6)


@pytest.mark.parametrize(
    "wrong",
    [{"mmr_threshold": -0.1}, {"mmr_threshold": 1.1}, {"mmr_prefetch_factor": 0.5}, {"mmr_prefetch_k": 0}],
)
def test_wrong_options_are_refused(store: TersusVectorStore, wrong: dict[str, Any]) -> None:
    store.add(nodes(5))
    with pytest.raises(InvalidInput, match=next(iter(wrong))):
        ask(store, [1.0] * D, 2, **wrong)
