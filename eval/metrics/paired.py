"""Two systems on the same questions: how they differ, and whether chance explains it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...errors import InvalidInput
from .bootstrap import bootstrap_ci

__all__ = ["Difference", "paired_difference", "where_both_apply"]

_FLIPS = 10_000


@dataclass(frozen=True, slots=True)
class Difference:
    """Mean of ``new - old`` over ``count`` questions with its 95% bootstrap interval, and the two-sided
    p-value of the randomisation test. All None without a question to which the score applies on both sides;
    interval and p-value None with one."""

    mean: float | None
    low: float | None
    high: float | None
    p_value: float | None
    count: int
    better: int = 0
    worse: int = 0

    @property
    def floor(self) -> float | None:
        """How far below 0 the mean may lie, with 95% confidence: the interval's lower end; where no question
        got worse, so that a bootstrap has no loss to draw, at least ``3 / count`` below 0.

        Source: Hanley and Lippman-Hand, 1983, "If Nothing Goes Wrong, Is Everything All Right?" (the rule of
        three), for scores in 0..1.
        """
        if self.low is None:
            return None
        return min(self.low, -3 / self.count) if not self.worse else self.low


def paired_difference(new: Sequence[float | None], old: Sequence[float | None], seed: int = 0) -> Difference:
    """Question by question. Those to which the score does not apply on either side are left out.

    The test flips the sign of each question's difference at random, 10,000 times: ``p = (1 + number at
    least as far from 0) / 10,001``.

    Source: Smucker, Allan and Carterette, 2007, "A Comparison of Statistical Significance Tests for
    Information Retrieval Evaluation".

    Raises:
        InvalidInput: the two have not the same length, or the score applies on one side alone.
        NotANumber: a score is NaN or infinite.
    """
    import numpy as np

    if len(new) != len(old):
        raise InvalidInput(f"{len(new)} and {len(old)} scores cannot be paired")
    differences = []
    for number, (one, other) in enumerate(zip(new, old, strict=True)):
        if (one is None) != (other is None):
            raise InvalidInput(f"the score of question {number} applies on one side alone")
        if one is not None and other is not None:
            differences.append(one - other)
    estimate = bootstrap_ci(differences, seed)
    counts = (sum(d > 0 for d in differences), sum(d < 0 for d in differences))
    if estimate.mean is None or estimate.low is None:
        return Difference(estimate.mean, None, None, None, estimate.count, *counts)
    values = np.asarray(differences, dtype=np.float64)
    random = np.random.default_rng(seed)
    seen = abs(float(values.sum())) - 1e-12
    beyond = 0
    for _ in range(10):
        signs = random.integers(0, 2, size=(_FLIPS // 10, len(values))) * 2 - 1
        beyond += int((np.abs(signs @ values) >= seen).sum())
    p_value = (1 + beyond) / (_FLIPS + 1)
    return Difference(estimate.mean, estimate.low, estimate.high, p_value, estimate.count, *counts)


def where_both_apply(
    new: Sequence[float | None], old: Sequence[float | None]
) -> tuple[list[float | None], list[float | None]]:
    """Both sides, None on both where either is: precision does not apply where a side kept nothing."""
    pairs = [(None, None) if a is None or b is None else (a, b) for a, b in zip(new, old, strict=True)]
    return [a for a, _ in pairs], [b for _, b in pairs]
