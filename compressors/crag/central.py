"""The order in which the sentences of clusters are taken: the most central of every cluster first."""

from __future__ import annotations

from math import inf, sqrt
from typing import TYPE_CHECKING

from .cluster import Clusters

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["score_sentences"]

_DECIMALS = 5  # values are equal to so many places: what the order of a batch adds up to must not decide


def score_sentences(
    vectors: NDArray[np.float32],
    clusters: Clusters,
    query: NDArray[np.float32] | None = None,
    *,
    query_weight: float = 0.5,
    same: float = 0.95,
) -> NDArray[np.float64]:
    """A score for each sentence, float64 [n]: ``1 / t`` for the one taken as number ``t`` = 1, 2, ...

    A sentence's value is its cosine to its cluster's centroid, or, with a question, ``(1 - w)`` times
    that and ``w`` times its cosine to the question. A cluster's weight is the sum of the values above 0 that
    it had at first. The cluster whose turn it is gives the best that it has left. Turns are shared
    out by equal proportions (Huntington and Hill): first every cluster gets one, the weightiest first, or
    with a question the one with the best value; then always that with the highest
    ``weight / sqrt(g (g + 1))`` after ``g`` turns. So every opinion speaks once before any speaks twice, and
    beyond that as often as it is held.

    A sentence with a cosine of at least ``same`` to one that was taken says the same again: it is not
    taken, and scores the negative cosine, in -1..0.

    Args:
        vectors: float32 [n, d], L2-normalised.
        clusters: of these vectors.
        query: float32 [d], L2-normalised; None where there is no question.
        query_weight: ``w``, in 0..1.
        same: cosine from which two sentences are the same opinion, above 0.
    """
    import numpy as np

    scores = np.zeros(len(vectors), dtype=np.float64)
    value = np.einsum("nd,nd->n", vectors, clusters.centroids[clusters.labels]).astype(np.float64)
    if query is not None:
        value = (1 - query_weight) * value + query_weight * (vectors @ query)
    value = np.round(value, _DECIMALS)
    queues = [sorted(clusters.members(c), key=lambda i: (-value[i], i)) for c in range(clusters.k)]
    weights = [float(np.maximum(value[queue], 0.0).sum()) for queue in queues]
    firsts = weights if query is None else [float(value[queue[0]]) for queue in queues]
    turns = [0] * clusters.k
    left = np.ones(len(vectors), dtype=bool)
    taken = 0
    while left.any():
        for queue in queues:
            while queue and not left[queue[0]]:
                queue.pop(0)
        c = max(
            (c for c in range(clusters.k) if queues[c]),
            key=lambda c: (_claim(weights[c], turns[c]), firsts[c], -c),
        )
        i = queues[c].pop(0)
        turns[c] += 1
        taken += 1
        left[i] = False
        scores[i] = 1 / taken
        rest = np.flatnonzero(left)
        cosines = vectors[rest] @ vectors[i]
        again = cosines >= same
        scores[rest[again]] = -np.minimum(cosines[again], 1.0)
        left[rest[again]] = False
    return scores


def _claim(weight: float, turns: int) -> float:
    return weight / sqrt(turns * (turns + 1)) if turns else inf
