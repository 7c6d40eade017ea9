"""The promise put to the test: calibrate on one part of the questions, count the losses on the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInput
from .conformal import crc_threshold, expected_loss

__all__ = ["Resampled", "resample"]


@dataclass(frozen=True, slots=True)
class Resampled:
    """Losses over random splits of one set of questions.

    ``sizes`` are the halves'. ``mean`` is the mean over the splits of the share of test questions that
    lost their answer, ``standard_error`` that mean's own uncertainty, ``expected`` what it would come
    to over all splits if no two questions had the same score (ties only lower it).
    """

    risk: float
    splits: int
    sizes: tuple[int, int]
    mean: float
    standard_error: float
    expected: float

    @property
    def verdict(self) -> Literal["holds", "within error", "broken"]:
        """Whether the mean loss is at most the risk; above it by at most two standard errors; or by more.

        Where ``expected`` equals the risk, half of all runs lie above it by chance.
        """
        if self.mean <= self.risk:
            return "holds"
        return "within error" if self.mean - 2 * self.standard_error <= self.risk else "broken"


def resample(
    critical: Sequence[float] | NDArray[np.float64], risk: float, *, splits: int = 200, seed: int = 0
) -> Resampled:
    """Split the questions in two halves ``splits`` times, at random; each half is calibrated on once and
    tested on once. The two losses of a split lie on opposite sides of the mean, which makes it more exact.

    Raises:
        InvalidInput: fewer than two splits or questions. RiskTooSmall: half of the questions cannot
            promise the risk.
    """
    values = np.asarray(critical, dtype=np.float64)
    if splits < 2 or len(values) < 2:
        raise InvalidInput(
            f"{splits} splits of {len(values)} questions test nothing", hint="give two at least"
        )
    size = len(values) // 2
    chance = np.random.default_rng(seed)
    losses = np.empty(splits)
    for number in range(splits):
        order = chance.permutation(values)
        one, other = order[:size], order[size:]
        losses[number] = (_loss(one, other, risk) + _loss(other, one, risk)) / 2
    return Resampled(
        risk=float(risk),
        splits=splits,
        sizes=(size, len(values) - size),
        mean=float(losses.mean()),
        standard_error=float(losses.std(ddof=1) / np.sqrt(splits)),
        expected=(expected_loss(size, risk) + expected_loss(len(values) - size, risk)) / 2,
    )


def _loss(calibration: NDArray[np.float64], test: NDArray[np.float64], risk: float) -> float:
    return float(np.mean(test < crc_threshold(calibration.tolist(), risk)))
