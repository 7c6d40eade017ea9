"""Means with an interval that says how far they can be trusted."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable
from dataclasses import dataclass

from ...errors import InvalidInput, TersusError

__all__ = ["Estimate", "NotANumber", "bootstrap_ci"]

_CHUNK = 4_000_000
"""Resampled values held at once: 32 MB of float64."""


class NotANumber(TersusError, ValueError):
    """A score is NaN, infinite, or no number at all: it must not enter a mean."""

    code = "not_a_number"


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its 95% interval.

    ``count`` scores went into it and ``excluded`` were None (not applicable). ``mean`` is None
    without scores; ``low`` and ``high`` are None with fewer than two, from which no spread can be told.
    """

    mean: float | None
    low: float | None
    high: float | None
    count: int
    excluded: int

    def __str__(self) -> str:
        if self.mean is None:
            return "–"
        if self.low is None or self.high is None:
            return f"{self.mean:.2f}"
        return f"{self.mean:.2f} [{self.low:.2f}, {self.high:.2f}]"


def bootstrap_ci(values: Iterable[float | None], seed: int = 0, n: int = 2000) -> Estimate:
    """Mean of ``values`` with the 95% percentile bootstrap interval.

    ``n`` times as many values as there are get drawn with replacement; the interval reaches
    from the 2.5th to the 97.5th percentile of their means. The same seed gives the same interval.
    None is left out and counted in ``excluded``.

    Source: Efron and Tibshirani, 1993, "An Introduction to the Bootstrap", chapter 13.

    Raises:
        NotANumber: a value is NaN, infinite or not a real number.
        InvalidInput: ``n`` is below 1.
    """
    import numpy as np

    if n < 1:
        raise InvalidInput(f"the bootstrap needs at least one resample, got n={n}")
    scores, excluded = [], 0
    for position, value in enumerate(values):
        if value is None:
            excluded += 1
        else:
            scores.append(_number(value, position))
    count = len(scores)
    if not count:
        return Estimate(None, None, None, 0, excluded)
    mean = math.fsum(scores) / count
    if count == 1:
        return Estimate(mean, None, None, 1, excluded)
    sample = np.asarray(scores, dtype=np.float64)
    random = np.random.default_rng(seed)
    step = max(1, _CHUNK // count)
    means = np.concatenate(
        [
            sample[random.integers(0, count, size=(min(step, n - done), count))].mean(axis=1)
            for done in range(0, n, step)
        ]
    )
    low, high = np.percentile(means, [2.5, 97.5])
    return Estimate(mean, float(low), float(high), count, excluded)


def _number(value: object, position: int) -> float:
    if not isinstance(value, numbers.Real) or not math.isfinite(value):
        raise NotANumber(
            f"score {position} is {value!r}, not a finite number",
            hint="a metric that does not apply gives None",
        )
    return float(value)
