"""Inverted lists: vectors lie with their nearest centroid, and a search looks through a few lists."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInput
from .ann import AnnIndex
from .found import Found
from .kmeans import suggest_k, train_centroids
from .options import AnnOptions

if TYPE_CHECKING:
    from .gpu import GpuSearch

__all__ = ["IvfIndex", "IvfOptions"]

_LEAST = 39  # rows a centroid that FAISS wants at least
_GRAPH_FROM = 16_384  # lists from which a graph finds the nearest centroids faster than comparing them


@dataclass(frozen=True, slots=True)
class IvfOptions(AnnOptions):
    """lists: how many; 0: by the number of vectors."""

    lists: int = 0


class IvfIndex(AnnIndex):
    """k-means centroids, each with a list of codes; ``effort`` is nprobe, the lists that a search looks at.

    The centroids are the clustering of the vectors: those of a collection's own clustering where they are
    given to :meth:`prepare`. A subclass writes ``_structure``.
    """

    clustered: ClassVar[bool] = True
    options_class: ClassVar[type[AnnOptions]] = IvfOptions
    _options: IvfOptions

    @property
    def centroids(self) -> NDArray[np.float32] | None:
        """Float32 ``[lists, dimension]``, a copy; None while the index is exact."""
        with self._lock.read():
            if self._ann is None:
                return None
            found: NDArray[np.float32] = self._inverted.quantizer.reconstruct_n(0, self._inverted.nlist)
            return found

    @property
    def _inverted(self) -> Any:
        """The FAISS index with the lists."""
        return self._ann

    def _copied(self) -> Any:
        return self._inverted

    def _find_on_gpu(
        self, gpu: GpuSearch, queries: NDArray[np.float32], k: int, selector: Any, effort: int
    ) -> Found:
        return super()._find_on_gpu(gpu, queries, k, selector, min(effort, self._inverted.nlist))

    @property
    def _default_effort(self) -> int:
        return 16

    @property
    def _train_at(self) -> int:
        return 20_000

    def _make(self, sample: NDArray[np.float32], count: int, centroids: NDArray[np.float32] | None) -> Any:
        if centroids is None:
            lists = min(self._options.lists or suggest_k(count), max(1, len(sample) // _LEAST))
            if not len(sample):
                raise InvalidInput("the sample is empty", hint="give vectors to learn the lists from")
            centroids = train_centroids(sample, lists, device=self.device)
        quantizer = self._faiss.IndexFlatIP(self._dimension)
        if len(centroids) >= _GRAPH_FROM:
            quantizer = self._faiss.IndexHNSWFlat(self._dimension, 32, self._faiss.METRIC_INNER_PRODUCT)
        quantizer.add(np.ascontiguousarray(centroids))
        made = self._structure(quantizer, len(centroids))
        made.train(sample)  # of the lists nothing is left to learn, of codes perhaps
        return made

    @abstractmethod
    def _structure(self, quantizer: Any, lists: int) -> Any:
        """The FAISS index over this quantizer, untrained."""

    def _append(self, vectors: NDArray[np.float32], first: int) -> None:
        self._inverted.add_with_ids(vectors, np.arange(first, first + len(vectors)))

    def _undo(self, first: int) -> None:
        rows = self._faiss.IDSelectorRange(first, np.iinfo(np.int64).max)
        self._inverted.remove_ids(rows)
        self._inverted.ntotal = first  # where it failed, FAISS had not counted all that it had taken

    def _find(
        self, queries: NDArray[np.float32], k: int, selector: Any, effort: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        params = self._params(min(effort, self._inverted.nlist), selector)
        scores, rows = self._ann.search(queries, k, params=params)
        return rows, scores

    def _params(self, probes: int, selector: Any) -> Any:
        return self._faiss.SearchParametersIVF(nprobe=probes, sel=selector)

    def _exhaustive(
        self, queries: NDArray[np.float32], k: int, selector: Any
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        return self._find(queries, k, selector, self._inverted.nlist)

    def _efforts(self) -> Sequence[int]:
        lists = int(self._inverted.nlist)
        steps = [round(2 ** (i / 2)) for i in range(2 * lists.bit_length())]
        return [*sorted({step for step in steps if step < lists}), lists]

    def _stored_rows(self) -> int:
        return int(self._inverted.ntotal)
