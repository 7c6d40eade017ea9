"""What every index promises, whatever stands behind it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InvalidInput, TersusError
from .checks import MAX_DIMENSION, InvalidIds, as_ids, as_positive, as_unit_vectors
from .locking import ReadWriteLock

__all__ = ["DuplicateId", "Index", "IndexDump", "InvalidDump", "SearchResult"]


class DuplicateId(InvalidInput):
    """An id to add is in the index already, or comes twice in one call. Nothing was added."""

    code = "duplicate_id"


class InvalidDump(TersusError):
    """A dump does not describe an index of this kind."""

    code = "invalid_index_dump"


@dataclass(frozen=True, eq=False)
class SearchResult:
    """Neighbours, best first: score descending, equal scores by id ascending.

    ids: int64 ``[n, k]``, -1 where there are fewer than k.
    scores: float32 ``[n, k]``, the cosine (rounding may pass 1 by 1e-7), -inf where there are fewer.
    """

    ids: NDArray[np.int64]
    scores: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class IndexDump:
    """All of an index at one moment. ``payload`` is in the format of its kind."""

    kind: str
    dimension: int
    count: int
    payload: memoryview


class Index(ABC):
    """Cosine similarity over vectors under ids that the caller chooses.

    The base class checks and normalises what comes in, orders and pads what goes out,
    and locks: searches run beside each other, a change runs alone, and a search sees
    each ``add`` and ``remove`` whole or not at all. It keeps the ids sorted, 8 bytes a
    vector; ``add`` and ``remove`` of m ids among n take O(n + m log n) for that.

    A subclass sets ``kind`` and writes the five methods with a leading underscore, on
    checked input and under the lock; each must do all or nothing. Its constructor must
    work with the dimension alone; options come by name. ``_search`` may be called by several threads at once.
    """

    kind: ClassVar[str]
    clustered: ClassVar[bool] = False
    """Whether :meth:`prepare` uses the vectors' clustering."""

    def __init__(self, dimension: int) -> None:
        self._dimension = as_positive(dimension, "dimension", MAX_DIMENSION)
        self._known = np.empty(0, dtype=np.int64)  # sorted; replaced, never changed in place
        self._lock = ReadWriteLock()

    @property
    def dimension(self) -> int:
        """Components of each vector."""
        return self._dimension

    def __len__(self) -> int:
        return self._known.size

    def __repr__(self) -> str:
        return f"<{type(self).__name__} kind={self.kind} dimension={self._dimension} count={len(self)}>"

    def ids(self) -> NDArray[np.int64]:
        """The ids in the index, int64 ``[count]``, ascending; a copy."""
        return self._known.copy()

    def add(self, ids: ArrayLike, vectors: ArrayLike) -> None:
        """Add ``vectors`` ``[n, dimension]`` under ``ids`` ``[n]``, all of them or none.

        Raises:
            InvalidIds, InvalidVectors: wrong shape or type, a negative id, NaN, infinity, a zero vector.
            DuplicateId: an id is there already; to replace a vector, remove its id first.
        """
        new, unit = as_ids(ids), as_unit_vectors(vectors, self._dimension)
        if len(new) != len(unit):
            raise InvalidIds(f"{len(new)} ids for {len(unit)} vectors", hint="give one id for each vector")
        ordered = np.sort(new)
        if not ordered.size:
            return
        if ordered[0] < 0:
            raise InvalidIds(f"id {ordered[0]} is negative", hint="ids start at 0; -1 marks absent ones")
        _refuse(ordered[1:][ordered[1:] == ordered[:-1]], "come twice in one call")
        with self._lock.write():
            _refuse(ordered[_isin(ordered, self._known)], "are in the index already")
            known = np.insert(self._known, np.searchsorted(self._known, ordered), ordered)
            self._add(new, unit)
            self._known = known

    def remove(self, ids: ArrayLike) -> int:
        """Remove ``ids``; unknown ones are ignored. Returns how many were removed."""
        unwanted = np.unique(as_ids(ids))
        with self._lock.write():
            present = unwanted[_isin(unwanted, self._known)]
            if present.size:
                known = self._known[~_isin(self._known, present)]
                self._remove(present)
                self._known = known
        return present.size

    def search(self, queries: ArrayLike, k: int, *, allowed: ArrayLike | None = None) -> SearchResult:
        """The ``k`` nearest neighbours of each of ``queries`` ``[n, dimension]``.

        With ``allowed``, only those ids are considered; ids that are not in the index
        are ignored, and an empty list allows nothing.

        Raises:
            InvalidVectors, InvalidIds: as :meth:`add`.
            InvalidInput: ``k`` below 1.
        """
        unit, k = as_unit_vectors(queries, self._dimension, "queries"), as_positive(k, "k")
        chosen = None if allowed is None else np.unique(as_ids(allowed, "allowed"))
        out = SearchResult(
            np.full((len(unit), k), -1, dtype=np.int64), np.full((len(unit), k), -np.inf, dtype=np.float32)
        )
        with self._lock.read():
            if chosen is not None:
                chosen = chosen[_isin(chosen, self._known)]
                if chosen.size == self._known.size:
                    chosen = None
            width = min(k, self._known.size if chosen is None else chosen.size)
            if not width or not len(unit):
                return out
            ids, scores = self._search(unit, width, chosen)
        absent = ids < 0
        if absent.any():
            scores = np.where(absent, np.float32(-np.inf), scores)
        if not (scores[:, 1:] < scores[:, :-1]).all():  # FAISS mostly orders them, but ties as it likes
            order = np.lexsort((ids, -scores), axis=1)
            row = np.arange(len(ids))[:, None]
            ids, scores = ids[row, order], scores[row, order]
        out.ids[:, :width] = ids
        out.scores[:, :width] = scores
        return out

    @property
    def options(self) -> dict[str, Any]:
        """What the index was made with, as its constructor takes it; nothing by default."""
        return {}

    def prepare(self, sample: ArrayLike, count: int, centroids: ArrayLike | None = None) -> None:  # noqa: B027
        """Tell an empty index what is to come, so that it need not learn it in the middle of adding.

        Does nothing by default; an approximate kind learns its structure.

        Args:
            sample: a fair sample of the vectors, ``[n, dimension]``.
            count: how many there will be.
            centroids: their clustering, ``[k, dimension]``, where there is one.
        """

    def finish(self, queries: ArrayLike) -> None:  # noqa: B027
        """Tell the index that its bulk is in, with ``queries`` ``[n, dimension]`` as they are expected.

        Does nothing by default; an approximate kind gives up spare memory and chooses its effort.
        """

    def stale(self) -> str | None:
        """Why it should be built anew, in words; None by default."""
        return None

    def dump(self) -> IndexDump:
        """All of the index at one moment, to be stored; copies the vectors."""
        with self._lock.read():
            return IndexDump(self.kind, self._dimension, self._known.size, self._to_bytes())

    @classmethod
    def restore(cls, dump: IndexDump) -> Self:
        """An index equal to the one dumped.

        Raises:
            InvalidDump: the dump is of another kind, or its parts contradict each other.
        """
        if dump.kind != cls.kind:
            raise InvalidDump(f"the dump is of kind {dump.kind!r}, not {cls.kind!r}")
        index = cls(dump.dimension)
        known = np.sort(index._from_bytes(dump.payload))
        if known.size != dump.count or (known.size and (known[0] < 0 or (known[1:] == known[:-1]).any())):
            raise InvalidDump(
                f"the dump counts {dump.count} vectors; its ids are negative, double or another number"
            )
        index._known = known
        return index

    @abstractmethod
    def _add(self, ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Add unit vectors under ids that are new and unique; at least one."""

    @abstractmethod
    def _remove(self, ids: NDArray[np.int64]) -> None:
        """Remove ids that are all present, unique and ascending; at least one."""

    @abstractmethod
    def _search(
        self, queries: NDArray[np.float32], k: int, allowed: NDArray[np.int64] | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Ids and scores, each ``[n, k]``, in any order, -1 where an approximate index found fewer.

        ``allowed`` holds present, unique, ascending ids; ``k`` exceeds neither them nor the vectors.
        """

    @abstractmethod
    def _to_bytes(self) -> memoryview:
        """All that :meth:`_from_bytes` needs, copied."""

    @abstractmethod
    def _from_bytes(self, payload: memoryview) -> NDArray[np.int64]:
        """Fill this new, empty index and return its ids, in any order; raises InvalidDump."""


def _isin(ids: NDArray[np.int64], within: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of ``ids`` are in ``within``, which is sorted."""
    if not within.size:
        return np.zeros(ids.shape, dtype=np.bool_)
    places = np.minimum(np.searchsorted(within, ids), within.size - 1)
    return np.asarray(within[places] == ids, dtype=np.bool_)


def _refuse(ids: NDArray[np.int64], what: str) -> None:
    if ids.size:
        some = ", ".join(map(str, ids[:5])) + (", ..." if ids.size > 5 else "")
        raise DuplicateId(f"ids {some} {what}", hint="remove an id before adding it again; nothing was added")
