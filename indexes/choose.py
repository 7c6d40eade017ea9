"""Which kind of index fits how many vectors, and how much memory."""

from __future__ import annotations

from .checks import as_positive

__all__ = ["APPROXIMATE", "AUTO", "bytes_a_vector", "choose_kind"]

AUTO = "auto"
"""In the place of a kind: the one that fits, and another one once the collection has outgrown it."""

APPROXIMATE = ("hnsw", "ivf-flat", "ivf-sq8", "ivf-pq")
"""The built-in kinds that are best given all vectors at once, for what they learn from them."""

_FLAT_UPTO = 20_000  # vectors: comparing all of them takes some milliseconds
_GRAPH_UPTO = 2_000_000  # building a graph takes longest of all
_IDS = 26  # bytes: ids here and in FAISS, and whether a row lives


def bytes_a_vector(kind: str, dimension: int) -> float:
    """About how much memory a vector takes in a built-in kind with its default options, in bytes.

    float32 components for ``flat``, ``hnsw`` and ``ivf-flat``, one byte each for ``ivf-sq8``; for ``ivf-pq``
    a byte for eight components and six bits for each; for ``hnsw`` 32 edges on the lowest level.
    """
    parts = {
        "flat": 4 * dimension,
        "hnsw": 4 * dimension + 4 * 32 + 20,
        "ivf-flat": 4 * dimension,
        "ivf-sq8": dimension,
        "ivf-pq": dimension / 8 + 6 / 8 * dimension,
    }
    return parts[kind] + _IDS


def choose_kind(count: int, dimension: int, memory: int | None = None) -> str:
    """The kind for ``count`` vectors in at most ``memory`` bytes; None for no limit.

    ``flat`` up to 20,000; then, as far as memory goes, ``hnsw`` up to two million, ``ivf-flat``, ``ivf-sq8``;
    ``ivf-pq`` where nothing else fits.

    >>> [choose_kind(n, 384, 8 << 30) for n in (1_000, 100_000, 5_000_000, 10_000_000, 10**9)]
    ['flat', 'hnsw', 'ivf-flat', 'ivf-sq8', 'ivf-pq']
    """
    as_positive(dimension, "dimension")
    if count <= _FLAT_UPTO:
        return "flat"
    for kind in APPROXIMATE[count > _GRAPH_UPTO : -1]:
        if memory is None or count * bytes_a_vector(kind, dimension) <= memory:
            return kind
    return APPROXIMATE[-1]
