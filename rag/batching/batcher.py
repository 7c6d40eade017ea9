"""One thread that takes what arrives together and works on it at once."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from ..cancel import settle, wait_for
from .errors import Closed, Overloaded, WorkerDied
from .limits import BatchLimits
from .pace import Pace
from .stats import BatchStats

__all__ = ["Batcher"]

log = logging.getLogger(__name__)

A = TypeVar("A")
R = TypeVar("R")


@dataclass(slots=True, eq=False)
class _Held(Generic[A, R]):
    ask: A
    kind: Hashable
    tokens: int
    answer: Future[R] = field(default_factory=Future)


class Batcher(Generic[A, R]):
    """A bounded queue, and one worker thread that merges what waits in it; callers block in their threads.

    A caller who is alone is served at once. A batch is held open for a few milliseconds only where the one
    before it had several requests, whose callers may come again. The first in the queue is always in the
    next batch; with it go those of its kind that fit.

    Args:
        name: for the thread and the log.
        work: answers to asks of one kind, in their order; runs in the worker thread alone.
    """

    def __init__(
        self, name: str, work: Callable[[Sequence[A]], Sequence[R]], limits: BatchLimits | None = None
    ) -> None:
        self.name = name
        self.limits = limits or BatchLimits()
        self._work = work
        self._lock = threading.Lock()
        self._arrived = threading.Condition(self._lock)
        self._queue: deque[_Held[A, R]] = deque()
        self._batch: list[_Held[A, R]] = []  # what the worker has in its hands
        self._thread: threading.Thread | None = None
        self._closed = False
        self._pace = Pace(self.limits)
        self._stats = BatchStats()

    @property
    def stats(self) -> BatchStats:
        """The counts as they are now."""
        with self._lock:
            return replace(self._stats, queue=len(self._queue))

    def submit(self, ask: A, *, kind: Hashable = None, tokens: int = 1, bounded: bool = True) -> R:
        """The answer to ``ask``, as soon as its batch is done.

        Args:
            kind: only asks of equal kind are merged.
            tokens: its share of a batch.
            bounded: False takes it however long the queue is: for a caller that brings one after the other.

        Raises:
            Overloaded: the queue is full. Closed: :meth:`close` was called.
            Cancelled: ``current_token`` was cancelled; what is still in the queue is taken out.
            WorkerDied: the worker thread ended while it held this.
            Whatever ``work`` raises for this ask alone.
        """
        held: _Held[A, R] = _Held(ask, kind, max(1, tokens))
        with self._lock:
            if self._closed:
                raise Closed("the service is stopping", hint="ask again in a moment")
            if bounded and len(self._queue) >= self.limits.queue:
                self._stats.refused += 1
                raise Overloaded(
                    f"{len(self._queue)} requests wait already", retry_after=self._pace.seconds(self._tokens)
                )
            self._ensure_worker()
            self._queue.append(held)
            self._arrived.notify()
        try:
            return wait_for(held.answer)
        finally:
            self._take_out(held)

    def close(self, seconds: float | None = None) -> None:
        """Take nothing more, and finish what is held.

        Args:
            seconds: most to wait; those who are not answered then get Closed.
        """
        with self._lock:
            self._closed = True
            self._arrived.notify_all()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(seconds)
            if thread.is_alive():
                log.error("%s was not done after %s s and is left behind", self.name, seconds)
                with self._lock:
                    self._drop(Closed("the service stopped before this was done"))

    def _ensure_worker(self) -> None:
        if self._thread is not None and not self._thread.is_alive():  # in a forked process, say
            self._died()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, daemon=True, name=f"tersus batch: {self.name}")
            self._thread.start()

    def _run(self) -> None:
        try:
            while self._next():
                self._answer(self._batch)
        except BaseException as error:  # noqa: BLE001 - of this class' own code: `work` cannot end the thread
            with self._lock:
                self._died(error)

    def _died(self, error: BaseException | None = None) -> None:
        """Fail what was held, loudly, and let the next request start another worker. Needs the lock."""
        lost = len(self._batch) + len(self._queue)
        log.critical("the worker of %s died, and %d requests with it", self.name, lost, exc_info=error)
        self._stats.deaths += 1
        self._thread = None
        self._drop(WorkerDied(f"the worker of {self.name} died", hint="see the log"))

    def _drop(self, error: Exception) -> None:
        """Fail everything that is held. Needs the lock."""
        for held in (*self._batch, *self._queue):
            settle(held.answer, error=error)
        self._batch = []
        self._queue.clear()

    def _next(self) -> bool:
        """Wait for the next batch; False where the thread is to end."""
        with self._lock:
            self._batch = []
            while not self._batch:
                if self._queue:
                    room = self._pace.room
                    self._linger(room)
                    self._batch = self._take(room)
                elif self._closed or not (self._arrived.wait(self.limits.idle) or self._queue):
                    self._thread = None
                    return False
            return True

    def _linger(self, room: float) -> None:
        """Hold the batch open for those who are likely to come."""
        deadline = time.monotonic() + self.limits.wait
        expected = self._pace.expected
        while not self._closed and len(self._queue) < expected and self._tokens < room:
            left = deadline - time.monotonic()
            if left <= 0:
                return
            self._arrived.wait(left)

    def _take(self, room: float) -> list[_Held[A, R]]:
        batch: list[_Held[A, R]] = []
        others: deque[_Held[A, R]] = deque()
        for held in self._queue:
            if held.answer.done():
                self._stats.skipped += 1
            elif not batch or (held.kind == batch[0].kind and held.tokens <= room):
                batch.append(held)
                room -= held.tokens
            else:
                others.append(held)
        self._queue = others
        return batch

    def _answer(self, batch: Sequence[_Held[A, R]]) -> None:
        started = time.perf_counter()
        try:
            answers = self._call([held.ask for held in batch])
        except Exception as error:  # whatever it was, it is told to whom it concerns
            if len(batch) == 1:
                settle(batch[0].answer, error=error)
                return
            log.warning("a batch of %d for %s failed: one at a time", len(batch), self.name, exc_info=error)
            for held in batch:
                if not held.answer.done():
                    self._stats.alone += 1
                    self._answer([held])
            return
        taken = time.perf_counter() - started
        with self._lock:
            self._stats.batches += 1
            self._stats.requests += len(batch)
            self._pace.note(len(batch), sum(held.tokens for held in batch), taken)
        for held, answer in zip(batch, answers, strict=True):
            settle(held.answer, answer)

    def _call(self, asks: list[A]) -> Sequence[R]:
        try:
            answers = self._work(asks)
        except Exception:
            raise
        except BaseException as error:  # a SystemExit of somebody's code ends neither worker nor callers
            raise RuntimeError(f"{self.name} raised {type(error).__name__}") from error
        if len(answers) != len(asks):
            raise RuntimeError(f"{self.name} gave {len(answers)} answers to {len(asks)} requests")
        return answers

    @property
    def _tokens(self) -> int:
        return sum(held.tokens for held in self._queue)

    def _take_out(self, held: _Held[A, R]) -> None:
        """Free the place of a caller who gave up."""
        with self._lock:
            if held in self._queue:
                self._queue.remove(held)
                self._stats.skipped += 1
