"""Results of compression by content: bounded, and the same request computed once."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from ...compressors import Compression, Passage
from ..cancel import Cancelled, settle, wait_for
from .content import Content, Stored
from .errors import Refused

__all__ = ["CacheStats", "CompressionCache"]

_Outcome = Stored | Exception | None
"""What became of a computation that others wait for; None: a result that cannot be kept."""


@dataclass(frozen=True, slots=True)
class CacheStats:
    """``hits`` found a result, ``shared`` waited for one being computed, ``misses`` computed it."""

    hits: int
    shared: int
    misses: int
    entries: int
    bytes: int


class CompressionCache:
    """Keeps the results used last, up to ``most`` bytes. Safe to share between threads.

    Errors are not kept. A result is never handed out twice: each caller gets objects of its own, around its
    own passages.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._lock = threading.Lock()
        self._entries: OrderedDict[Content, Stored] = OrderedDict()
        self._flights: dict[Content, Future[_Outcome]] = {}
        self._bytes = self._hits = self._shared = self._misses = 0

    @property
    def stats(self) -> CacheStats:
        """The counts as they are now."""
        with self._lock:
            return CacheStats(self._hits, self._shared, self._misses, len(self._entries), self._bytes)

    def compress(
        self,
        content: Content,
        passages: Sequence[Passage],
        compute: Callable[[], Compression],
        *holds: object,
    ) -> Compression:
        """The result kept for ``content``, or ``compute()``'s.

        Where the same content is being computed, that is waited for; should its caller give up or be
        refused, one of those who wait computes it.

        Args:
            holds: counter and renderer, whose identity is in the key.

        Raises:
            What ``compute`` raises. Cancelled: ``current_token`` was cancelled while waiting.
        """
        started = time.perf_counter()
        while True:
            with self._lock:
                found = self._entries.get(content)
                flight = self._flights.get(content)
                if found is not None:
                    self._entries.move_to_end(content)
                    self._hits += 1
                elif flight is None:
                    flight = self._flights[content] = Future()
                    self._misses += 1
                    break
            outcome: _Outcome = found or _wait(flight)
            if outcome is None:
                return compute()
            if isinstance(outcome, Stored):
                if found is None:
                    with self._lock:
                        self._shared += 1
                return outcome.bind(passages, time.perf_counter() - started)
            if not isinstance(outcome, (Cancelled, Refused)):
                raise outcome
        return self._compute(content, flight, len(passages), compute, holds)

    def _compute(
        self,
        content: Content,
        flight: Future[_Outcome],
        count: int,
        compute: Callable[[], Compression],
        holds: tuple[object, ...],
    ) -> Compression:
        outcome: _Outcome = Cancelled("the thread that computed this was ended")
        try:
            result = compute()
            outcome = None
            if isinstance(result, Compression) and len(result.passages) == count:
                outcome = Stored.of(result, *holds)
        except Exception as error:
            outcome = error
            raise
        finally:
            with self._lock:
                if isinstance(outcome, Stored):
                    self._keep(content, outcome)
                del self._flights[content]
            flight.set_result(outcome)
        return result

    def _keep(self, content: Content, stored: Stored) -> None:
        if stored.size > self.most:
            return
        self._entries[content] = stored
        self._bytes += stored.size
        while self._bytes > self.most:
            _, dropped = self._entries.popitem(last=False)
            self._bytes -= dropped.size


def _wait(flight: Future[_Outcome] | None) -> _Outcome:
    assert flight is not None  # noqa: S101 - where nothing was found
    mine: Future[_Outcome] = Future()  # others wait for the flight: its cancelling is not this caller's
    flight.add_done_callback(lambda done: settle(mine, done.result()))
    return wait_for(mine)
