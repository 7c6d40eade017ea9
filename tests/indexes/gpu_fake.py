"""A FAISS with cards, of which each has the manners of a real one.

Copies are real FAISS indexes on the CPU behind the limits of FAISS's GPU indexes, read from its source
(v1.15): one thread for each GpuResources, 2048 neighbours and lists, no removal, selectors that the kernels
of inverted lists ignore, the kinds and code sizes that have kernels, a graph of centroids only where the CPU
may keep it, and memory that ends with FAISS's own words.
"""

from __future__ import annotations

import threading
import types
import weakref
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

import faiss as real
import numpy as np
from numpy.typing import NDArray

faiss: Any = real

_MOST = 2048
_CODES = {1, 2, 3, 4, 8, 12, 16, 20, 24, 28, 32, 40, 48, 56, 64, 96}
_SHARED = 48 << 10


class Resources:
    """StandardGpuResources: memory, and the one thread that may use it."""

    def __init__(self, library: FakeFaiss) -> None:
        self.library = library
        self.temporary = 1536 << 20
        self.used: dict[int, dict[str, tuple[int, int]]] = {}
        self.thread: int | None = None
        self.busy = threading.Lock()
        library.resources.add(self)

    def setPinnedMemory(self, size: int) -> None:  # noqa: N802 - FAISS's name
        assert not self.used, "setPinnedMemory after a card was initialised"
        assert size > 0

    def setTempMemory(self, size: int) -> None:  # noqa: N802
        self.temporary = min(size, 1536 << 20)

    def getMemoryInfo(self) -> dict[int, dict[str, tuple[int, int]]]:  # noqa: N802
        return {card: dict(kinds) for card, kinds in self.used.items()}

    @contextmanager
    def use(self, card: int) -> Any:
        assert card < self.library.cards, f"Invalid GPU device {card}"
        me = threading.get_ident()
        self.thread = self.thread or me
        assert self.thread == me, "a second thread uses the same GpuResources"
        assert self.busy.acquire(blocking=False), "two calls at once"
        try:
            if card not in self.used:
                self.used[card] = {}
                self.allocate(card, "TemporaryMemoryBuffer", self.temporary)
            yield
        finally:
            self.busy.release()

    def allocate(self, card: int, kind: str, size: int) -> None:
        count, before = self.used[card].get(kind, (0, 0))
        if self.library.taken(card) - before + size > self.library.memory:
            raise RuntimeError(
                "Error in virtual void* faiss::gpu::StandardGpuResourcesImpl::allocMemory(const AllocRequest"
                "&) at StandardGpuResources.cpp:450: Error: 'err == cudaSuccess' failed: "
                "StandardGpuResources: "
                f"alloc fail type {kind} dev {card} space Device size {size} bytes "
                "(cudaMalloc error out of memory [2])\n"
            )
        self.used[card][kind] = (count + 1, size)


class Options:
    """GpuClonerOptions."""

    def __init__(self) -> None:
        self.indicesOptions = faiss.__dict__.get("INDICES_64_BIT", 2)
        self.use_cuvs = True
        self.useFloat16 = False
        self.allowCpuCoarseQuantizer = False


class Config:
    """GpuIndexFlatConfig."""

    def __init__(self) -> None:
        self.device = 0


