"""The scores before any budget."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from tersus.compressors import Budget, Passage
from tersus.compressors.similarity import SimilarityCompressor
from tersus.errors import InvalidInput

PASSAGES = [Passage(text="Cats purr. Dogs bark."), Passage(text=""), Passage(text="Fish swim.")]


def embed(texts: Sequence[str]) -> NDArray[np.float32]:
    """One axis an animal: the cosine is 1 where text and question name the same one, else 0."""
    words = ("cat", "dog", "fish")
    return np.array([[float(word in text.lower()) for word in words] for text in texts], dtype=np.float32)


def test_every_sentence_of_every_passage_has_its_score() -> None:
    compressor = SimilarityCompressor(embedder=embed)
    cat, empty, fish = compressor.score("Which dog?", PASSAGES)
    assert [(s.start, s.end, s.score) for s in cat] == [(0, 10, 0.0), (11, 21, 1.0)]
    assert list(empty) == []
    assert [(s.start, s.end, s.score) for s in fish] == [(0, 10, 0.0)]


def test_scores_of_a_batch_are_those_of_its_queries_alone() -> None:
    compressor = SimilarityCompressor(embedder=embed)
    together = compressor.score_batch(["Which dog?", "Which fish?", "Nothing?"], [PASSAGES, PASSAGES[2:], []])
    assert together == [
        compressor.score("Which dog?", PASSAGES),
        compressor.score("Which fish?", PASSAGES[2:]),
        [],
    ]


def test_the_adaptive_budget_keeps_what_scores_over_the_threshold() -> None:
    compressor = SimilarityCompressor(embedder=embed, threshold=0.5)
    kept = compressor.compress("Which fish?", PASSAGES, Budget(adaptive=True)).passages
    scores = compressor.score("Which fish?", PASSAGES)
    assert [p.kept for p in kept] == [[s for s in spans if s.score >= 0.5] for spans in scores]


def test_passages_without_text_have_no_scores_and_an_empty_query_is_refused() -> None:
    compressor = SimilarityCompressor(embedder=embed)
    assert compressor.score("Which?", [Passage(text=""), Passage(text="")]) == [[], []]
    with pytest.raises(InvalidInput, match="needs a query"):
        compressor.score(" ", PASSAGES)
