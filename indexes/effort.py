"""How hard an approximate index looks: the least effort that finds the neighbours asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["least_effort", "recall"]

_CLOSE = 0.005


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

    By bisection, since recall hardly falls with more effort. Where none reaches it, codes lose what no effort
    finds again: then the least that comes within half a point of the largest's recall.
    """
    reached: dict[int, float] = {}

    def least(bound: float) -> int:
        low, high = 0, len(efforts) - 1
        while low < high:
            middle = (low + high) // 2
            if middle not in reached:
                reached[middle] = recall(search(efforts[middle]), true)
            if reached[middle] >= bound:
                high = middle
            else:
                low = middle + 1
        return low

    found, last = least(wanted), len(efforts) - 1
    if found == last and last and (most := recall(search(efforts[last]), true)) < wanted:
        found = least(most - _CLOSE)
    return efforts[found]
