"""k-means by FAISS, for more rows than scikit-learn is quick with; on a GPU where FAISS sees one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["faiss_kmeans"]

_ROUNDS = 25
_STARTS = 2  # runs from different seeds; the one with the least inertia counts
_ROWS_A_CENTROID = 1000  # of more rows than this for each centroid, a sample is learned from


def faiss_kmeans(vectors: NDArray[np.float32], k: int, seed: int) -> NDArray[np.int64]:
    """A label in 0..k-1 for each row; fits ``Clusterer``.

    Args:
        vectors: float32 [n, d], n at least k.
        k: how many clusters.
        seed: of the first centroids.
    """
    import faiss
    import numpy as np

    rows = np.ascontiguousarray(vectors, dtype=np.float32)
    model = faiss.Kmeans(
        rows.shape[1],
        k,
        niter=_ROUNDS,
        nredo=_STARTS,
        seed=seed,
        gpu=faiss.get_num_gpus() > 0,
        min_points_per_centroid=1,
        max_points_per_centroid=_ROWS_A_CENTROID,
    )
    model.train(rows)
    _, nearest = model.index.search(rows, 1)
    return np.asarray(nearest[:, 0], dtype=np.int64)
