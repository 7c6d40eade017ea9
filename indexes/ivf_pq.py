"""Inverted lists of product codes, the best of which are compared again by finer codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInput
from .base import InvalidDump
from .found import Found, nothing_found
from .ivf import IvfIndex, IvfOptions
from .options import AnnOptions

if TYPE_CHECKING:
    from .gpu import GpuSearch

__all__ = ["IvfPqIndex", "IvfPqOptions"]

_LEAST = 256  # vectors that codebooks of 256 entries are learned from, at least


@dataclass(frozen=True, slots=True)
class IvfPqOptions(IvfOptions):
    """code_bytes: of a product code, a divisor of the dimension; 0: about a byte for eight components.
    refine_bits: of each component's finer code, 4, 6 or 8. candidates: for each neighbour asked for, how
    many are compared again."""

    code_bytes: int = 0
    refine_bits: int = 6
    candidates: int = 40


class IvfPqIndex(IvfIndex):
    """Product quantisation (Jégou et al., 2011) with refinement, by FAISS (``IndexIVFPQ``, ``IndexRefine``).

    Memory: code_bytes + dimension x refine_bits / 8 + 26 bytes a vector (384 dimensions: 362).
    """

    kind = "ivf-pq"
    options_class: ClassVar[type[AnnOptions]] = IvfPqOptions
    score_error: ClassVar[float] = 0.05
    _options: IvfPqOptions

    def _make(self, sample: NDArray[np.float32], count: int, centroids: NDArray[np.float32] | None) -> Any:
        if len(sample) < _LEAST:
            raise InvalidInput(f"a sample of {len(sample)} is too small", hint=f"give {_LEAST} vectors")
        lists = super()._make(sample, count, centroids)
        codes = self._faiss.ScalarQuantizer
        kinds = {4: codes.QT_4bit, 6: codes.QT_6bit, 8: codes.QT_8bit}
        if self._options.refine_bits not in kinds:
            raise InvalidInput(f"refine_bits is {self._options.refine_bits}", hint="give 4, 6 or 8")
        metric = self._faiss.METRIC_INNER_PRODUCT
        fine = self._faiss.IndexScalarQuantizer(self._dimension, kinds[self._options.refine_bits], metric)
        fine.train(sample)
        return self._joined(lists, fine)

    def _structure(self, quantizer: Any, lists: int) -> Any:
        metric = self._faiss.METRIC_INNER_PRODUCT
        made = self._faiss.IndexIVFPQ(quantizer, self._dimension, lists, self._code_bytes(), 8, metric)
        made.pq.cp.min_points_per_centroid = 1  # a small collection is no reason to write to stderr
        return made

    def _code_bytes(self) -> int:
        asked = self._options.code_bytes
        if asked and self._dimension % asked:
            raise InvalidInput(
                f"code_bytes is {asked}", hint=f"give a divisor of the dimension, {self._dimension}"
            )
        least = max(1, self._dimension // 8)
        return asked or next(n for n in range(least, self._dimension + 1) if self._dimension % n == 0)

    def _joined(self, lists: Any, fine: Any) -> Any:
        """Both as one search; FAISS itself keeps neither alive."""
        self._lists, self._fine = lists, fine
        return self._faiss.IndexRefine(lists, fine)

    @property
    def _inverted(self) -> Any:
        return self._lists

    def _append(self, vectors: NDArray[np.float32], first: int) -> None:
        self._fine.add(vectors)  # first: a row in the lists must have its finer code
        super()._append(vectors, first)
        self._ann.ntotal = self._lists.ntotal

    def _undo(self, first: int) -> None:
        super()._undo(first)
        self._fine.remove_ids(self._faiss.IDSelectorRange(first, int(self._fine.ntotal)))
        self._ann.ntotal = first

    def _params(self, probes: int, selector: Any) -> Any:
        inner = self._faiss.IVFPQSearchParameters(nprobe=probes, sel=selector)
        return self._faiss.IndexRefineSearchParameters(
            k_factor=max(1, self._options.candidates), base_index_params=inner
        )

    def _exhaustive(
        self, queries: NDArray[np.float32], k: int, selector: Any
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        params = self._faiss.SearchParameters(sel=selector) if selector is not None else None
        scores, rows = self._fine.search(queries, k, params=params)
        return rows, scores

    def _find_on_gpu(
        self, gpu: GpuSearch, queries: NDArray[np.float32], k: int, selector: Any, effort: int
    ) -> Found:
        """Lists and product codes on the card, the finer codes here."""
        return gpu.refined(
            queries,
            k,
            k * max(1, self._options.candidates),
            min(effort, self._lists.nlist),
            lambda some: self._find(some, k, selector, effort),
            lambda some, rows, _: self._compared_again(some, k, rows),
        )

    def _compared_again(self, queries: NDArray[np.float32], k: int, rows: NDArray[np.int64]) -> Found:
        """The best ``k`` of the candidates ``rows`` [n, m], -1 for none, by their finer codes."""
        out = nothing_found(len(queries), k)
        for number, (query, some) in enumerate(zip(queries, rows, strict=True)):
            found = some[some >= 0]
            if found.size:
                scores = self._fine.reconstruct_batch(found) @ query
                best = np.argsort(-scores, kind="stable")[:k]
                out[0][number, : len(best)], out[1][number, : len(best)] = found[best], scores[best]
        return out

    def _trim(self) -> None:
        clone = self._faiss.clone_index
        self._ann = self._joined(clone(self._lists), clone(self._fine))

    def _structures(self) -> list[NDArray[np.uint8]]:
        return [self._faiss.serialize_index(self._lists), self._faiss.serialize_index(self._fine)]

    def _restore_structures(self, parts: list[NDArray[np.uint8]]) -> None:
        if len(parts) != 2:
            raise InvalidDump(f"the dump has {len(parts)} structures instead of 2")
        lists, fine = (self._checked(self._faiss.deserialize_index(part)) for part in parts)
        if lists.ntotal != fine.ntotal:
            raise InvalidDump(f"{lists.ntotal} codes in lists, {fine.ntotal} finer ones")
        self._ann = self._joined(lists, fine)
