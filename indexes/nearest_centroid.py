"""Which centroid a vector belongs to, exactly."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .checks import InvalidVectors, as_unit_vectors

__all__ = ["assign", "similarities"]

_CELLS = 1 << 24  # scores held at once: 64 MB of float32
_PAIRS = 1 << 14  # rows compared exactly at once: bounds the float64 copies


def assign(vectors: ArrayLike, centroids: ArrayLike) -> NDArray[np.int64]:
    """The number of the centroid with the largest inner product, int64 ``[n]``; ties go to the lowest.

    As in the exact index, inner products are float64 sums rounded to float32, and what a vector gets
    does not depend on what else is asked: a float32 matrix product, whose last bits do, only names the
    candidates, and the sum over each pair decides between them.

    Args:
        vectors: ``[n, d]``; their lengths do not matter.
        centroids: ``[k, d]``, k at least 1.

    Raises:
        InvalidVectors: wrong shapes, NaN, infinity; vectors that are only zeros.
    """
    middle = _centroids(centroids)
    rows = as_unit_vectors(vectors, middle.shape[1])
    # Both sums are off by at most d x 2**-24 times the lengths (Higham, Accuracy and Stability of
    # Numerical Algorithms, 2002, section 3.1), compared with each other; doubled for good measure.
    longest = float(np.sqrt(np.einsum("ij,ij->i", middle, middle, dtype=np.float64)).max())
    doubt = 4 * middle.shape[1] * 2.0**-24 * longest
    found = np.empty(len(rows), dtype=np.int64)
    step = max(1, _CELLS // len(middle))
    for start in range(0, len(rows), step):
        block = rows[start : start + step]
        scores = block @ middle.T
        best = scores.argmax(axis=1)
        close = scores >= scores[np.arange(len(block)), best][:, None] - np.float32(doubt)
        open_rows = np.flatnonzero(close.sum(axis=1) > 1)
        if open_rows.size:
            best[open_rows] = _settled(block[open_rows], middle, close[open_rows])
        found[start : start + step] = best
    return found


def similarities(vectors: ArrayLike, centroids: ArrayLike, numbers: NDArray[np.int64]) -> NDArray[np.float64]:
    """The inner product of each vector, at length 1, with the centroid of its number; float64 ``[n]``.

    Raises:
        InvalidVectors: as `assign`.
    """
    middle = _centroids(centroids)
    rows = as_unit_vectors(vectors, middle.shape[1])
    return _products(rows, middle, np.arange(len(rows)), numbers)


def _settled(
    rows: NDArray[np.float32], centroids: NDArray[np.float32], close: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """The best of each row's candidates by exact sums; of equals the first."""
    row, candidate = np.nonzero(close)  # by row, and by number within it
    scores = _products(rows, centroids, row, candidate).astype(np.float32)
    begins = np.flatnonzero(np.diff(row, prepend=-1))
    peak = np.maximum.reduceat(scores, begins)
    winners = np.flatnonzero(scores == peak[row])
    first = np.unique(row[winners], return_index=True)[1]
    return candidate[winners[first]].astype(np.int64)


def _products(
    rows: NDArray[np.float32],
    centroids: NDArray[np.float32],
    row: NDArray[np.int64],
    number: NDArray[np.int64],
) -> NDArray[np.float64]:
    found = np.empty(len(row), dtype=np.float64)
    for start in range(0, len(row), _PAIRS):
        some = slice(start, start + _PAIRS)
        left, right = rows[row[some]].astype(np.float64), centroids[number[some]].astype(np.float64)
        # einsum sums each row in the same way, whatever the others are; a matrix product may not.
        found[some] = np.einsum("ij,ij->i", left, right)
    return found


def _centroids(values: ArrayLike) -> NDArray[np.float32]:
    middle = np.asarray(values, dtype=np.float32)
    if middle.ndim != 2 or not middle.size:
        raise InvalidVectors(f"centroids have shape {list(middle.shape)}", hint="give [k, dimension]")
    if not np.isfinite(middle).all():
        raise InvalidVectors("centroids hold NaN or infinity", hint="train them again")
    return middle
