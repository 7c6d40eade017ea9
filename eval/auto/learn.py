"""From rows to a policy, and what it gains over the best fixed choice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...compressors.auto.policy import Choice, Policy
from ...errors import TersusError
from .rows import Rows

__all__ = ["LEAST", "Gain", "TooFewRows", "cross_validated", "gain", "learn"]

LEAST = 200
"""Questions below which nothing is learned."""


class TooFewRows(TersusError):
    """There are too few questions to learn a policy from."""

    code = "too_few_rows"


@dataclass(frozen=True, slots=True)
class Gain:
    """``success`` and ``kept`` of the policy; ``fixed``: the best that fixed choices, mixed at random, reach
    at the same share kept; ``gain`` between them with its 95% interval (percentile bootstrap)."""

    price: float
    success: float
    kept: float
    fixed: float
    gain: float
    low: float
    high: float


def learn(rows: Rows, choices: Sequence[Choice], price: float) -> Policy:
    """A logistic model of success and a ridge regression of the share kept, for every choice.

    Raises:
        TooFewRows: fewer than ``LEAST`` questions.
    """
    from sklearn.linear_model import LogisticRegression, Ridge

    if len(rows.features) < LEAST:
        raise TooFewRows(
            f"{len(rows.features)} questions are too few to learn from, {LEAST} are needed",
            hint="give more data, or use auto without a policy: its rules need none",
        )
    means, scales = rows.features.mean(0), rows.features.std(0)
    scales = np.where(scales > 1e-9, scales, 1.0)
    x = np.clip((rows.features - means) / scales, -4, 4)
    success, kept = [], []
    for column in range(len(choices)):
        won = rows.success[:, column] >= 1
        if won.all() or not won.any():  # nothing to tell apart: the smoothed rate
            rate = (won.sum() + 0.5) / (len(won) + 1)
            success.append([*np.zeros(x.shape[1]), np.log(rate / (1 - rate))])
        else:
            model = LogisticRegression(C=0.1, max_iter=1000).fit(x, won)
            success.append([*model.coef_[0], model.intercept_[0]])
        line = Ridge(alpha=10.0).fit(x, rows.kept[:, column])
        kept.append([*line.coef_, line.intercept_])
    return Policy(tuple(choices), means, scales, np.array(success), np.array(kept), price)


def cross_validated(
    rows: Rows, choices: Sequence[Choice], price: float, folds: int = 5, seed: int = 0
) -> NDArray[np.int64]:
    """The choice for every question by a policy that was learned without its fold: int [questions]."""
    fold = np.random.default_rng(seed).permutation(len(rows.features)) % folds
    chosen = np.zeros(len(rows.features), dtype=np.int64)
    for number in range(folds):
        train = Rows(
            rows.features[fold != number], rows.success[fold != number], rows.kept[fold != number], ()
        )
        policy = learn(train, choices, price)
        chosen[fold == number] = policy.worth(rows.features[fold == number]).argmax(1)
    return chosen


def gain(rows: Rows, chosen: NDArray[np.int64], price: float, seed: int = 0, n: int = 1000) -> Gain:
    """What the choices gain over the best fixed ones at equal share kept."""
    every = np.arange(len(chosen))
    success, kept = rows.success[every, chosen], rows.kept[every, chosen]
    random = np.random.default_rng(seed)
    gains = []
    for _ in range(n):
        drawn = random.integers(0, len(chosen), len(chosen))
        fixed = _frontier(rows.success[drawn].mean(0), rows.kept[drawn].mean(0), kept[drawn].mean())
        gains.append(success[drawn].mean() - fixed)
    best = _frontier(rows.success.mean(0), rows.kept.mean(0), kept.mean())
    low, high = np.percentile(gains, [2.5, 97.5])
    whole = float(success.mean())
    return Gain(price, whole, float(kept.mean()), best, whole - best, float(low), float(high))


def _frontier(success: NDArray[np.float64], kept: NDArray[np.float64], at: float) -> float:
    """The best success at share ``at`` of any mixture of two fixed choices, or of one that keeps less."""
    best = max((s for s, k in zip(success, kept, strict=True) if k <= at), default=0.0)
    for i in range(len(kept)):
        for j in range(len(kept)):
            if kept[i] <= at < kept[j]:
                part = (at - kept[i]) / (kept[j] - kept[i])
                best = max(best, (1 - part) * success[i] + part * success[j])
    return float(best)
