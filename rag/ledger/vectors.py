"""Embeddings as bytes: 32-bit floats, little-endian, one after another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InvalidInput
from .errors import DatabaseDamaged

__all__ = ["pack_vector", "unpack_vectors"]

_STORED = np.dtype("<f4")


def pack_vector(vector: NDArray[Any], dimension: int) -> bytes:
    """``vector`` (shape ``(dimension,)``) as ``4 * dimension`` bytes.

    Raises `InvalidInput` for another shape, NaN, infinity, and doubles too big for a float.
    """
    with np.errstate(over="ignore"):
        array = np.asarray(vector, dtype=_STORED)
    if array.shape != (dimension,):
        raise InvalidInput(
            f"the vector has shape {array.shape}, the collection needs ({dimension},)",
            hint="embed with the model that the collection was made with",
        )
    if not np.isfinite(array).all():
        raise InvalidInput(
            "the vector holds NaN or infinity", hint="check the embedding model on this passage's text"
        )
    return array.tobytes()


def unpack_vectors(data: Sequence[bytes], dimension: int) -> NDArray[np.float32]:
    """The stored vectors as a writable array of shape ``(len(data), dimension)``.

    Raises `DatabaseDamaged` where one has not ``4 * dimension`` bytes.
    """
    for stored in data:
        if len(stored) != dimension * _STORED.itemsize:
            raise DatabaseDamaged(
                f"a stored vector has {len(stored)} bytes, {dimension * _STORED.itemsize} were expected",
                hint="delete the collection and ingest its documents again",
            )
    return np.frombuffer(b"".join(data), dtype=_STORED).reshape(len(data), dimension).astype(np.float32)
