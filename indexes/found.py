"""What a search hands on inside an index: rows and scores."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Found", "nothing_found"]

Found: TypeAlias = tuple[NDArray[np.int64], NDArray[np.float32]]
"""Rows, -1 for none, and scores, each ``[n, k]``."""


def nothing_found(queries: int, k: int) -> Found:
    """Rows of -1 and scores of -inf, to be filled."""
    return np.full((queries, k), -1, np.int64), np.full((queries, k), -np.inf, np.float32)
