"""Metrics of a ranking of sentences of which some are right."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import ClassVar

from ..metrics import NotANumber
from ..metrics.metric import Metric

__all__ = ["AveragePrecision", "ReciprocalRank", "average_precision", "ranked", "reciprocal_rank"]


def ranked(scores: Sequence[float | None]) -> list[int]:
    """Positions by falling score; equal scores in the order of the text, those without a score last.

    Raises:
        NotANumber: a score is NaN, which has no place in an order.
    """
    if any(score is not None and math.isnan(score) for score in scores):
        raise NotANumber("a sentence's score is NaN", hint="a sentence without a score is None")
    filled = [-math.inf if score is None else score for score in scores]
    return sorted(range(len(scores)), key=lambda i: (scores[i] is None, -filled[i], i))


class AveragePrecision(Metric):
    """Mean, over the right sentences, of the share of right ones down to their rank, in 0..1.

    None (not applicable) where no sentence is right. Its mean over questions is MAP.

    Source: Manning, Raghavan and Schütze, 2008, "Introduction to Information Retrieval", chapter 8.4.
    """

    name: ClassVar[str] = "average_precision"
    version: ClassVar[int] = 1

    def __call__(self, scores: Sequence[float | None], right: Collection[int]) -> float | None:
        """Of the sentences' scores and the positions of the right ones. Raises as :func:`ranked` does."""
        found, total = 0, 0.0
        for rank, position in enumerate(ranked(scores), 1):
            if position in right:
                found += 1
                total += found / rank
        return total / found if found else None


class ReciprocalRank(Metric):
    """One by the rank of the first right sentence, in 0..1. Its mean over questions is MRR.

    None (not applicable) where no sentence is right.

    Source: Voorhees, 1999, "The TREC-8 Question Answering Track Report".
    """

    name: ClassVar[str] = "reciprocal_rank"
    version: ClassVar[int] = 1

    def __call__(self, scores: Sequence[float | None], right: Collection[int]) -> float | None:
        """Arguments and errors as for :class:`AveragePrecision`."""
        for rank, position in enumerate(ranked(scores), 1):
            if position in right:
                return 1 / rank
        return None


average_precision = AveragePrecision()
reciprocal_rank = ReciprocalRank()
