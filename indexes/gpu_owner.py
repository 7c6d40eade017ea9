"""The one thread that may touch a card's resources, and the queue in front of it.

FAISS's GPU indexes are not thread-safe, not even for reading: all that share a GpuResources object must
be called by one thread.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import TersusError
from .found import Found

__all__ = ["GpuForked", "GpuStopped", "Owner"]

_PATIENCE = 10.0  # seconds to wait for the thread's end


class GpuStopped(TersusError):
    """The index is closing: its thread takes no more work."""

    code = "gpu_stopped"


class GpuForked(TersusError):
    """This process was forked from the one that owns the card; CUDA does not survive that."""

    code = "gpu_forked"


@dataclass(slots=True)
class _Request:
    """A job of its own, or queries; those of the same ``k`` and ``probes`` may be searched together."""

    job: Callable[[], Any] | None = None
    queries: NDArray[np.float32] | None = None
    k: int = 0
    probes: int = 0
    answer: Future[Any] = field(default_factory=Future)


class Owner:
    """A thread that does jobs in the order of their coming; searches that wait together are done as one.

    The thread starts with the first job and ends with :meth:`stop`.

    Args:
        search: takes queries ``[n, d]``, ``k`` and ``probes``, returns rows and scores.
        most: how many queries of this ``k`` and ``probes`` may be searched at once, at least 1.
        release: gives everything back; called once, at the end, by the thread.
    """

    def __init__(
        self,
        search: Callable[[NDArray[np.float32], int, int], Found],
        most: Callable[[int, int], int],
        release: Callable[[], None],
    ) -> None:
        self._search_all, self._most, self._release = search, most, release
        self._waiting: deque[_Request] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._process = os.getpid()
        self.batches = 0
        """Searches done on the card."""
        self.queries = 0
        """Queries in them."""

    def do(self, job: Callable[[], Any]) -> Any:
        """Let the thread do ``job``, wait for it, and return or raise what it did.

        Raises:
            GpuForked, GpuStopped: it cannot be done.
        """
        return self._put(_Request(job=job)).result()

    def post(self, job: Callable[[], Any]) -> None:
        """As :meth:`do`, without waiting; ``job`` must see to its own errors."""
        self._put(_Request(job=job))

    def search(self, queries: NDArray[np.float32], k: int, probes: int) -> Found:
        """Rows and scores of ``queries``; raises what the search raised, GpuForked or GpuStopped."""
        found: Found = self._put(_Request(None, queries, k, probes)).result()
        return found

    def check_process(self) -> None:
        """Raise GpuForked in a process that does not own the thread."""
        if os.getpid() != self._process:
            raise GpuForked(
                "the GPU belongs to the process that this one was forked from",
                hint="open the index after forking, or start processes with the method 'spawn'",
            )

    def stop(self) -> None:
        """End the thread; who waits for it gets GpuStopped. Does nothing the second time."""
        if os.getpid() != self._process:
            _KEPT.append(self)  # freeing a parent's GPU memory in the child would crash it
            return
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(_PATIENCE)

    def _put(self, request: _Request) -> Future[Any]:
        self.check_process()
        with self._changed:
            if self._stopping:
                raise GpuStopped("the index is closing", hint="open it again")
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="tersus-gpu", daemon=True)
                self._thread.start()
            self._waiting.append(request)
            self._changed.notify_all()
        return request.answer

    def _run(self) -> None:
        try:
            while batch := self._next():
                _answer(batch, self._batch_of(batch))
                del batch  # a job may hold the last reference to the index: not while we wait
        finally:
            self._release()

    def _next(self) -> list[_Request]:
        """What is to be done next: a job alone, or searches that fit together; empty at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._stopping)
            if self._stopping:
                for request in self._waiting:
                    request.answer.set_exception(GpuStopped("the index is closing", hint="open it again"))
                self._waiting.clear()
                return []
            batch = [self._waiting.popleft()]
            first = batch[0]
            if first.queries is None:
                return batch
            room = self._most(first.k, first.probes) - len(first.queries)
            # Only those next in line: a search must not overtake a job that was there before it.
            while self._waiting and room > 0:
                other = self._waiting[0]
                same = other.queries is not None and (other.k, other.probes) == (first.k, first.probes)
                if not same or other.queries is None or len(other.queries) > room:
                    break
                room -= len(other.queries)
                batch.append(self._waiting.popleft())
            return batch

    def _batch_of(self, batch: list[_Request]) -> Callable[[], list[Any]]:
        if batch[0].job is not None:
            job = batch[0].job
            return lambda: [job()]
        return lambda: self._searched(batch)

    def _searched(self, batch: list[_Request]) -> list[Any]:
        parts = [request.queries for request in batch if request.queries is not None]
        joined = parts[0] if len(parts) == 1 else np.concatenate(parts)
        k, probes = batch[0].k, batch[0].probes
        step = self._most(k, probes)
        found = []
        for start in range(0, len(joined), step):
            found.append(self._search_all(joined[start : start + step], k, probes))
            self.batches += 1
            self.queries += len(joined[start : start + step])
        rows, scores = (np.concatenate(some) for some in zip(*found, strict=True))
        ends = np.cumsum([len(part) for part in parts])[:-1]
        return list(zip(np.split(rows, ends), np.split(scores, ends), strict=True))


_KEPT: list[Owner] = []
"""Owners of the parent process, kept from the garbage collector in a forked one."""


def _answer(batch: list[_Request], work: Callable[[], list[Any]]) -> None:
    """Do the work and tell each who asked; an error goes to all of them."""
    try:
        found = work()
    except BaseException as error:  # noqa: BLE001 - it belongs to those who wait, whatever it is
        for request in batch:
            request.answer.set_exception(error)
        return
    for request, its in zip(batch, found, strict=True):
        request.answer.set_result(its)
