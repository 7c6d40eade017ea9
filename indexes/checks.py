"""What an index accepts: dimensions, ids, vectors, k. Everything else is refused with its reason."""

from __future__ import annotations

import operator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InvalidInput

__all__ = ["MAX_DIMENSION", "InvalidIds", "InvalidVectors", "as_ids", "as_positive", "as_unit_vectors"]

MAX_DIMENSION = 65_536
_BLOCK = 16_384  # rows normalised at a time: bounds the float64 copy
_SMALL_SUM, _LARGE_SUM = 1e-200, 1e200  # far inside what float64 holds


class InvalidIds(InvalidInput):
    """Ids that are no one-dimensional list of int64 numbers, or are negative where they name vectors."""

    code = "invalid_ids"


class InvalidVectors(InvalidInput):
    """Vectors of the wrong shape or type, with NaN or infinity, or of length zero."""

    code = "invalid_vectors"


def as_positive(value: int, name: str, most: int | None = None) -> int:
    """``value`` as a plain int of at least 1; raises InvalidInput."""
    try:
        number = operator.index(value)
    except TypeError:
        number = 0
    if isinstance(value, bool) or number < 1 or (most is not None and number > most):
        limit = "at least 1" if most is None else f"from 1 to {most}"
        raise InvalidInput(f"{name} is {value!r}", hint=f"give a whole number, {limit}")
    return number


def as_ids(values: ArrayLike, name: str = "ids") -> NDArray[np.int64]:
    """``values`` as int64 ``[n]``; raises InvalidIds. Floats and booleans are not converted."""
    array = _as_array(values, name, InvalidIds)
    if array.shape == (0,):
        return np.empty(0, dtype=np.int64)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise InvalidIds(
            f"{name} has shape {list(array.shape)} and type {array.dtype}",
            hint="give a one-dimensional list of whole numbers within int64",
        )
    if array.dtype.kind == "u" and int(array.max()) > np.iinfo(np.int64).max:
        raise InvalidIds(f"{name} holds {int(array.max())}", hint="the largest id is 2**63 - 1")
    return array.astype(np.int64)


def as_unit_vectors(values: ArrayLike, dimension: int, name: str = "vectors") -> NDArray[np.float32]:
    """``values`` as float32 ``[n, dimension]``, each row of length 1; raises InvalidVectors.

    Rows are scaled in float64, so no finite row overflows or underflows. A zero row
    has no direction and thus no cosine: it is refused, not given a made-up score.
    """
    array = _as_array(values, name, InvalidVectors)
    if array.shape == (0,):
        return np.empty((0, dimension), dtype=np.float32)
    if array.ndim != 2 or array.shape[1] != dimension:
        raise InvalidVectors(
            f"{name} has shape {list(array.shape)}",
            hint=f"this index takes [n, {dimension}]",
        )
    if array.dtype.kind not in "fiu":
        raise InvalidVectors(f"{name} has type {array.dtype}", hint="give real numbers")
    unit = np.empty(array.shape, dtype=np.float32)
    for start in range(0, len(array), _BLOCK):
        unit[start : start + _BLOCK] = _unit_rows(array[start : start + _BLOCK], start, name)
    return unit


def _unit_rows(rows: NDArray[np.generic], first: int, name: str) -> NDArray[np.float64]:
    with np.errstate(over="ignore", invalid="ignore"):  # a long double may not fit: refused below
        wide = rows.astype(np.float64)
        squares = np.einsum("ij,ij->i", wide, wide)
    # Squares of such a sum lose nothing to overflow or underflow; other rows, one by one, are scaled first,
    # so that what becomes of a row does not depend on the rows beside it.
    odd = np.flatnonzero(~((squares > _SMALL_SUM) & (squares < _LARGE_SUM)))
    if odd.size:
        peak = np.abs(wide[odd]).max(axis=1)  # NaN stays NaN
        for wrong, what in ((~np.isfinite(peak), "NaN or infinity"), (peak == 0, "only zeros")):
            if wrong.any():
                row = first + int(odd[np.flatnonzero(wrong)[0]])
                raise InvalidVectors(
                    f"row {row} of {name} holds {what}", hint="leave it out, or embed it again"
                )
        wide[odd] /= peak[:, None]
        squares[odd] = np.einsum("ij,ij->i", wide[odd], wide[odd])
    wide /= np.sqrt(squares)[:, None]
    return wide


def _as_array(values: ArrayLike, name: str, error: type[InvalidInput]) -> NDArray[np.generic]:
    try:
        return np.asarray(values)
    except (TypeError, ValueError, OverflowError) as problem:  # ragged lists and the like
        raise error(f"{name} cannot be made an array: {problem}", hint="give rows of one length") from problem
