"""A copy of a FAISS structure on a card; only its owner thread may call it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import TersusError
from .faiss_lib import faiss
from .found import Found

__all__ = ["MOST", "Card", "GpuMemoryShort", "gpu_resources"]

MOST = 2048
"""Neighbours and lists that FAISS's kernels select at most (GPU_MAX_SELECTION_K)."""

_MIB = 1 << 20
_TEMPORARY = 512 * _MIB  # scratch memory, reserved once; less where the memory is bounded
_PINNED = 32 * _MIB  # of the machine's memory, for copies; FAISS takes 256 by default
_MOST_QUERIES = 4096
_BLOCK = 32  # a list's codes lie in blocks of so many vectors
_FLOAT32_CODES = 48  # bytes of a product code up to which its tables fit a block's shared memory as float32


class GpuMemoryShort(TersusError):
    """The copy would take more of the card's memory than it may."""

    code = "gpu_memory_short"


def gpu_resources(temporary: int = _TEMPORARY) -> Any:
    """FAISS's resources with ``temporary`` bytes of scratch memory; for one thread alone."""
    made = faiss().StandardGpuResources()
    made.setPinnedMemory(_PINNED)  # first: not allowed once a card is in use
    made.setTempMemory(temporary)
    return made


class Card:
    """A copy of a structure on card ``number``, in at most ``memory_mb`` MiB of it; 0: any."""

    def __init__(self, number: int, memory_mb: int) -> None:
        self._faiss = faiss()
        self._number = number
        self._limit = memory_mb * _MIB
        self._temporary = min(_TEMPORARY, self._limit // 4) if self._limit else _TEMPORARY
        self._resources: Any = None
        self._copy: Any = None
        self._inverted = False
        self._query_bytes = 0
        self._vector_bytes = 0

    def load(self, structure: Any) -> None:
        """Copy the CPU's structure, in the place of what was there.

        Raises:
            GpuMemoryShort: it may not take that much memory.
            RuntimeError: FAISS refuses, for instance because the card's memory is full.
        """
        self._copy = None
        inverted = hasattr(structure, "nlist")
        self._check(self.needed(structure, int(structure.ntotal)))
        if self._resources is None:
            self._resources = gpu_resources(self._temporary)
        options = self._faiss.GpuClonerOptions()
        options.indicesOptions = self._faiss.INDICES_64_BIT
        if hasattr(options, "use_cuvs"):
            # The classic kernels compute what the CPU computes; cuVS has codes and limits of its own.
            options.use_cuvs = False
        if hasattr(structure, "pq"):
            options.useFloat16 = structure.pq.M > _FLOAT32_CODES
        source = _with_flat_centroids(self._faiss, structure) if inverted else structure
        copy = self._faiss.index_cpu_to_gpu(self._resources, self._number, source, options)
        self._inverted, self._query_bytes = inverted, 4 * structure.d
        self._vector_bytes = _vector_bytes(structure)
        self._copy = copy
        try:
            self._check(self.bytes)
        except GpuMemoryShort:
            self._copy = None
            raise

    def add(self, vectors: NDArray[np.float32], first: int) -> None:
        """Add what was added to the structure, as rows ``first`` and on; raises as :meth:`load`."""
        self._check(self.bytes + len(vectors) * self._vector_bytes)
        if self._inverted:
            self._copy.add_with_ids(vectors, np.arange(first, first + len(vectors)))
        else:
            self._copy.add(vectors)

    def search(self, queries: NDArray[np.float32], k: int, probes: int) -> Found:
        """The best ``k`` of each query, from ``probes`` lists, where there are lists.

        There are no selectors here: of the kernels some ignore them without a word.
        """
        params = self._faiss.SearchParametersIVF(nprobe=probes) if self._inverted else None
        scores, rows = self._copy.search(np.ascontiguousarray(queries), k, params=params)
        return rows, scores

    def most(self, k: int, probes: int) -> int:
        """Queries at a time whose intermediate results fit half the scratch memory."""
        lists = probes if self._inverted else 0
        each = self._query_bytes * (1 + lists) + 12 * (k + lists)  # a residual for each list of each query
        return max(1, min(_MOST_QUERIES, self._temporary // 2 // max(1, each)))

    def needed(self, structure: Any, rows: int) -> int:
        """About the bytes that a copy with so many rows takes, scratch memory included."""
        lists = int(getattr(structure, "nlist", 0))
        vectors = (rows + _BLOCK * lists) * _vector_bytes(structure)
        return self._temporary + vectors + 4 * lists * int(structure.d)

    @property
    def bytes(self) -> int:
        """Of the card's memory, by FAISS's own account."""
        if self._resources is None:
            return 0
        kinds = dict(self._resources.getMemoryInfo()).get(self._number, {})
        return sum(int(size) for _, size in dict(kinds).values())

    def drop(self) -> None:
        """Give back the copy."""
        self._copy = None

    def release(self) -> None:
        """Give back the copy and the scratch memory."""
        self._copy = None
        self._resources = None

    def _check(self, wanted: int) -> None:
        if self._limit and wanted > self._limit:
            raise GpuMemoryShort(
                f"the copy takes {-(-wanted // _MIB)} MiB of the card, {self._limit // _MIB} are allowed",
                hint="set gpu_memory_mb higher, or choose a kind with smaller codes",
            )


def _vector_bytes(structure: Any) -> int:
    """Bytes of a vector in the copy: its code, and its row where there are lists."""
    return int(structure.code_size) + (8 if hasattr(structure, "nlist") else 0)


def _with_flat_centroids(library: Any, structure: Any) -> Any:
    """The structure, or one over the same lists whose centroids are compared one by one.

    A graph over the centroids has no GPU form, and a card needs none.
    """
    graph = library.downcast_index(structure.quantizer)
    if isinstance(graph, library.IndexFlat):
        return structure
    flat = library.IndexFlatIP(structure.d)
    flat.add(graph.reconstruct_n(0, structure.nlist))
    d, lists, metric = structure.d, structure.nlist, structure.metric_type
    if isinstance(structure, library.IndexIVFPQ):
        made = library.IndexIVFPQ(flat, d, lists, structure.pq.M, structure.pq.nbits, metric)
        made.pq = structure.pq
    elif isinstance(structure, library.IndexIVFScalarQuantizer):
        made = library.IndexIVFScalarQuantizer(flat, d, lists, structure.sq.qtype, metric)
        made.sq = structure.sq
    else:
        made = library.IndexIVFFlat(flat, d, lists, metric)
    made.by_residual, made.is_trained, made.ntotal = structure.by_residual, True, structure.ntotal
    made.replace_invlists(structure.invlists, False)  # borrowed: the structure outlives the copying
    return made
