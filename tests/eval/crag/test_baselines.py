"""LexRank against a plain computation, and what a baseline must do."""

from __future__ import annotations

import math
import re

import pytest
from tersus.compressors import Budget, Passage
from tersus.eval.crag.baselines import LexRankCompressor, RandomCompressor, lexrank

SENTENCES = [
    "The battery lasts long.",
    "A long battery life, the battery is good.",
    "The screen is dark.",
    "Battery and screen are good.",
    "Nothing in common here whatsoever.",
    "The screen is too dark for me.",
]


def lexrank_by_hand(sentences: list[str]) -> list[float]:
    """Equations 3 and 4 of the paper by loops; the walk as a linear system solved by elimination."""
    words = [re.findall(r"[a-z]+", s.lower()) for s in sentences]
    n = len(words)
    idf = {w: math.log(n / sum(w in other for other in words)) for some in words for w in some}

    def cosine(a: list[str], b: list[str]) -> float:
        over = sum(a.count(w) * b.count(w) * idf[w] ** 2 for w in set(a) & set(b))
        one, other = (math.sqrt(sum((x.count(w) * idf[w]) ** 2 for w in set(x))) for x in (a, b))
        return over / (one * other) if one * other else 0.0

    edges = [[float(i == j or cosine(words[i], words[j]) > 0.1) for j in range(n)] for i in range(n)]
    # p = 0.15 / n + 0.85 B^T p
    rows = [
        [float(i == j) - 0.85 * edges[j][i] / sum(edges[j]) for j in range(n)] + [0.15 / n] for i in range(n)
    ]
    for i in range(n):
        rows[i] = [x / rows[i][i] for x in rows[i]]
        for j in range(n):
            if j != i:
                rows[j] = [x - rows[j][i] * y for x, y in zip(rows[j], rows[i], strict=True)]
    return [row[-1] for row in rows]


def test_ranks_are_those_of_the_plain_computation() -> None:
    found = lexrank(SENTENCES)
    assert found.tolist() == pytest.approx(lexrank_by_hand(SENTENCES), abs=1e-8)
    assert float(found.sum()) == pytest.approx(1)
    assert max(found) - min(found) > 0.01


def test_the_compressor_scores_sentences_by_their_rank() -> None:
    passages = [Passage(text=text) for text in SENTENCES]
    scores = [spans[0].score for spans in LexRankCompressor().score("", passages)]
    assert scores == pytest.approx(lexrank_by_hand(SENTENCES), abs=1e-8)


def test_nothing_and_sentences_without_words() -> None:
    assert lexrank([]).tolist() == []
    assert lexrank(["...", "!"]).tolist() == pytest.approx([0.5, 0.5])


def test_the_draw_is_the_same_for_the_same_passages_and_another_for_others() -> None:
    passages = [Passage(text=" ".join(SENTENCES))]
    first, again = (RandomCompressor().score("", passages) for _ in range(2))
    assert first == again
    other = RandomCompressor().score("", [Passage(text=" ".join(SENTENCES[::-1]))])
    assert [s.score for s in first[0]] != [s.score for s in other[0]]


@pytest.mark.parametrize("compressor", [LexRankCompressor(), RandomCompressor()])
def test_a_budget_is_kept(compressor: LexRankCompressor | RandomCompressor) -> None:
    result = compressor.compress("", [Passage(text=s) for s in SENTENCES], Budget(max_tokens=16))
    assert 0 < result.tokens_after <= 16
