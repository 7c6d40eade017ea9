"""Several rankings made one."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["RANK_CONSTANT", "reciprocal_rank_fusion"]

RANK_CONSTANT = 60


def reciprocal_rank_fusion(rankings: Sequence[Sequence[int]], k: int = RANK_CONSTANT) -> dict[int, float]:
    """Each id of any ranking with the sum of ``1 / (k + rank)`` over the rankings that have it, best first.

    Ranks count from 1; equal sums by id ascending. A ranking names an id at most once.

    Source: Cormack, Clarke and Büttcher, 2009, "Reciprocal Rank Fusion outperforms Condorcet and individual
    Rank Learning Methods", who set k = 60.
    """
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, found in enumerate(ranking, 1):
            scores[found] = scores.get(found, 0.0) + 1 / (k + rank)
    return dict(sorted(scores.items(), key=lambda pair: (-pair[1], pair[0])))
