"""The ratio of two averages over the same questions, with an interval."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from ..metrics import Estimate, NotANumber

__all__ = ["bootstrap_ratio"]


def bootstrap_ratio(
    pairs: Iterable[tuple[float, float] | None],
    seed: int = 0,
    n: int = 2000,
    *,
    average: Literal["mean", "median"] = "mean",
) -> Estimate:
    """Average of the first values by average of the second, with the 95% percentile bootstrap interval.

    Questions are drawn with replacement and bring both of their values along, so that what makes both
    large together does not widen the interval. None is left out and counted in ``excluded``.
    Pairs whose second value is 1 give the average of the first with its interval.

    Source: Efron and Tibshirani, 1993, "An Introduction to the Bootstrap", chapters 10 and 13.

    Raises:
        NotANumber: a value that is not finite, or a second value that is not above 0.
    """
    import numpy as np

    given = list(pairs)
    sample = np.asarray([pair for pair in given if pair is not None], dtype=np.float64).reshape(-1, 2)
    if not np.isfinite(sample).all() or (sample[:, 1] <= 0).any():
        raise NotANumber(
            "a ratio needs finite values, the second above 0", hint="give None where there is none"
        )
    count, excluded = len(sample), len(given) - len(sample)
    if not count:
        return Estimate(None, None, None, 0, excluded)
    over = np.mean if average == "mean" else np.median
    above, below = over(sample, axis=0)
    if count == 1:
        return Estimate(float(above / below), None, None, 1, excluded)
    random = np.random.default_rng(seed)
    ratios = []
    for _ in range(n):
        drawn = over(sample[random.integers(0, count, size=count)], axis=0)
        ratios.append(drawn[0] / drawn[1])
    low, high = np.percentile(ratios, [2.5, 97.5])
    return Estimate(float(above / below), float(low), float(high), count, excluded)
