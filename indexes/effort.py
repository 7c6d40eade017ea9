"""How hard an approximate index looks: the least effort that finds the neighbours asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["least_effort", "recall"]


def recall(found: NDArray[np.int64], true: NDArray[np.int64]) -> float:
    """The mean share of the true neighbours ``[n, k]`` among those found ``[n, m]``; -1 is none."""
    hits = (found[:, :, None] == true[:, None, :]) & (true[:, None, :] >= 0)
    wanted = (true >= 0).sum()
    return float(hits.any(1).sum() / wanted) if wanted else 1.0


def least_effort(
    search: Callable[[int], NDArray[np.int64]],
    true: NDArray[np.int64],
    efforts: Sequence[int],
    wanted: float,
) -> int:
    """The least of the ascending ``efforts`` whose ids ``search(effort)`` reach the recall ``wanted``.

    By bisection, since recall hardly falls with more effort; the largest where none reaches it.
    """
    low, high = 0, len(efforts) - 1
    while low < high:
        middle = (low + high) // 2
        if recall(search(efforts[middle]), true) >= wanted:
            high = middle
        else:
            low = middle + 1
    return efforts[low]
