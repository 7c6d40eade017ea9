"""k-means over unit vectors: the centroids that inverted files search by and documents are grouped by."""

from __future__ import annotations

import logging
import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InvalidInput
from .checks import InvalidVectors, as_positive, as_unit_vectors
from .device import card_of
from .faiss_lib import faiss
from .gpu_card import gpu_resources
from .kmeans_start import spread_rows
from .nearest_centroid import assign

__all__ = ["assign", "sample_size", "suggest_k", "train_centroids"]

log = logging.getLogger(__name__)

ROUNDS = 25
_LEAST_ROWS = 39  # a centroid: with fewer FAISS warns that clusters are not well founded
_ENOUGH_ROWS = 256  # a centroid: FAISS learns from no more by default
_MANY_ROWS = 262_144  # of all centroids together; beyond, each gets the least
_SMALL = 20_000  # up to so many rows, several careful starts cost little
_STARTS = 3
_LARGEST_SEED = 2**31 - 1  # FAISS keeps it in 32 bits


def suggest_k(count: int) -> int:
    """How many clusters fit ``count`` vectors, at least 1.

    From some 24,000 vectors on ``4 * sqrt(count)``, the lower end of what FAISS's guidelines give
    inverted files (4 to 16 times the root). Fewer vectors would leave such clusters less than the 39
    rows that FAISS asks for: then ``count / 39``, and below some 760 vectors the rule of thumb
    ``sqrt(count / 2)`` (Mardia, Kent & Bibby, Multivariate Analysis, 1979).

    >>> [suggest_k(count) for count in (1, 10, 100, 1_000, 10_000, 100_000, 1_000_000)]
    [1, 2, 7, 26, 256, 1265, 4000]
    """
    number = as_positive(count, "count")
    founded = max(math.sqrt(number / 2), number / _LEAST_ROWS)
    return max(1, round(min(4 * math.sqrt(number), founded)))


def sample_size(count: int, k: int) -> int:
    """How many of ``count`` vectors to learn ``k`` centroids from: 256 a centroid, but beyond 262,144
    together only as many as keep 39 a centroid."""
    return min(count, _ENOUGH_ROWS * k, max(_LEAST_ROWS * k, _MANY_ROWS))


def train_centroids(
    vectors: ArrayLike,
    k: int,
    *,
    seed: int = 0,
    rounds: int = ROUNDS,
    device: str = "cpu",
    sample: int | None = None,
) -> NDArray[np.float32]:
    """The centroids of spherical k-means (Dhillon & Modha, 2001) by FAISS, float32 ``[k, d]``.

    Rows are scaled to length 1, and so are the centroids (but one whose rows cancel out is zero):
    similarity is the cosine. The same vectors, ``k`` and seed give the same centroids on the same
    machine. Where many vectors are equal, some centroids may have none of their own.

    Args:
        vectors: ``[n, d]``, n at least k.
        k: how many centroids.
        seed: of the sample and of the first centroids, 0 to 2**31 - 1.
        rounds: of assigning and averaging.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``. Where FAISS sees no such card, or its memory is too
            small, the CPU does it and the log says so.
        sample: rows to learn from, at least k; by default what `sample_size` says.

    Raises:
        InvalidInput: k above n, or another number out of its range.
        InvalidVectors: see ``as_unit_vectors``.
        NotInstalled: FAISS is missing.
    """
    rows = _unit(vectors)
    wanted, turns = as_positive(k, "k"), as_positive(rounds, "rounds")
    if wanted > len(rows):
        raise InvalidInput(f"{len(rows)} vectors cannot have {wanted} clusters", hint="give a smaller k")
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed <= _LARGEST_SEED:
        raise InvalidInput(f"seed is {seed!r}", hint=f"give a whole number from 0 to {_LARGEST_SEED}")
    most = sample_size(len(rows), wanted) if sample is None else as_positive(sample, "sample")
    if most < wanted:
        raise InvalidInput(
            f"{wanted} clusters cannot be learned from a sample of {most}", hint="give a larger sample"
        )
    card = card_of(device)
    if most < len(rows):
        chosen = np.random.default_rng(int(seed)).choice(len(rows), most, replace=False)
        rows = rows[np.sort(chosen)]
    if card is not None:
        try:
            return _trained(rows, wanted, int(seed), turns, card)
        except RuntimeError as error:  # FAISS's only kind of error, out of memory included
            log.warning(
                "k-means on the GPU failed, the CPU does it: %s", str(error)
            )  # its frames hold memory
    return _trained(rows, wanted, int(seed), turns, None)


def _trained(
    rows: NDArray[np.float32], k: int, seed: int, rounds: int, card: int | None
) -> NDArray[np.float32]:
    library, chance = faiss(), np.random.default_rng(seed)
    best, peak = None, -math.inf
    for start in range(_STARTS if len(rows) <= _SMALL else 1):
        settings = library.ClusteringParameters()
        settings.niter, settings.seed, settings.spherical = rounds, (seed + start) % _LARGEST_SEED, True
        # The sample was drawn already; fewer rows than FAISS likes are no reason for it to write to stderr.
        settings.min_points_per_centroid, settings.max_points_per_centroid = 1, len(rows)
        clustering = library.Clustering(rows.shape[1], k, settings)
        if len(rows) <= _SMALL:
            first = rows[spread_rows(rows, k, chance)]
            library.copy_array_to_vector(first.ravel(), clustering.centroids)
        clustering.train(rows, _searcher(library, rows.shape[1], card))
        runs = clustering.iteration_stats
        reached = runs.at(runs.size() - 1).obj if runs.size() else 0.0  # the sum of the cosines
        if best is None or reached > peak:
            found: NDArray[np.float32] = library.vector_to_array(clustering.centroids)
            best, peak = found.reshape(k, rows.shape[1]).astype(np.float32), reached
    assert best is not None  # noqa: S101 - for the type checker
    return best


def _searcher(library: Any, dimension: int, card: int | None) -> Any:
    if card is None:
        return library.IndexFlatIP(dimension)
    config = library.GpuIndexFlatConfig()
    config.device = card
    return library.GpuIndexFlatIP(gpu_resources(), dimension, config)


def _unit(vectors: ArrayLike) -> NDArray[np.float32]:
    try:
        shape = np.shape(vectors)
    except ValueError:
        shape = ()  # ragged: refused below with its reason
    if len(shape) == 2 and not shape[1]:
        raise InvalidVectors(f"vectors have shape {list(shape)}", hint="give [n, dimension]")
    return as_unit_vectors(vectors, shape[1] if len(shape) == 2 else 1)
