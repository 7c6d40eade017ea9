"""A navigable graph: fast, accurate, all vectors in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .ann import AnnIndex
from .options import AnnOptions

__all__ = ["HnswIndex", "HnswOptions"]


@dataclass(frozen=True, slots=True)
class HnswOptions(AnnOptions):
    """neighbours: edges of a vector (M; twice as many on the lowest level); build_effort: candidates looked
    at for each vector added (efConstruction)."""

    neighbours: int = 16
    build_effort: int = 100


class HnswIndex(AnnIndex):
    """HNSW (Malkov & Yashunin, 2016, arXiv:1603.09320) over float32 vectors, by FAISS (``IndexHNSWFlat``).

    Search: about O(log count) a query, ``effort`` is efSearch. ``add``: about O(log count) a vector, much
    more than for lists. Memory: 4 x dimension + 8 x neighbours + some 40 bytes a vector.
    """

    kind = "hnsw"
    options_class: ClassVar[type[AnnOptions]] = HnswOptions
    _options: HnswOptions

    @property
    def _default_effort(self) -> int:
        return 64

    @property
    def _train_at(self) -> int:
        return 5_000  # below, comparing all is as fast

    def _make(
        self,
        sample: NDArray[np.float32],  # noqa: ARG002 - a graph learns nothing from it
        count: int,  # noqa: ARG002
        centroids: NDArray[np.float32] | None,  # noqa: ARG002
    ) -> Any:
        metric = self._faiss.METRIC_INNER_PRODUCT
        made = self._faiss.IndexHNSWFlat(self._dimension, max(2, self._options.neighbours), metric)
        made.hnsw.efConstruction = max(1, self._options.build_effort)
        return made

    def _append(self, vectors: NDArray[np.float32], first: int) -> None:  # noqa: ARG002 - rows are counted on
        self._ann.add(vectors)

    def _find(
        self, queries: NDArray[np.float32], k: int, selector: Any, effort: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        params = self._faiss.SearchParametersHNSW(efSearch=max(effort, k), sel=selector)
        scores, rows = self._ann.search(queries, k, params=params)
        return rows, scores

    def _exhaustive(
        self, queries: NDArray[np.float32], k: int, selector: Any
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        params = None if selector is None else self._faiss.SearchParameters(sel=selector)
        scores, rows = self._faiss.downcast_index(self._ann.storage).search(queries, k, params=params)
        return rows, scores

    def _efforts(self) -> Sequence[int]:
        return [16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048]

    def _stored_rows(self) -> int:
        return int(self._ann.ntotal)
