"""Relevant passages that do not repeat one another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["maximal_marginal_relevance"]


def maximal_marginal_relevance(
    relevance: NDArray[np.floating], vectors: NDArray[np.floating], k: int, weight: float
) -> list[int]:
    """Positions of ``k`` candidates (all, where there are fewer) in the order in which they are chosen.

    Each choice is the candidate with the highest ``weight * relevance - (1 - weight) * similarity``, where
    similarity is the highest cosine to one chosen before (the first choice: relevance alone). Equal values
    by position. Takes O(k x candidates x dimension).

    Args:
        relevance: shape ``(candidates,)``, on the scale of a cosine.
        vectors: unit vectors, shape ``(candidates, dimension)``.
        k: how many to choose.
        weight: lambda, in 0..1; 1 is relevance alone.

    Source: Carbonell and Goldstein, 1998, "The Use of MMR, Diversity-Based Reranking for Reordering
    Documents and Producing Summaries".
    """
    wide, gain = vectors.astype(np.float64), relevance.astype(np.float64)
    similarity = np.full(len(gain), -np.inf)
    left = np.ones(len(gain), dtype=np.bool_)
    chosen: list[int] = []
    while len(chosen) < min(k, len(gain)):
        worth = weight * gain - (1 - weight) * similarity if chosen else gain
        best = int(np.argmax(np.where(left, worth, -np.inf)))
        chosen.append(best)
        left[best] = False
        similarity = np.maximum(similarity, wide @ wide[best])
    return chosen
