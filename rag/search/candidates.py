"""From the answers of the indexes to one ranking for each question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from ...indexes import SearchResult
from ..ledger import ChunkRepository
from ..ledger.tables import Collection
from .fusion import reciprocal_rank_fusion
from .mmr import maximal_marginal_relevance
from .options import SearchOptions

__all__ = ["Ranking", "chosen", "depth", "fused"]

Ranking = dict[int, float]
"""Chunk id to score, best first."""

_POOL = 100


def depth(options: SearchOptions, mode: str, top_k: int) -> int:
    """How many candidates each index is asked for: more than are wanted, where some will fall out or others
    move up (at least 100, and four times as many as are wanted).
    """
    by_cosine = mode == "dense" and options.mmr is None
    by_words = mode == "bm25" and options.mmr is None and options.min_score is None
    return top_k if by_cosine or by_words else max(_POOL, 4 * top_k)


def fused(results: Sequence[SearchResult]) -> list[Ranking]:
    """A ranking for each question: one index's own, or several by reciprocal rank fusion."""
    found = [_rankings(result) for result in results]
    if len(found) == 1:
        return found[0]
    return [reciprocal_rank_fusion([list(one) for one in rows]) for rows in zip(*found, strict=True)]


def chosen(
    session: Session,
    collection: Collection,
    rankings: Sequence[Ranking],
    questions: NDArray[np.float32] | None,
    options: SearchOptions,
    mode: str,
    top_k: int,
) -> list[Ranking]:
    """The ``top_k`` of each ranking that are near enough to the question, chosen for diversity where asked.

    ``questions``: unit vectors ``[questions, dimension]``; None where nothing asks for cosines.
    Relevance for MMR is the cosine in mode ``dense``, otherwise the score as a share of the best one.
    """
    vectors = {}
    if options.mmr is not None or (options.min_score is not None and mode != "dense"):
        vectors = _vectors(session, collection, {number for ranking in rankings for number in ranking})
    out = []
    for row, ranking in enumerate(rankings):
        kept = ranking
        if options.min_score is not None:
            cosines = ranking
            if mode != "dense" and questions is not None:
                cosines = {n: float(vectors[n] @ questions[row]) for n in ranking if n in vectors}
            kept = {n: score for n, score in ranking.items() if cosines.get(n, -2.0) >= options.min_score}
        if options.mmr is not None:
            kept = _diverse(kept, vectors, mode, options.mmr, top_k)
        out.append(dict(list(kept.items())[:top_k]))
    return out


def _rankings(result: SearchResult) -> list[Ranking]:
    return [
        {number: score for number, score in zip(ids, scores, strict=True) if number >= 0}
        for ids, scores in zip(result.ids.tolist(), result.scores.tolist(), strict=True)
    ]


def _vectors(session: Session, collection: Collection, ids: set[int]) -> dict[int, NDArray[np.float32]]:
    """Unit vectors of these chunks, as far as they are still there."""
    found: dict[int, NDArray[np.float32]] = {}
    for numbers, vectors in ChunkRepository(session).vectors(collection, sorted(ids)):
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        found.update(zip(numbers.tolist(), vectors / np.where(lengths == 0, 1, lengths), strict=True))
    return found


def _diverse(
    ranking: Ranking, vectors: Mapping[int, NDArray[np.float32]], mode: str, weight: float, top_k: int
) -> Ranking:
    numbers = [number for number in ranking if number in vectors]
    if not numbers:
        return {}
    relevance = np.array([ranking[number] for number in numbers])
    if mode != "dense":
        relevance = relevance / relevance.max()
    order = maximal_marginal_relevance(relevance, np.stack([vectors[n] for n in numbers]), top_k, weight)
    return {numbers[place]: ranking[numbers[place]] for place in order}
