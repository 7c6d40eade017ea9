"""First centroids that lie apart: k-means++ (Arthur & Vassilvitskii, 2007)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["spread_rows"]


def spread_rows(rows: NDArray[np.float32], k: int, chance: np.random.Generator) -> NDArray[np.int64]:
    """The numbers of ``k`` different rows, int64 ``[k]``: each is drawn with a chance proportional to its
    squared distance to the nearest one drawn before.

    Args:
        rows: float32 ``[n, d]`` of length 1, n at least k.
        k: how many. The cost is n x k x d.
        chance: where the draws come from.
    """
    chosen = np.empty(k, dtype=np.int64)
    chosen[0] = chance.integers(len(rows))
    # Half the squared distance of rows of length 1.
    far = np.full(len(rows), np.inf)
    for place in range(1, k):
        last = chosen[place - 1]
        far = np.minimum(far, np.maximum(1.0 - rows @ rows[last], 0.0))
        far[last] = 0.0
        total = far.sum()
        if total > 0:
            chosen[place] = chance.choice(len(rows), p=far / total)
        else:  # all others equal a chosen one
            chosen[place] = chance.choice(np.setdiff1d(np.arange(len(rows)), chosen[:place]))
    return chosen
