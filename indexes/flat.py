"""Exact search: every query is compared with every vector."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .base import InvalidDump
from .faiss_lib import faiss
from .found import Found
from .gpu_index import GpuIndex
from .rows import Rows

__all__ = ["FlatIndex"]

_SPARE = 8  # neighbours fetched beyond k, so that the k-th is rarely in doubt
_CELLS = 1 << 23  # numbers scored in float64 at a time: bounds the copy
_FEW = 0.1  # of all rows: so many allowed ones are gathered first instead of tested one by one


class FlatIndex(GpuIndex):
    """Exact cosine over float32 vectors, by FAISS (``IndexFlatIP``).

    Search: O(count x dimension) a query. ``add``: O(count + added x dimension), amortised.
    ``remove``: O(count + removed x dimension), the last rows move into the gaps. Memory: 4 x dimension
    bytes a vector and 17 to 33 for ids (384 dimensions: 1.6 kB). ``dump`` and loading need the vectors'
    memory once more while they run.

    Scores are the float64 inner products of the stored float32 rows, rounded to float32. So a
    pair's score does not depend on what else is asked or stored, equal vectors get equal scores,
    and ties at the k-th place also go to the lowest ids. FAISS alone gives neither.

    Raises:
        NotInstalled: FAISS is missing.
    """

    kind = "flat"

    def __init__(self, dimension: int, *, device: str = "cpu", gpu_memory_mb: int = 0) -> None:
        super().__init__(dimension, device=device, gpu_memory_mb=gpu_memory_mb)
        self._faiss = faiss()
        self._flat = self._faiss.IndexFlatIP(self._dimension)
        self._rows = Rows()
        # Two float32 inner products of unit vectors, each off by at most dimension x 2**-24
        # (Higham, Accuracy and Stability of Numerical Algorithms, 2002, section 3.1), compared
        # with each other; doubled for second-order terms and rows not exactly of length 1.
        self._doubt = 4 * self._dimension * 2.0**-24

    def _stored(self) -> NDArray[np.float32]:
        """FAISS's own memory, float32 ``[count, dimension]``; valid until the next change."""
        count = int(self._flat.ntotal)
        if not count:
            return np.empty((0, self._dimension), dtype=np.float32)
        flat: NDArray[np.float32] = self._faiss.rev_swig_ptr(self._flat.get_xb(), count * self._dimension)
        return flat.reshape(count, self._dimension)

    def _add(self, ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        rows = self._rows.added(ids)
        self._flat.add(vectors)
        self._rows = rows
        if self._gpu is not None:
            self._gpu.added(ids, vectors)

    def gpu_source(self) -> Any:
        """As ``GpuIndex`` says."""
        return self._flat

    def gpu_rows(self) -> Rows:
        """As ``GpuIndex`` says."""
        return self._rows

    def _remove(self, ids: NDArray[np.int64]) -> None:
        gone = np.sort(self._rows.of(ids))
        total = int(self._flat.ntotal)
        keep = total - gone.size
        holes = gone[gone < keep]
        movers = np.setdiff1d(np.arange(keep, total), gone, assume_unique=True)
        stored = self._stored()
        stored[holes] = stored[movers]
        self._rows = self._rows.moved(holes, movers, keep)
        self._flat.remove_ids(self._faiss.IDSelectorRange(keep, total))
        if self._gpu is not None:
            self._gpu.removed(ids)

    def _search(
        self, queries: NDArray[np.float32], k: int, allowed: NDArray[np.int64] | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        total = int(self._flat.ntotal)
        if allowed is None or allowed.size > _FEW * total:
            bitmap = None if allowed is None else self._rows.bitmap_of(allowed)
            return self._search_in(self._flat, queries, k, bitmap, total if allowed is None else allowed.size)
        rows = self._rows.of(allowed)
        few = self._faiss.IndexFlatIP(self._dimension)
        few.add(self._stored()[rows])
        return self._search_in(few, queries, k, None, allowed.size, rows)

    def _search_in(
        self,
        index: Any,
        queries: NDArray[np.float32],
        k: int,
        bitmap: NDArray[np.uint8] | None,
        most: int,
        rows: NDArray[np.int64] | None = None,
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Search the FAISS ``index``, whose row ``i`` is our row ``rows[i]``; ``most`` of them count."""
        selector = None if bitmap is None else self._faiss.IDSelectorBitmap(bitmap)
        params = None if selector is None else self._faiss.SearchParameters(sel=selector)
        out_ids = np.empty((len(queries), k), dtype=np.int64)
        out_scores = np.empty((len(queries), k), dtype=np.float32)
        asked, fetch = np.arange(len(queries)), min(k + _SPARE, most)
        while asked.size:
            found, scores = self._fetched(index, queries[asked], fetch, params)
            # What FAISS left out may belong to the best k while its last score is that close to the k-th.
            settled = scores[:, k - 1] - scores[:, -1] > self._doubt
            if fetch == most:
                settled[:] = True
            done = found[settled] if rows is None else rows[found[settled]]
            out_ids[asked[settled]], out_scores[asked[settled]] = self._best(queries[asked[settled]], done, k)
            asked, fetch = asked[~settled], min(fetch * 4, most)
        return out_ids, out_scores

    def _fetched(self, index: Any, queries: NDArray[np.float32], fetch: int, params: Any) -> Found:
        """Rows and scores of the best by FAISS; both sides' scores are off by less than ``_doubt``."""

        def on_cpu(some: NDArray[np.float32]) -> Found:
            scores, rows = index.search(some, fetch, params=params)
            return rows, scores

        if self._gpu is None or params is not None or index is not self._flat:
            return on_cpu(queries)
        return self._gpu.find(queries, fetch, 1, on_cpu)

    def _best(
        self, queries: NDArray[np.float32], rows: NDArray[np.int64], k: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The best ``k`` of the ``rows`` [n, fetched] found for each query, by float64 scores."""
        stored, ids = self._stored(), self._rows.by_row[rows]
        scores = np.empty(rows.shape, dtype=np.float32)
        wide = max(1, _CELLS // self._dimension)
        step = max(1, wide // max(1, rows.shape[1]))
        for first in range(0, len(queries), step):
            asked = slice(first, first + step)
            exact = queries[asked].astype(np.float64)
            for start in range(0, rows.shape[1], wide):
                some = slice(start, start + wide)
                near = stored[rows[asked, some]].astype(np.float64)
                # einsum sums each row in the same way; a matrix product may not, and equal rows must tie.
                scores[asked, some] = np.einsum("qij,qj->qi", near, exact)
        order = np.lexsort((ids, -scores), axis=1)[:, :k]
        return np.take_along_axis(ids, order, axis=1), np.take_along_axis(scores, order, axis=1)

    def _to_bytes(self) -> memoryview:
        # Ids, then rows, little-endian: plain enough to outlive FAISS's own format, and safe to read.
        count = int(self._flat.ntotal)
        buffer = np.empty(count * (8 + 4 * self._dimension), dtype=np.uint8)
        buffer[: 8 * count].view("<i8")[:] = self._rows.by_row
        buffer[8 * count :].view("<f4").reshape(count, self._dimension)[:] = self._stored()
        return buffer.data

    def _from_bytes(self, payload: memoryview) -> NDArray[np.int64]:
        count, rest = divmod(payload.nbytes, 8 + 4 * self._dimension)
        if rest:
            raise InvalidDump(f"{payload.nbytes} bytes hold no whole number of {self._dimension}-vectors")
        ids = np.frombuffer(payload, "<i8", count).astype(np.int64)
        rows = np.frombuffer(payload, "<f4", count * self._dimension, offset=8 * count)
        rows = np.require(rows.reshape(count, self._dimension), np.float32, ["C", "A"])
        if not np.isfinite(rows).all():
            raise InvalidDump("the dump holds NaN or infinity")
        if count:
            self._add(ids, rows)
        return ids
