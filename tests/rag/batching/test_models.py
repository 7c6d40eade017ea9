"""The shipped models in batches: what each caller gets is what it would have got alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tersus.compressors import Budget, Compression, Passage, load_compressor
from tersus.rag.batching import (
    BatchedCompressor,
    BatchedEmbedding,
    BatchLimits,
    Closed,
    CompressionCache,
    Overloaded,
)
from tersus.rag.embedding import LocalEmbedding, embed_query, embed_texts, embedding_fingerprint

from tests.rag.batching.crowd import Crowd, until

FACTS = [
    ("Tides", "The moon pulls the sea. Tides follow the moon twice a day. Sailors keep a table of them."),
    ("Bread", "Bread rises by yeast. The oven must be hot. Salt slows the yeast down."),
    ("Rust", "Iron rusts in wet air. Zinc keeps iron from rusting. Paint helps for a while."),
    ("Dune", "Frank Herbert wrote Dune in 1965. He was born in Tacoma. It rained that day."),
    ("Bees", "Bees dance to tell where flowers are. A hive has one queen. Drones do not sting."),
]
ASKED = [
    "What do tides follow?",
    "What makes bread rise?",
    "What keeps iron from rusting?",
    "Who wrote Dune?",
    "How do bees tell where flowers are?",
    "When does the oven have to be hot?",
    "How many queens has a hive?",
    "Where was Herbert born?",
]


MORE = ["Some say so.", "It was told by many people in the harbour.", "Nobody knows more about it today."]


def passages(number: int) -> list[Passage]:
    """All facts, of lengths that differ from request to request."""
    return [
        Passage(text=" ".join([text, *MORE[: (number + n) % 3]]), title=title)
        for n, (title, text) in enumerate(FACTS)
    ]


def places(result: Compression) -> list[list[tuple[int, int]]]:
    return [[(span.start, span.end) for span in p.kept or ()] for p in result.passages]


def scores(results: Sequence[Compression]) -> list[float]:
    return [span.score for result in results for p in result.passages for span in p.kept or ()]


@pytest.mark.parametrize("budget", [Budget(), Budget(ratio=0.1), Budget(max_tokens=40)], ids=str)
def test_exit_keeps_the_same_spans_in_batches(budget: Budget, crowd: Crowd) -> None:
    alone = load_compressor("exit", precision="float32")  # bfloat16 rounds by the batch, where there is any
    expected = [alone.compress(query, passages(n), budget) for n, query in enumerate(ASKED)]
    batched = BatchedCompressor(alone, BatchLimits(seconds=60), cache=CompressionCache(2**20))
    got = together(batched, budget, crowd)
    assert batched.stats.batches < len(ASKED)  # some were merged
    for mine, theirs in zip(got, expected, strict=True):
        assert places(mine) == places(theirs)
        assert (mine.text, mine.tokens_before, mine.tokens_after) == (
            theirs.text, theirs.tokens_before, theirs.tokens_after
        )  # fmt: skip
    assert np.allclose(scores(got), scores(expected), atol=1e-5)
    again = [batched.compress(query, passages(n), budget) for n, query in enumerate(ASKED)]
    assert [one.passages for one in again] == [one.passages for one in got]


def test_a_batch_gives_exactly_what_compress_batch_gives(
    crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = load_compressor("exit")
    made: list[tuple[Any, ...]] = []
    real = inner.compress_batch

    def remembered(queries: Any, given: Any, *args: Any, **options: Any) -> list[Compression]:
        made.append((queries, given, args, options))
        return real(queries, given, *args, **options)

    monkeypatch.setattr(inner, "compress_batch", remembered)
    got = together(BatchedCompressor(inner, BatchLimits(seconds=60)), Budget(ratio=0.3), crowd)
    by_query = dict(zip(ASKED, got, strict=True))
    assert max(len(queries) for queries, *_ in made) > 1
    for queries, given, args, options in made:
        for query, expected in zip(queries, real(queries, given, *args, **options), strict=True):
            assert replace(by_query[query], seconds=0) == replace(expected, seconds=0)


def together(batched: BatchedCompressor, budget: Budget, crowd: Crowd) -> list[Compression]:
    found = [crowd.call(batched.compress, query, passages(n), budget) for n, query in enumerate(ASKED)]
    return [one.result(30) for one in found]


@pytest.fixture(scope="module")
def local() -> LocalEmbedding:
    return LocalEmbedding()


def test_a_batched_embedding_gives_the_same_vectors_to_everybody(local: LocalEmbedding, crowd: Crowd) -> None:
    batched = BatchedEmbedding(local)
    texts = [text for _, text in FACTS]
    queries = [crowd.call(embed_query, batched, query) for query in ASKED]
    rows = crowd.call(embed_texts, batched, texts)
    for query, one in zip(ASKED, queries, strict=True):
        assert np.allclose(one.result(30), embed_query(local, query), atol=1e-5)
    assert np.allclose(rows.result(30), embed_texts(local, texts), atol=1e-5)
    assert np.allclose(batched.get_query_embedding(ASKED[0]), local.get_query_embedding(ASKED[0]), atol=1e-5)
    assert np.allclose(
        batched.get_text_embedding_batch(texts), local.get_text_embedding_batch(texts), atol=1e-5
    )
    assert embed_texts(batched, []).shape == (0, 0)
    assert batched.stats.requests >= len(ASKED) + 3


def test_it_is_the_same_model_to_an_index(local: LocalEmbedding) -> None:
    batched = BatchedEmbedding(local)
    assert isinstance(batched, LocalEmbedding)
    assert embedding_fingerprint(batched) == embedding_fingerprint(local)
    assert (batched.model_name, batched.class_name()) == (local.model_name, local.class_name())
    assert batched.encoder is local.encoder


def test_many_texts_go_in_pieces_so_that_questions_come_between(local: LocalEmbedding) -> None:
    batched = BatchedEmbedding(local, BatchLimits(tokens=20))
    texts = [text for _, text in FACTS]
    assert np.allclose(embed_texts(batched, texts), embed_texts(local, texts), atol=1e-5)
    assert batched.stats.batches == len(FACTS)


def test_questions_are_refused_where_too_many_wait_and_texts_are_not(crowd: Crowd) -> None:
    import threading

    entered, go = threading.Event(), threading.Event()

    class Slow(LocalEmbedding):
        def encode_queries(self, queries: Sequence[str]) -> np.ndarray:
            entered.set()
            assert go.wait(10)
            return np.ones((len(queries), 3), np.float32)

        encode_texts = encode_queries  # type: ignore[assignment]

    batched = BatchedEmbedding(Slow(), BatchLimits(queue=1))
    held = crowd.call(batched.get_query_embedding, "held")
    assert entered.wait(10)
    waits = crowd.call(batched.get_query_embedding, "waits")
    until(lambda: batched.stats.queue == 1)
    with pytest.raises(Overloaded):
        embed_query(batched, "too many")
    ingest = crowd.call(embed_texts, batched, ["a text"])
    until(lambda: batched.stats.queue == 2)
    go.set()
    assert held.result(10) == waits.result(10) == [1.0, 1.0, 1.0]
    assert ingest.result(10).shape == (1, 3)
    batched.close()
    with pytest.raises(Closed):
        embed_query(batched, "after")
