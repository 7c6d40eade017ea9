"""Recall and precision in one figure."""

from __future__ import annotations

__all__ = ["support_fbeta"]


def support_fbeta(recall: float | None, precision: float | None, beta: float) -> float | None:
    """``(1 + b^2) P R / (b^2 P + R)``: the harmonic mean of precision and recall, recall weighing ``beta``
    times as much; 0 where both are 0, None where either does not apply.

    F2 is what context pruning is best judged by: a lost sentence costs the answer, a spare one some tokens.

    Source: van Rijsbergen, 1979, "Information Retrieval", chapter 7.
    """
    if recall is None or precision is None:
        return None
    bottom = beta**2 * precision + recall
    return (1 + beta**2) * precision * recall / bottom if bottom else 0.0
