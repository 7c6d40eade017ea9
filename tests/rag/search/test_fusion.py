"""Fusion and diversity against their definitions, worked out another way."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from tersus.rag.search.fusion import reciprocal_rank_fusion
from tersus.rag.search.mmr import maximal_marginal_relevance

rankings = st.lists(st.lists(st.integers(0, 20), unique=True, max_size=12), max_size=4)


@given(rankings, st.integers(0, 100))
def test_fusion_is_the_sum_of_reciprocal_ranks(given_rankings: list[list[int]], k: int) -> None:
    fused = reciprocal_rank_fusion(given_rankings, k)
    exact = {
        number: sum((Fraction(1, k + r.index(number) + 1) for r in given_rankings if number in r), Fraction())
        for number in itertools.chain(*given_rankings)
    }
    assert fused.keys() == exact.keys()
    assert [fused[number] for number in fused] == pytest.approx([float(exact[number]) for number in fused])
    assert list(fused.values()) == sorted(fused.values(), reverse=True)


def test_the_papers_constant_and_ties_by_id() -> None:
    assert reciprocal_rank_fusion([[5, 3], [3, 5]]) == {3: 1 / 61 + 1 / 62, 5: 1 / 61 + 1 / 62}
    assert list(reciprocal_rank_fusion([[9, 2], [2, 9], [7]])) == [2, 9, 7]
    assert reciprocal_rank_fusion([]) == {}


def plain_mmr(relevance: list[float], cosines: NDArray[np.float64], k: int, weight: float) -> list[int]:
    """Carbonell and Goldstein's formula, candidate by candidate."""
    chosen: list[int] = []
    while len(chosen) < min(k, len(relevance)):
        worth = {
            i: weight * relevance[i] - (1 - weight) * max(cosines[i][j] for j in chosen)
            if chosen
            else relevance[i]
            for i in range(len(relevance))
            if i not in chosen
        }
        chosen.append(max(worth, key=lambda i: (worth[i], -i)))
    return chosen


@given(
    arrays.arrays(
        np.float64, st.tuples(st.integers(1, 8), st.just(3)), elements=st.integers(-2, 2).map(float)
    ),
    st.integers(1, 10),
    st.sampled_from([0.0, 0.25, 0.5, 1.0]),
    st.data(),
)
def test_mmr_is_the_papers(rows: NDArray[np.float64], k: int, weight: float, data: st.DataObject) -> None:
    # Quarters of whole numbers: sums are exact, and ties are ties. The vectors need no length 1 here.
    relevance = data.draw(st.lists(st.integers(-4, 4).map(float), min_size=len(rows), max_size=len(rows)))
    assert maximal_marginal_relevance(np.array(relevance), rows, k, weight) == plain_mmr(
        relevance, rows @ rows.T, k, weight
    )


def test_mmr_passes_over_what_repeats() -> None:
    vectors = np.array([[1, 0], [1, 0], [0, 1]], dtype=np.float32)
    relevance = np.array([0.9, 0.8, 0.5])
    assert maximal_marginal_relevance(relevance, vectors, 2, 0.5) == [0, 2]
    assert maximal_marginal_relevance(relevance, vectors, 3, 1.0) == [0, 1, 2]
    assert maximal_marginal_relevance(relevance[:0], vectors[:0], 3, 0.5) == []
