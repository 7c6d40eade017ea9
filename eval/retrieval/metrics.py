"""Metrics of a ranking of documents against graded judgements."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar

from ..metrics.metric import Metric

__all__ = ["Ndcg", "RecallAt", "ReciprocalRank"]


class _AtK(Metric):
    """A metric of the first ``k`` of a ranking."""

    __slots__ = ("k",)

    def __init__(self, k: int = 10) -> None:
        self.k = k

    def __repr__(self) -> str:
        return f"{self.name}@{self.k}/{self.version}"


class Ndcg(_AtK):
    """Normalised discounted cumulative gain of the first ``k``, in 0..1; documents not judged gain nothing.

    The gain is the grade itself, discounted by ``log2(rank + 1)``, as trec_eval has it. None (not applicable)
    where no document is relevant.

    Source: Järvelin and Kekäläinen, 2002, "Cumulated Gain-Based Evaluation of IR Techniques".
    """

    name: ClassVar[str] = "ndcg"
    version: ClassVar[int] = 1
    __slots__ = ()

    def __call__(self, ranking: Sequence[str], grades: Mapping[str, int]) -> float | None:
        """Of the ids found, best first and each once, and the grades of those that were judged."""
        best = _gain(sorted((max(0, grade) for grade in grades.values()), reverse=True)[: self.k])
        if not best:
            return None
        return _gain([max(0, grades.get(found, 0)) for found in ranking[: self.k]]) / best


class RecallAt(_AtK):
    """Share of the relevant documents among the first ``k``, in 0..1. None where none is relevant."""

    name: ClassVar[str] = "recall"
    version: ClassVar[int] = 1
    __slots__ = ()

    def __call__(self, ranking: Sequence[str], grades: Mapping[str, int]) -> float | None:
        """As :class:`Ndcg`."""
        relevant = {found for found, grade in grades.items() if grade > 0}
        return len(relevant.intersection(ranking[: self.k])) / len(relevant) if relevant else None


class ReciprocalRank(_AtK):
    """1 by the rank of the first relevant document among the first ``k``, 0 where there is none; its mean
    over questions is MRR. None where no document is relevant.

    Source: Voorhees, 1999, "The TREC-8 Question Answering Track Report".
    """

    name: ClassVar[str] = "rr"
    version: ClassVar[int] = 1
    __slots__ = ()

    def __call__(self, ranking: Sequence[str], grades: Mapping[str, int]) -> float | None:
        """As :class:`Ndcg`."""
        relevant = {found for found, grade in grades.items() if grade > 0}
        if not relevant:
            return None
        return next((1 / rank for rank, found in enumerate(ranking[: self.k], 1) if found in relevant), 0.0)


def _gain(grades: Sequence[int]) -> float:
    return math.fsum(grade / math.log2(rank + 1) for rank, grade in enumerate(grades, 1))
