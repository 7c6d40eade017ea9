"""FAISS without us: the very structures that an index holds, searched directly."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...indexes import FlatIndex, HnswIndex, Index, IvfPqIndex
from ...indexes.ann import AnnIndex
from ...indexes.faiss_lib import faiss
from ...indexes.ivf import IvfIndex
from .turns import Arm

__all__ = ["bare_bytes", "bare_search", "exact_search"]


def bare_search(index: Index, k: int) -> Arm | None:
    """A search of the index's own FAISS object with the same parameters, made once; it gives rows.

    None for an index that is none of ours. The index must hold no tombstones, and not change meanwhile.
    """
    library = faiss()
    if not isinstance(index, FlatIndex):
        return None
    structure, params = index._flat, None
    if isinstance(index, AnnIndex) and index.trained:
        structure = index._ann
        if isinstance(index, HnswIndex):
            params = library.SearchParametersHNSW(efSearch=max(index.effort, k))
        elif isinstance(index, IvfPqIndex):
            lists = library.IVFPQSearchParameters(nprobe=index.effort)
            factor = max(1, int(index.options["candidates"]))
            params = library.IndexRefineSearchParameters(k_factor=factor, base_index_params=lists)
        else:
            params = library.SearchParametersIVF(nprobe=index.effort)

    def search(queries: NDArray[np.float32]) -> NDArray[np.int64]:
        rows: NDArray[np.int64] = structure.search(queries, k, params=params)[1]
        return rows

    return search


def exact_search(vectors: NDArray[np.float32], k: int) -> Arm:
    """Bare FAISS through all ``vectors``, as ``IndexFlatIP`` does, without a copy of them."""
    library = faiss()

    def search(queries: NDArray[np.float32]) -> NDArray[np.int64]:
        rows: NDArray[np.int64] = library.knn(queries, vectors, k, metric=library.METRIC_INNER_PRODUCT)[1]
        return rows

    return search


def bare_bytes(index: Index) -> dict[str, int]:
    """What the parts of an index take, in bytes, counted from the sizes of FAISS's own arrays and of ours.

    Empty for an index that is none of ours.
    """
    if not isinstance(index, FlatIndex):
        return {}
    rows = index._rows
    parts = {"ids": index._known.nbytes + rows.by_row.nbytes + rows.alive.nbytes}
    parts["vectors"] = 4 * index.dimension * int(index._flat.ntotal)
    if isinstance(index, AnnIndex) and index.trained:
        if isinstance(index, HnswIndex):
            parts["vectors"] += 4 * index.dimension * int(index._ann.ntotal)
            graph = index._ann.hnsw
            parts["graph"] = sum(
                array.size() * width
                for array, width in ((graph.neighbors, 4), (graph.offsets, 8), (graph.levels, 4))
            )
        elif isinstance(index, IvfIndex):
            parts.update(_lists(index._inverted))
            if isinstance(index, IvfPqIndex):
                parts["finer codes"] = index._fine.code_size * int(index._fine.ntotal)
    return {name: size for name, size in parts.items() if size}


def _lists(inverted: Any) -> dict[str, int]:
    stored = int(inverted.ntotal)
    parts = {
        "codes in lists": inverted.code_size * stored,
        "rows in lists": 8 * stored,
        "centroids": 4 * inverted.d * inverted.nlist,
    }
    if hasattr(inverted, "pq"):
        parts["codebooks"] = 4 * inverted.pq.centroids.size()
    return parts
