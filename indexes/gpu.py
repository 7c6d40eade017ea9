"""An index searched on a GPU, as far as the GPU can; the rest is the CPU's."""

from __future__ import annotations

import logging
import math
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .found import Found, nothing_found
from .gpu_card import MOST, Card, GpuMemoryShort
from .gpu_owner import GpuForked, GpuStopped, Owner
from .rows import Rows

if TYPE_CHECKING:
    from .gpu_index import GpuIndex

__all__ = ["GpuSearch", "GpuStatus"]

log = logging.getLogger(__name__)

_SPARE = 8  # rows fetched beyond what the share of dead ones asks for
_FIRST_PAUSE, _LONGEST_PAUSE = 60.0, 3600.0  # seconds without the card after a failure; doubled by the next
_FAILURES = (RuntimeError, MemoryError, GpuForked, GpuMemoryShort, GpuStopped)  # FAISS raises RuntimeError


@dataclass(frozen=True, slots=True)
class GpuStatus:
    """How an index does on its card.

    device: ``cuda:N``. bytes: of the card's memory, by FAISS's account, scratch memory included.
    batches: searches on the card; ``queries`` were in them. fallbacks: searches that the CPU did, wholly or
    for some queries. reason: why the CPU serves now; None while the card does.
    """

    device: str
    bytes: int
    batches: int
    queries: int
    fallbacks: int
    reason: str | None


@dataclass(slots=True)
class _Copy:
    """What lies on the card. rows: of the copy, where it numbers them by itself."""

    source: weakref.ref[Any]
    rows: Rows | None