class Copy:
    """An index on a card."""

    def __init__(self, resources: Resources, card: int, index: Any) -> None:
        self._resources, self._card, self._index = resources, card, index
        self.d = index.d
        self._kind = f"copy {id(self)}"
        with resources.use(card):
            resources.allocate(card, self._kind, self._bytes(index.ntotal))

    def __del__(self) -> None:
        for kinds in self._resources.used.values():
            kinds.pop(self._kind, None)

    def _bytes(self, count: int) -> int:
        lists = getattr(self._index, "nlist", 0)
        return int(count * (self._index.code_size + (8 if lists else 0)) + 4 * lists * self.d)

    @property
    def ntotal(self) -> int:
        return int(self._index.ntotal)

    def search(
        self, x: NDArray[np.float32], k: int, *, params: Any = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        library = self._resources.library
        with self._resources.use(self._card):
            library.searches.append((len(x), k))
            if not 0 < k <= _MOST:
                raise RuntimeError(
                    f"GPU index only supports min/max-K selection up to {_MOST} (requested {k})"
                )
            if isinstance(params, faiss.SearchParametersIVF):
                assert params.max_codes == 0
                if not 0 < params.nprobe <= _MOST:
                    raise RuntimeError(f"GPU IVF index only supports nprobe selection up to {_MOST}")
                params = faiss.SearchParametersIVF(nprobe=params.nprobe)  # a selector is ignored
            elif hasattr(self._index, "nlist") and params is not None:
                raise RuntimeError(
                    "GPU IVF index: passed unhandled SearchParameters class to search function"
                )
            library.wait()
            library.fail_if_told("search")
            found: tuple[NDArray[np.float32], NDArray[np.int64]] = self._index.search(x, k, params=params)
            return found

    def add(self, x: NDArray[np.float32]) -> None:
        with self._resources.use(self._card):
            self._resources.library.fail_if_told("add")
            self._resources.allocate(self._card, self._kind, self._bytes(self._index.ntotal + len(x)))
            self._index.add(x)

    def add_with_ids(self, x: NDArray[np.float32], ids: NDArray[np.int64]) -> None:
        if not hasattr(self._index, "nlist"):
            raise RuntimeError("add_with_ids not supported")
        with self._resources.use(self._card):
            self._resources.library.fail_if_told("add")
            self._resources.allocate(self._card, self._kind, self._bytes(self._index.ntotal + len(x)))
            self._index.add_with_ids(x, ids)

    def remove_ids(self, selector: Any) -> int:
        raise RuntimeError("remove_ids not implemented for this type of index")


class FakeFaiss(types.ModuleType):
    """The module ``faiss`` with ``cards`` of ``memory`` bytes each."""

    INDICES_64_BIT = 2

    def __init__(self, cards: int = 1, memory: int = 4 << 30) -> None:
        super().__init__("faiss")
        self.cards, self.memory = cards, memory
        self.resources: weakref.WeakSet[Resources] = weakref.WeakSet()
        self.searches: list[tuple[int, int]] = []
        self.clones = 0
        self.failing: dict[str, Exception] = {}
        self.wait: Callable[[], None] = lambda: None

    def __getattr__(self, name: str) -> Any:
        return getattr(faiss, name)

    def taken(self, card: int) -> int:
        return sum(size for each in self.resources for _, size in each.used.get(card, {}).values())

    def fail_if_told(self, what: str) -> None:
        if what in self.failing:
            told = self.failing[what]
            raise type(told)(*told.args)  # a new one: the old one's traceback would keep the index alive

    def get_num_gpus(self) -> int:
        return self.cards

    def StandardGpuResources(self) -> Resources:  # noqa: N802
        return Resources(self)

    def GpuClonerOptions(self) -> Options:  # noqa: N802
        return Options()

    def GpuIndexFlatConfig(self) -> Config:  # noqa: N802
        return Config()

    def GpuIndexFlatIP(self, resources: Resources, d: int, config: Config) -> Any:  # noqa: N802
        """For k-means, whose C++ needs a real index: the CPU's, after the checks."""
        with resources.use(config.device):
            self.fail_if_told("k-means")
        self.clones += 1
        return faiss.IndexFlatIP(d)

    def index_cpu_to_gpu(self, resources: Resources, card: int, index: Any, options: Options) -> Copy:
        index = faiss.downcast_index(index)
        self.fail_if_told("clone")
        self.clones += 1
        if isinstance(index, (faiss.IndexIVFFlat, faiss.IndexIVFScalarQuantizer, faiss.IndexIVFPQ)):
            assert 0 < index.nprobe <= _MOST
            centroids = faiss.downcast_index(index.quantizer)
            if not isinstance(centroids, faiss.IndexFlat) and not options.allowCpuCoarseQuantizer:
                raise RuntimeError(
                    "This index type is not implemented on GPU and allowCpuCoarseQuantizer is false"
                )
            if isinstance(index, faiss.IndexIVFPQ):
                _check_codes(index, options)
        elif not isinstance(index, faiss.IndexFlat) or options.useFloat16:
            raise RuntimeError("This index type is not implemented on GPU.")
        return Copy(resources, card, faiss.clone_index(index))


def _check_codes(index: Any, options: Options) -> None:
    if index.pq.M not in _CODES or index.pq.nbits != 8 or not index.by_residual:
        raise RuntimeError(
            f"Number of bytes per encoded vector / sub-quantizers ({index.pq.M}) is not supported"
        )
    if index.pq.M * 256 * (2 if options.useFloat16 else 4) > _SHARED:
        raise RuntimeError("Consider useFloat16LookupTables and/or reduce parameters")
