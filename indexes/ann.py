"""What the approximate FAISS kinds share: an exact start, rows and tombstones, tuning, bytes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InvalidInput
from .ann_bytes import pack, unpack
from .base import InvalidDump
from .checks import as_unit_vectors
from .effort import least_effort
from .flat import FlatIndex
from .found import Found
from .options import AnnOptions
from .rows import Rows

if TYPE_CHECKING:
    from .gpu import GpuSearch

__all__ = ["AnnIndex"]

_TUNED_K = 10
_TUNED_WITH = 200  # of the vectors, where an index becomes approximate by itself
_BLOCK = 65_536  # rows moved into the structure at a time


class AnnIndex(FlatIndex):
    """Approximate cosine search by a FAISS structure over rows.

    Up to ``train_at`` vectors it is exact, as ``flat``. Then, or when :meth:`prepare` is called, the
    structure is made. From there on ``remove`` leaves tombstones, which searches pass over and a rebuild
    clears (:meth:`stale` says when); scores are FAISS's, within :attr:`score_error` of the cosine, and
    equal vectors may differ by rounding. Of ``allowed`` ids fewer than a search looks at anyway are
    compared one by one, so that a narrow filter costs no recall; for others the effort grows
    as the share of allowed ids shrinks.

    A subclass sets ``kind``, ``options_class`` and ``score_error``, and writes the abstract methods.
    """

    options_class: ClassVar[type[AnnOptions]] = AnnOptions
    few: ClassVar[int] = 4096
    """Rows that may be found up to which each of them is compared."""
    gpu_keeps_rows: ClassVar[bool] = True
    narrow: ClassVar[float] = 0.05
    """Share of the rows up to which those that a filter lets pass are all compared."""
    score_error: ClassVar[float] = 1e-6
    """What 99% of scores are off from the cosine at most, for embeddings of hundreds of components."""

    def __init__(
        self, dimension: int, *, device: str = "cpu", gpu_memory_mb: int = 0, **options: Any
    ) -> None:
        super().__init__(dimension, device=device, gpu_memory_mb=gpu_memory_mb)
        self._options = self.options_class.of(options)
        self._effort = self._options.effort or self._default_effort
        self._ann: Any = None
        self._trained_on = 0
        self.learns_by_itself = True
        """Whether ``add`` makes the structure, in which searches wait for it; False leaves that to whoever
        asks :meth:`stale` and builds anew."""

    @property
    def options(self) -> dict[str, Any]:
        """The options, with what was chosen by itself."""
        return self._options.as_dict()

    @property
    def effort(self) -> int:
        """How many lists or candidates a search looks at."""
        return self._effort

    @property
    def trained(self) -> bool:
        """Whether the structure is made; before that, search is exact."""
        return self._ann is not None

    @property
    def tombstones(self) -> int:
        """Removed vectors that still take memory."""
        return self._rows.dead

    def prepare(self, sample: ArrayLike, count: int, centroids: ArrayLike | None = None) -> None:
        """Make the structure of an empty index that ``count`` vectors will be added to.

        With less than ``train_at`` to come there is no structure to make: the index stays exact.

        Args:
            sample: a fair sample of them, ``[n, dimension]``; more than a kind needs does no harm.
            count: how many are to come; decides the size of the structure.
            centroids: the collection's clustering ``[k, dimension]``, for kinds that have lists.

        Raises:
            InvalidVectors: as :meth:`add`.
            InvalidInput: the index is not empty, or the sample is too small for the kind.
        """
        rows = as_unit_vectors(sample, self._dimension, "sample")
        centres = None if centroids is None else as_unit_vectors(centroids, self._dimension, "centroids")
        with self._lock.write():
            if len(self._rows):
                raise InvalidInput(f"the index holds {len(self._rows)} vectors", hint="prepare a new one")
            if count < (self._options.train_at or self._train_at):
                return
            self._ann = self._make(rows, max(count, len(rows)), centres)
            self._trained_on = max(count, len(rows))

    def finish(self, queries: ArrayLike) -> None:
        """Give up spare memory, and set the effort to the least that finds ``recall`` of the ten nearest.

        True neighbours are those of a search through all of the structure; what its codes lose is not
        counted. Without queries, with an effort given, or while the index is exact, none is chosen.
        """
        unit = as_unit_vectors(queries, self._dimension, "queries")
        with self._lock.write():
            if self._ann is not None:
                self._trim()
                self._tune(unit)

    def _tune(self, queries: NDArray[np.float32]) -> None:
        if self._options.effort or not len(queries) or not len(self._rows) - self._rows.dead:
            return
        k = min(_TUNED_K, len(self._rows) - self._rows.dead)
        selector, _ = self._selector(None)
        true, _ = self._exhaustive(queries, k, selector)
        self._effort = least_effort(
            lambda effort: self._find(queries, k, selector, effort)[0],
            true,
            self._efforts(),
            self._options.recall,
        )

    def stale(self) -> str | None:
        """Why the index should be built anew, if it should: tombstones, or growth beyond its structure."""
        if self._ann is None:
            late = len(self._known) >= (self._options.train_at or self._train_at)
            return f"{len(self._known)} vectors are compared one by one" if late else None
        if self._rows.dead > max(1000, 0.25 * len(self._rows)):
            return f"{self._rows.dead} of {len(self._rows)} rows are removed ones"
        if len(self._known) > 4 * max(self._trained_on, 1):
            return f"it was made for {self._trained_on} vectors and holds {len(self._known)}"
        return None

    @property
    @abstractmethod
    def _default_effort(self) -> int:
        """Before it is tuned."""

    @property
    @abstractmethod
    def _train_at(self) -> int:
        """Vectors with which the structure is made, where the options do not say."""

    @abstractmethod
    def _make(self, sample: NDArray[np.float32], count: int, centroids: NDArray[np.float32] | None) -> Any:
        """The empty FAISS structure, trained; may raise InvalidInput."""

    @abstractmethod
    def _append(self, vectors: NDArray[np.float32], first: int) -> None:
        """Add vectors to the structure as rows ``first`` and on."""

    @abstractmethod
    def _find(
        self, queries: NDArray[np.float32], k: int, selector: Any, effort: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Rows and scores, each ``[n, k]``, -1 where fewer were found."""

    @abstractmethod
    def _exhaustive(
        self, queries: NDArray[np.float32], k: int, selector: Any
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """As :meth:`_find`, through every row that the selector lets pass."""

    @abstractmethod
    def _efforts(self) -> Sequence[int]:
        """Efforts worth trying, ascending."""

    def _trim(self) -> None:
        """Give up what FAISS has reserved beyond the vectors it holds: a copy reserves nothing."""
        self._ann = self._faiss.clone_index(self._ann)

    @abstractmethod
    def _stored_rows(self) -> int:
        """Rows in the structure."""

    def _add(self, ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        if self._ann is not None:
            self._append_rows(ids, vectors)
            return
        super()._add(ids, vectors)
        if self.learns_by_itself and len(self._rows) >= (self._options.train_at or self._train_at):
            try:
                self._leave_exact()
            except BaseException:
                super()._remove(ids)
                raise

    def _leave_exact(self) -> None:
        """Make the structure from the vectors held so far, and move them into it."""
        stored, rows = self._stored(), self._rows
        made = self._make(stored, len(rows), None)
        try:
            self._ann, self._rows = made, Rows()
            for start in range(0, len(rows), _BLOCK):
                block = slice(start, start + _BLOCK)
                self._append_rows(rows.by_row[block], np.ascontiguousarray(stored[block]))
        except BaseException:
            self._ann, self._rows = None, rows
            raise
        self._tune(stored[:: max(1, len(rows) // _TUNED_WITH)].copy())
        self._trained_on = len(rows)
        self._flat.reset()

    def _append_rows(self, ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        rows, first = self._rows.added(ids), len(self._rows)
        try:
            self._append(vectors, first)
        except BaseException:
            self._undo(first)
            raise
        self._rows = rows
        if self._gpu is not None:
            self._gpu.added(ids, vectors)

    def _undo(self, first: int) -> None:
        """After :meth:`_append` failed: what FAISS took of the rows from ``first`` on was never alive."""
        half = self._stored_rows() - first
        self._rows = self._rows.added(np.full(half, -1, dtype=np.int64), alive=False)

    def _remove(self, ids: NDArray[np.int64]) -> None:
        if self._ann is None:
            super()._remove(ids)
        else:
            self._rows = self._rows.killed(ids)

    def _search(
        self, queries: NDArray[np.float32], k: int, allowed: NDArray[np.int64] | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        if self._ann is None:
            return super()._search(queries, k, allowed)
        selector, share = self._selector(allowed)
        # A narrow filter is looked through whole: what it lets pass may lie far from where a search looks.
        if share * len(self._rows) <= self.few or (selector is not None and share <= self.narrow):
            rows, scores = self._exhaustive(queries, k, selector)
            return self._rows.named(rows), scores
        effort = self._effort
        if share < 1:
            effort = max(effort, min(round(effort / share), self._efforts()[-1]))
        if self._gpu is None or allowed is not None:
            rows, scores = self._find(queries, k, selector, effort)
        else:
            rows, scores = self._find_on_gpu(self._gpu, queries, k, selector, effort)
        short = (rows < 0).any(axis=1)  # there are k of them, so some were missed
        if short.any():
            rows[short], scores[short] = self._exhaustive(queries[short], k, selector)
        return self._rows.named(rows), scores

    def gpu_source(self) -> Any:
        """As ``GpuIndex`` says."""
        return "it is exact until it holds more vectors" if self._ann is None else self._copied()

    def _copied(self) -> Any:
        """The FAISS structure that a card takes, or why it takes none."""
        return f"FAISS has no GPU form of {self.kind}"

    def _find_on_gpu(
        self, gpu: GpuSearch, queries: NDArray[np.float32], k: int, selector: Any, effort: int
    ) -> Found:
        """As :meth:`_find`, on a card as far as that can."""
        return gpu.find(queries, k, effort, lambda some: self._find(some, k, selector, effort))

    def _selector(self, allowed: NDArray[np.int64] | None) -> tuple[Any, float]:
        """What FAISS may return, None for everything, and its share of the rows."""
        if allowed is None and not self._rows.dead:
            return None, 1.0
        bits = self._rows.bitmap if allowed is None else self._rows.bitmap_of(allowed)
        count = len(self._rows) - self._rows.dead if allowed is None else allowed.size
        return self._faiss.IDSelectorBitmap(bits), count / len(self._rows)

    def _to_bytes(self) -> memoryview:
        head = {"options": self._options.as_dict(), "effort": self._effort, "trained_on": self._trained_on}
        if self._ann is None:
            return pack(head, [super()._to_bytes()])
        parts = [self._rows.by_row.astype("<i8").view(np.uint8), np.packbits(self._rows.alive)]
        return pack(head, [*parts, *self._structures()])

    def _structures(self) -> list[NDArray[np.uint8]]:
        """The FAISS structures as bytes."""
        return [self._faiss.serialize_index(self._ann)]

    def _from_bytes(self, payload: memoryview) -> NDArray[np.int64]:
        head, parts = unpack(payload)
        try:
            self._options = self.options_class.of(head["options"])
            self._effort, self._trained_on = int(head["effort"]), int(head["trained_on"])
        except (KeyError, TypeError, ValueError, InvalidInput) as error:
            raise InvalidDump(f"the dump's options cannot be used: {error}") from error
        if len(parts) == 1:
            return super()._from_bytes(parts[0])
        if len(parts) < 3 or parts[0].nbytes % 8:
            raise InvalidDump(f"the dump has {len(parts)} parts")
        ids = np.frombuffer(parts[0], "<i8").astype(np.int64)
        alive = np.unpackbits(np.frombuffer(parts[1], np.uint8), count=len(ids)).astype(np.bool_)
        self._rows = Rows(ids, alive)
        try:
            self._restore_structures([np.frombuffer(part, np.uint8) for part in parts[2:]])
        except RuntimeError as error:
            raise InvalidDump(f"FAISS cannot read its part: {str(error)[:200]}") from error
        if self._stored_rows() != len(ids):
            raise InvalidDump(f"the dump has {len(ids)} ids for {self._stored_rows()} rows")
        return self._rows.ids()

    def _restore_structures(self, parts: list[NDArray[np.uint8]]) -> None:
        self._ann = self._checked(self._faiss.deserialize_index(parts[0]))

    def _checked(self, structure: Any) -> Any:
        if structure.d != self._dimension:
            raise InvalidDump(f"the structure has {structure.d} dimensions, not {self._dimension}")
        return structure