class GpuSearch:
    """The searches of one index on one card.

    Changes are made to the index on the CPU; additions follow on the card. What is removed stays there as
    a tombstone: more is fetched than asked for, until enough living rows are among it. The CPU searches
    with filters, beyond 2048 neighbours or lists, while a copy is being made, and after a failure: the
    log then has a warning, and the card is tried again after a minute, twice as long after each
    further failure, an hour at most.

    Called by the index under its lock: ``search`` and ``find`` by readers, the others by a writer.

    Args:
        index: held weakly; the thread and the card's memory go when it goes.
        card: its number.
        memory_mb: most of its memory that may be taken, in MiB; 0: any.
        least: vectors below which the CPU is left to do it.
    """

    def __init__(self, index: GpuIndex, card: int, *, memory_mb: int = 0, least: int = 0) -> None:
        self._index = weakref.ref(index)
        self._number = card
        self._least = least
        self._card = Card(card, memory_mb)
        self._owner = Owner(self._card.search, self._card.most, self._card.release)
        self._copy: _Copy | None = None
        self._copying = False
        self._paused_until, self._pause = 0.0, _FIRST_PAUSE
        self._reason: str | None = "nothing was copied yet"
        self._fallbacks = 0
        self._bytes = 0
        self._lock = threading.Lock()  # for the figures and the states above
        weakref.finalize(index, self._owner.stop)

    @property
    def device(self) -> str:
        """``cuda:N``."""
        return f"cuda:{self._number}"

    def status(self) -> GpuStatus:
        """The figures now."""
        with self._lock:
            serving = self._copy is not None and time.monotonic() >= self._paused_until
            return GpuStatus(
                device=self.device,
                bytes=self._bytes,
                batches=self._owner.batches,
                queries=self._owner.queries,
                fallbacks=self._fallbacks,
                reason=None if serving else self._reason,
            )

    def copy_now(self) -> None:
        """Copy the index to the card, if it is fit for it, and wait; a failure is logged, not raised."""
        index = self._index()
        if index is not None and self._fit(index) is not None and self._begin_copying():
            try:
                self._owner.do(self._make_copy)
            except _FAILURES as error:
                self._failed(error)

    def close(self) -> None:
        """End the thread and give back the card's memory."""
        self._copy = None
        self._reason = "it was closed"
        self._owner.stop()

    def find(self, queries: NDArray[np.float32], k: int, probes: int, on_cpu: Callable[..., Found]) -> Found:
        """The best ``k`` living rows of ``probes`` lists; ``on_cpu(queries)`` does what the card cannot."""
        return self.refined(queries, k, k, probes, on_cpu, lambda _, rows, scores: (rows, scores))

    def refined(
        self,
        queries: NDArray[np.float32],
        k: int,
        width: int,
        probes: int,
        on_cpu: Callable[..., Found],
        refine: Callable[[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32]], Found],
    ) -> Found:
        """As :meth:`find`, from the best ``width`` rows, of which ``refine`` makes the best ``k``."""
        index = self._index()
        copy = None if index is None else self._ready(index)
        if index is None or copy is None:
            return self._fallen_back(queries, on_cpu)
        if width > MOST or probes > MOST:
            return self._fallen_back(queries, on_cpu)
        try:
            rows, scores, settled = self._living(index, copy, queries, width, probes)
        except _FAILURES as error:
            self._failed(error)
            return self._fallen_back(queries, on_cpu)
        if settled.all():
            return refine(queries, rows, scores)
        out = nothing_found(len(queries), k)
        if settled.any():
            out[0][settled], out[1][settled] = refine(queries[settled], rows[settled], scores[settled])
        out[0][~settled], out[1][~settled] = self._fallen_back(queries[~settled], on_cpu)
        return out

    def added(self, ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """The index has added these; let the copy follow."""
        index, copy = self._index(), self._copy
        if index is None or copy is None:
            return
        if copy.source() is not index.gpu_source():
            self._copy = None  # made anew by the next search
            return
        known = index.gpu_rows() if copy.rows is None else copy.rows.added(ids)
        try:
            self._owner.do(lambda: self._follow(vectors, len(known) - len(vectors)))
        except _FAILURES as error:  # the copy lacks them, or has half of them
            self._copy = None
            self._failed(error)
            self._let_go()
            return
        if copy.rows is not None:
            copy.rows = known

    def removed(self, ids: NDArray[np.int64]) -> None:
        """The index has removed these."""
        copy = self._copy
        if copy is not None and copy.rows is not None:
            copy.rows = copy.rows.killed(ids)
            if copy.rows.dead > max(1000, 0.25 * len(copy.rows)):
                self._copy = None  # made anew by the next search, without them

    def _fit(self, index: GpuIndex) -> Any:
        """The structure to copy; None where there is none, and then the reason is set."""
        source = index.gpu_source()
        if isinstance(source, str):
            self._reason = source
        elif len(index) < self._least:
            self._reason = f"with fewer than {self._least} vectors the CPU is as fast"
        else:
            return source
        return None

    def _ready(self, index: GpuIndex) -> _Copy | None:
        """The copy, if it is level with the index; otherwise it is made in the background."""
        if time.monotonic() < self._paused_until:
            return None
        copy = self._copy
        if copy is not None:
            rows = copy.rows
            level = rows is None or len(rows) - rows.dead == len(index)
            if copy.source() is index.gpu_source() and level:
                return copy
            with self._lock:
                self._copy = None if self._copy is copy else self._copy
        if self._fit(index) is not None and self._begin_copying():
            try:
                self._owner.post(self._make_copy)
            except _FAILURES as error:
                self._failed(error)
        return None

    def _begin_copying(self) -> bool:
        # While a copy is asked for there is none, so no reader waits for the thread, which may wait for a
        # writer, who waits for the readers.
        with self._lock:
            if self._copy is not None or self._copying or time.monotonic() < self._paused_until:
                return False
            self._copying, self._reason = True, "the copy is being made"
            return True

    def _make_copy(self) -> None:
        """In the owner's thread. A reader of the index: none of its other readers waits for the card now."""
        index = self._index()
        if index is None:
            return
        try:
            with index.reading():
                source = self._fit(index)
                if source is not None:
                    self._card.load(source)
                    copy = _Copy(weakref.ref(source), None if index.gpu_keeps_rows else index.gpu_rows())
                    with self._lock:
                        self._copy, self._bytes, self._pause = copy, self._card.bytes, _FIRST_PAUSE
        except _FAILURES as error:
            self._failed(error)
        finally:
            with self._lock:
                self._copying = False

    def _follow(self, vectors: NDArray[np.float32], first: int) -> None:
        self._card.add(vectors, first)
        self._bytes = self._card.bytes

    def _living(
        self, index: GpuIndex, copy: _Copy, queries: NDArray[np.float32], width: int, probes: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.bool_]]:
        """The best ``width`` living rows of the index for each query, and for which queries they are that."""
        rows = index.gpu_rows() if copy.rows is None else copy.rows
        most = min(MOST, len(rows))
        living = max(len(rows) - rows.dead, 1)
        fetch = min(most, width if not rows.dead else math.ceil(width * len(rows) / living) + _SPARE)
        out = nothing_found(len(queries), width)
        settled, open_ = np.zeros(len(queries), np.bool_), np.arange(len(queries))
        while True:
            found, scores = self._owner.search(queries[open_], fetch, probes)
            alive = (found >= 0) & rows.alive[found]
            # What the lists hold besides is not living, or there is nothing besides.
            enough = (alive.sum(axis=1) >= width) | (found[:, -1] < 0) | (fetch >= len(rows))
            order = np.argsort(~alive, axis=1, kind="stable")[:, :width]
            kept = np.take_along_axis(alive, order, axis=1)[enough]
            done = open_[enough]
            best = np.take_along_axis(found, order, axis=1)[enough]
            out[0][done, : order.shape[1]] = np.where(kept, self._named(index, copy, best, kept), -1)
            its = np.take_along_axis(scores, order, axis=1)[enough]
            out[1][done, : order.shape[1]] = np.where(kept, its, np.float32(-np.inf))
            settled[done] = True
            open_ = open_[~enough]
            if not open_.size or fetch == most:
                return *out, settled
            fetch = min(most, 4 * fetch)

    def _named(
        self, index: GpuIndex, copy: _Copy, rows: NDArray[np.int64], kept: NDArray[np.bool_]
    ) -> NDArray[np.int64]:
        """The rows of the index that stand in these rows of the copy."""
        if copy.rows is None:
            return rows
        named = np.full(rows.shape, -1, np.int64)
        named[kept] = index.gpu_rows().of(copy.rows.by_row[rows[kept]])
        return named

    def _fallen_back(self, queries: NDArray[np.float32], on_cpu: Callable[..., Found]) -> Found:
        with self._lock:
            self._fallbacks += 1
        return on_cpu(queries)

    def _let_go(self) -> None:
        """Free a copy that is of no use any more."""
        try:
            self._owner.post(self._card.drop)
        except _FAILURES as error:
            self._failed(error)

    def _failed(self, error: BaseException) -> None:
        with self._lock:
            self._copying = False
            if isinstance(error, GpuForked):
                self._pause = math.inf
            said = (str(error).strip() or type(error).__name__).splitlines()[-1][-300:]
            again = time.monotonic() >= self._paused_until  # of many that fail together, one is told
            self._reason = said
            self._paused_until = max(self._paused_until, time.monotonic() + self._pause)
            if again:
                seconds = self._pause
                self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        if again:
            log.warning("%s fails, the CPU searches (for %.0f s at least): %s", self.device, seconds, said)
