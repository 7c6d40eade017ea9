"""k-means by FAISS, for more rows than scikit-learn is quick with; on a GPU where FAISS sees one."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from ...errors import NotInstalled

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["faiss_kmeans"]

log = logging.getLogger(__name__)

_ROUNDS = 25
_STARTS = 2  # runs from different seeds; the one with the least inertia counts
_ROWS_A_CENTROID = 1000  # of more rows than this for each centroid, a sample is learned from


def faiss_kmeans(vectors: NDArray[np.float32], k: int, seed: int) -> NDArray[np.int64]:
    """A label in 0..k-1 for each row; fits ``Clusterer``.

    Args:
        vectors: float32 [n, d], n at least k.
        k: how many clusters.
        seed: of the first centroids.

    Raises:
        NotInstalled: FAISS is missing.
    """
    import numpy as np

    try:
        import faiss
    except ImportError as error:
        raise NotInstalled(f"FAISS cannot be imported: {error}", hint="pip install 'tersus[cpu]'") from error

    rows = np.ascontiguousarray(vectors, dtype=np.float32)

    def trained(*, gpu: bool) -> Any:
        model = faiss.Kmeans(
            rows.shape[1],
            k,
            niter=_ROUNDS,
            nredo=_STARTS,
            seed=seed,
            gpu=gpu,
            min_points_per_centroid=1,
            max_points_per_centroid=_ROWS_A_CENTROID,
        )
        model.train(rows)
        return model

    cards = faiss.get_num_gpus()
    try:
        model = trained(gpu=cards > 0)
    except RuntimeError as error:  # FAISS's only kind of error, a card without room included
        if not cards:
            raise
        log.warning("k-means on the GPU failed, the CPU does it: %s", error)
        model = trained(gpu=False)
    _, nearest = model.index.search(rows, 1)
    return np.asarray(nearest[:, 0], dtype=np.int64)
