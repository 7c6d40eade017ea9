"""Exact search: every query is compared with every vector."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import NotInstalled
from .base import Index, InvalidDump

__all__ = ["FlatIndex"]

_SPARE = 8  # neighbours fetched beyond k, so that the k-th is rarely in doubt
_BLOCK = 4_096  # rows scored at a time: bounds the float64 copy


def _faiss() -> Any:
    try:
        import faiss
    except ImportError as error:
        raise NotInstalled(f"FAISS cannot be imported: {error}", hint="pip install faiss-cpu") from error
    return faiss


class FlatIndex(Index):
    """Exact cosine over float32 vectors, by FAISS (``IndexIDMap2`` over ``IndexFlatIP``).

    Search: O(count x dimension) a query. ``add``: O(count + added x dimension), amortised.
    ``remove``: O(count x dimension), the rest is moved together. Memory: 4 x dimension bytes a
    vector, about 60 for FAISS's two id maps and 8 for the sorted ids (384 dimensions: 1.6 kB).
    ``dump`` and loading need the vectors' memory once more while they run.

    Scores are the float64 inner products of the stored float32 rows, rounded to float32. So a
    pair's score does not depend on what else is asked or stored, equal vectors get equal scores,
    and ties at the k-th place also go to the lowest ids. FAISS alone gives neither.

    Raises:
        NotInstalled: FAISS is missing.
    """

    kind = "flat"

    def __init__(self, dimension: int) -> None:
        super().__init__(dimension)
        self._faiss = _faiss()
        self._flat = self._faiss.IndexFlatIP(self._dimension)
        self._index = self._faiss.IndexIDMap2(self._flat)
        # Two float32 inner products of unit vectors, each off by at most dimension x 2**-24
        # (Higham, Accuracy and Stability of Numerical Algorithms, 2002, section 3.1), compared
        # with each other; doubled for second-order terms and rows not exactly of length 1.
        self._doubt = 4 * self._dimension * 2.0**-24

    def _add(self, ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        self._index.add_with_ids(vectors, ids)

    def _remove(self, ids: NDArray[np.int64]) -> None:
        self._index.remove_ids(ids)

    def _search(
        self, queries: NDArray[np.float32], k: int, allowed: NDArray[np.int64] | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        params = None
        if allowed is not None:
            params = self._faiss.SearchParameters(sel=self._faiss.IDSelectorBatch(allowed))
        most = int(self._index.ntotal) if allowed is None else allowed.size
        out_ids = np.empty((len(queries), k), dtype=np.int64)
        out_scores = np.empty((len(queries), k), dtype=np.float32)
        rows, fetch = np.arange(len(queries)), min(k + _SPARE, most)
        while rows.size:
            scores, ids = self._index.search(queries[rows], fetch, params=params)
            # What FAISS left out may belong to the best k while its last score is that close to the k-th.
            settled = scores[:, k - 1] - scores[:, -1] > self._doubt
            if fetch == most:
                settled[:] = True
            for row, found in zip(rows[settled], ids[settled], strict=True):
                out_ids[row], out_scores[row] = self._best(queries[row], found, k)
            rows, fetch = rows[~settled], min(fetch * 4, most)
        return out_ids, out_scores

    def _best(
        self, query: NDArray[np.float32], ids: NDArray[np.int64], k: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        wide, scores = query.astype(np.float64), np.empty(ids.size, dtype=np.float32)
        for start in range(0, ids.size, _BLOCK):
            stored = self._index.reconstruct_batch(ids[start : start + _BLOCK]).astype(np.float64)
            # einsum sums each row in the same way; a matrix product may not, and equal rows must tie.
            scores[start : start + _BLOCK] = np.einsum("ij,j->i", stored, wide)
        order = np.lexsort((ids, -scores))[:k]
        return ids[order], scores[order]

    def _to_bytes(self) -> memoryview:
        # Ids, then rows, little-endian: plain enough to outlive FAISS's own format, and safe to read.
        count = int(self._index.ntotal)
        buffer = np.empty(count * (8 + 4 * self._dimension), dtype=np.uint8)
        if count:
            buffer[: 8 * count].view("<i8")[:] = self._faiss.vector_to_array(self._index.id_map)
            rows = buffer[8 * count :].view("<f4").reshape(count, self._dimension)
            self._flat.reconstruct_n(0, count, rows)
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
            self._index.add_with_ids(rows, ids)
        return ids
