"""How much two answers agree, and how sure one can be of a mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist, fmean, stdev
from typing import TYPE_CHECKING

from ..embedding import embed_texts
from ..normalise import token_f1

if TYPE_CHECKING:
    from llama_index.core.base.embeddings.base import BaseEmbedding

__all__ = ["Agreement", "lower_bound"]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Token F1 in 0..1, and the cosine of the answers' embeddings in -1..1."""

    f1: float
    cosine: float

    @property
    def value(self) -> float:
        """The mean of F1 and cosine, a negative cosine counting as 0."""
        return (self.f1 + max(0.0, self.cosine)) / 2

    @classmethod
    def of(cls, answer: str, full: str, embedding: BaseEmbedding) -> Agreement:
        """Compare an answer with that of the full context. Raises EmbeddingFailed."""
        one, other = embed_texts(embedding, [answer or " ", full or " "])
        return cls(token_f1(answer, full), max(-1.0, min(1.0, float(one @ other))))


def lower_bound(values: Sequence[float], confidence: float) -> float:
    """One-sided lower bound of the mean: mean - z s / sqrt(n), by the normal approximation.

    Args:
        values: at least two.
        confidence: such as 0.95.
    """
    z = NormalDist().inv_cdf(confidence)
    return fmean(values) - z * stdev(values) / sqrt(len(values))
