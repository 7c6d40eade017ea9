"""Maximal marginal relevance (Carbonell and Goldstein, 1998)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["most_marginal"]


def most_marginal(
    query: NDArray[np.float32], vectors: NDArray[np.float32], count: int, relevance: float
) -> list[int]:
    """Rows of ``vectors`` ``[n, d]``, at most ``count``, each the best given those before it.

    The best has the highest ``relevance * cos(query) - (1 - relevance) * max cos(chosen)``; equal ones
    stay in order. All vectors have length 1.
    """
    near = vectors.astype(np.float64) @ query.astype(np.float64)
    overlap = np.full(len(vectors), -np.inf)
    left, chosen = np.ones(len(vectors), dtype=np.bool_), list[int]()
    while left.any() and len(chosen) < count:
        repeated = overlap if chosen else np.zeros(len(vectors))
        value = relevance * near - (1 - relevance) * repeated
        best = int(np.argmax(np.where(left, value, -np.inf)))
        left[best] = False
        chosen.append(best)
        overlap = np.maximum(overlap, vectors.astype(np.float64) @ vectors[best].astype(np.float64))
    return chosen
