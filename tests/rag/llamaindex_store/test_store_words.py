"""Searches by words, and by words and embeddings together."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import pytest
from llama_index.core import VectorStoreIndex
from llama_index.core.schema import TextNode
from llama_index.core.vector_stores.types import VectorStoreQuery, VectorStoreQueryMode
from tersus.errors import InvalidInput
from tersus.rag.llamaindex_store import TersusVectorStore
from tersus.rag.llamaindex_store.errors import UnsupportedQuery

from tests.rag.fakes import HashedEmbedding
from tests.rag.llamaindex_store.store_fakes import cosine, where

MODEL = HashedEmbedding()
TEXTS = {
    "a": "zinc keeps iron from rust",
    "b": "iron rusts iron bends",
    "c": "moon pulls sea",
    "d": "zinc",
    "e": "bread rises yeast oven salt flour",
}


def fill(store: TersusVectorStore) -> None:
    store.add(
        [
            TextNode(id_=key, text=text, embedding=MODEL._vector(text), metadata={"odd": n % 2})
            for n, (key, text) in enumerate(TEXTS.items())
        ]
    )


def bm25(question: str) -> dict[str, float]:
    """BM25 with Lucene's idf, k1 = 1.2, b = 0.75, from the formula; only what has a word of the question."""
    words = {key: text.split() for key, text in TEXTS.items()}
    mean = sum(map(len, words.values())) / len(words)
    scores = dict.fromkeys(TEXTS, 0.0)
    for word in question.split():
        frequency = sum(word in text for text in words.values())
        idf = math.log(1 + (len(words) - frequency + 0.5) / (frequency + 0.5))
        for key, text in words.items():
            count = Counter(text)[word]
            scores[key] += idf * count / (count + 1.2 * (0.25 + 0.75 * len(text) / mean))
    return {key: score for key, score in scores.items() if score > 0}


def ask(store: TersusVectorStore, question: str, mode: str, **values: Any) -> dict[str, float]:
    query = VectorStoreQuery(query_str=question, mode=VectorStoreQueryMode(mode), **values)
    found = store.query(query)
    return dict(zip(found.ids or [], found.similarities or [], strict=True))


@pytest.mark.parametrize("mode", ["text_search", "sparse"])
def test_words_alone_score_by_bm25(store: TersusVectorStore, mode: str) -> None:
    assert ask(store, "iron zinc", mode, similarity_top_k=9) == {}
    fill(store)
    right = bm25("iron zinc")
    found = ask(store, "iron zinc", mode, similarity_top_k=9)
    assert list(found) == sorted(right, key=lambda key: -right[key])
    factor = found["d"] / right["d"]  # some write the formula with a constant (k1 + 1) in front
    assert factor == pytest.approx(1, rel=1e-5) or factor == pytest.approx(2.2, rel=1e-5)
    assert found == pytest.approx({key: factor * score for key, score in right.items()}, rel=1e-5)
    assert list(ask(store, "iron zinc", mode, similarity_top_k=9, filters=where("odd", "==", 0))) == ["a"]
    assert list(ask(store, "iron zinc", mode, similarity_top_k=9, sparse_top_k=1)) == list(found)[:1]
    store.delete_nodes(["b"])
    assert set(ask(store, "iron zinc", mode, similarity_top_k=9)) == {"a", "d"}


def test_hybrid_is_the_fusion_of_both_rankings(store: TersusVectorStore) -> None:
    fill(store)
    question = "iron zinc"
    vector = MODEL._vector(question)
    by_words = sorted(bm25(question).items(), key=lambda pair: -pair[1])
    cosines = {key: cosine(vector, MODEL._vector(text)) for key, text in TEXTS.items()}
    by_cosine = sorted(cosines.items(), key=lambda pair: -pair[1])
    right = dict.fromkeys(TEXTS, 0.0)
    for ranking in (by_words, by_cosine):
        for rank, (key, _) in enumerate(ranking, 1):
            right[key] += 1 / (60 + rank)
    found = ask(store, question, "hybrid", query_embedding=vector, similarity_top_k=9)
    assert found == pytest.approx(right, abs=1e-9)
    assert list(found.values()) == sorted(found.values(), reverse=True)
    best = list(found)[:2]
    for few in ({"similarity_top_k": 2}, {"similarity_top_k": 9, "hybrid_top_k": 2}):
        assert list(ask(store, question, "hybrid", query_embedding=vector, **few)) == best


def test_an_index_asks_in_every_mode(store: TersusVectorStore) -> None:
    fill(store)
    index = VectorStoreIndex.from_vector_store(store, embed_model=MODEL)
    for mode in ("default", "sparse", "hybrid", "text_search", "mmr"):
        retriever = index.as_retriever(vector_store_query_mode=mode, similarity_top_k=1)
        (found,) = retriever.retrieve("zinc")
        assert found.node.node_id == "d"


def test_what_cannot_be_asked_is_told(store: TersusVectorStore) -> None:
    fill(store)
    for mode in ("text_search", "sparse", "hybrid"):
        with pytest.raises(InvalidInput, match="no words"):
            ask(store, " ", mode, query_embedding=MODEL._vector("x"))
    with pytest.raises(InvalidInput, match="no embedding"):
        ask(store, "x", "hybrid")
    with pytest.raises(UnsupportedQuery, match="alpha"):
        ask(store, "x", "hybrid", query_embedding=MODEL._vector("x"), alpha=0.5)
