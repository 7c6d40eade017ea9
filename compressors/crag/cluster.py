"""Vectors to clusters: k-means, with k given or chosen by silhouette."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...errors import InvalidInput

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["CANDIDATES", "Clusterer", "Clusters", "cluster"]

Clusterer = Callable[["NDArray[np.float32]", int, int], "NDArray[np.integer]"]
"""``(vectors [n, d], k, seed)`` to labels [n] in 0..k-1: what does the work where scikit-learn should not."""

CANDIDATES = tuple(range(2, 9))
"""Numbers of clusters that are tried where none is given."""

_STARTS = 4  # k-means runs from different seeds; the one with the least inertia counts
_SAMPLE = 2000  # the silhouette needs all distances between rows: of more rows than this, a sample
_LARGE = 20_000  # from so many different rows on, FAISS does the work
_DECIMALS = 4  # rows that are equal to so many places are one, whatever rounding their batch brought


@dataclass(frozen=True, slots=True)
class Clusters:
    """Which cluster each row belongs to; numbered in the order in which they first appear, none empty.

    ``labels``: int64 [n]. ``centroids``: float32 [k, d], the means of the members, L2-normalised.
    ``silhouette``: the mean over all rows, in -1..1; None where it was not asked for or is not defined.
    """

    labels: NDArray[np.int64]
    centroids: NDArray[np.float32]
    k: int
    silhouette: float | None

    def members(self, number: int) -> NDArray[np.int64]:
        """The rows of one cluster, ascending."""
        import numpy as np

        found: NDArray[np.int64] = np.flatnonzero(self.labels == number).astype(np.int64)
        return found


def cluster(
    vectors: NDArray[np.float32],
    k: int | None = None,
    seed: int = 0,
    *,
    candidates: Sequence[int] = CANDIDATES,
    clusterer: Clusterer | None = None,
) -> Clusters:
    """Spherical k-means in effect: on unit vectors the Euclidean distance orders as the cosine does.

    Args:
        vectors: float32 [n, d], L2-normalised.
        k: how many clusters; there are fewer where there are fewer different rows. None takes the
            candidate with the highest mean silhouette (Rousseeuw, 1987), of equal ones the smallest. Where
            none is defined (fewer than three different rows) every different row is a cluster.
        seed: the same vectors and seed give the same clusters.
        candidates: the numbers tried where ``k`` is None.
        clusterer: does the work instead of scikit-learn's k-means, or FAISS's from 20,000 rows on.

    Raises:
        InvalidInput: vectors of another shape or not finite, a k below 1, or labels of ``clusterer``
            that do not fit.
    """
    import numpy as np

    rows = _checked(vectors)
    if k is not None and k < 1:
        raise InvalidInput(f"k is the number of clusters and at least 1, not {k}")
    if k is None and not any(number >= 1 for number in candidates):
        raise InvalidInput("there is no number of clusters to try", hint="name some: candidates=range(2, 9)")
    if not len(rows):
        return Clusters(np.empty(0, np.int64), np.empty((0, rows.shape[1]), np.float32), 0, None)
    _, first, inverse, counts = np.unique(
        np.round(rows, _DECIMALS), axis=0, return_index=True, return_inverse=True, return_counts=True
    )
    inverse = inverse.reshape(-1)
    distinct = _Distinct(rows[first], counts, rows, inverse, first, seed, clusterer)
    if k is not None:
        labels, silhouette = distinct.labels(k), None
    else:
        labels, silhouette = _best(distinct, candidates)
    return _clusters(rows, labels[inverse], silhouette)


@dataclass(frozen=True, slots=True)
class _Distinct:
    """The different rows, each once: equal rows share a cluster, and weigh by their number."""

    rows: NDArray[np.float32]
    counts: NDArray[np.integer]
    given: NDArray[np.float32]
    inverse: NDArray[np.integer]
    first: NDArray[np.integer]
    seed: int
    clusterer: Clusterer | None

    def labels(self, k: int) -> NDArray[np.int64]:
        """A label for each different row."""
        import numpy as np

        count = len(self.rows)
        if k >= count:
            return np.arange(count, dtype=np.int64)
        if k == 1:
            return np.zeros(count, dtype=np.int64)
        clusterer = self.clusterer
        if clusterer is None and count >= _LARGE:
            from .faiss_kmeans import faiss_kmeans

            clusterer = faiss_kmeans
        if clusterer is not None:
            found = np.asarray(clusterer(self.given, k, self.seed))
            if found.shape != (len(self.given),) or found.dtype.kind not in "iu":
                raise InvalidInput(
                    f"the clusterer gave {found.dtype} {found.shape} for {len(self.given)} rows",
                    hint="it must return one whole number a row",
                )
            return np.asarray(found[self.first], dtype=np.int64)
        from sklearn.cluster import KMeans

        # float64, so that the order in which threads add up does not decide between neighbours
        model = KMeans(k, n_init=_STARTS, random_state=self.seed)
        model.fit(self.rows.astype(np.float64), sample_weight=self.counts.astype(np.float64))
        return np.asarray(model.labels_, dtype=np.int64)


def _best(distinct: _Distinct, candidates: Sequence[int]) -> tuple[NDArray[np.int64], float | None]:
    count = len(distinct.rows)
    best: tuple[NDArray[np.int64], float] | None = None
    for number in sorted({n for n in candidates if 2 <= n < count}):
        labels = distinct.labels(number)
        silhouette = _silhouette(distinct, labels)
        if silhouette is not None and (best is None or silhouette > best[1]):
            best = labels, silhouette
    if best is not None:
        return best
    return distinct.labels(max(candidates)), None


def _silhouette(distinct: _Distinct, labels: NDArray[np.int64]) -> float | None:
    """The mean silhouette over the different rows; None where there are not 2..n-1 clusters."""
    import numpy as np
    from sklearn.metrics import silhouette_score

    rows = distinct.rows
    if len(rows) > _SAMPLE:
        taken = np.sort(np.random.default_rng(distinct.seed).choice(len(rows), _SAMPLE, replace=False))
        rows, labels = rows[taken], labels[taken]
    if not 2 <= len(np.unique(labels)) < len(rows):
        return None
    return float(silhouette_score(rows.astype(np.float64), labels))


def _clusters(rows: NDArray[np.float32], labels: NDArray[np.int64], silhouette: float | None) -> Clusters:
    import numpy as np

    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    place = np.empty(len(first), dtype=np.int64)
    place[np.argsort(first)] = np.arange(len(first))
    numbered = place[inverse.reshape(-1)]
    means = np.zeros((len(first), rows.shape[1]), dtype=np.float64)
    np.add.at(means, numbered, rows)
    means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
    return Clusters(numbered, means.astype(np.float32), len(first), silhouette)


def _checked(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    import numpy as np

    rows = np.ascontiguousarray(vectors, dtype=np.float32)
    if rows.ndim != 2 or not np.isfinite(rows).all():
        raise InvalidInput(f"vectors must be finite and of shape [n, d], got {rows.shape}")
    return rows
