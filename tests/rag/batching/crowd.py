"""Callers in threads of their own, and work that can be held up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from tersus.compressors import Compressor, Draft, Span, Task
from tersus.compressors.types import CompressedPassage
from tersus.rag.batching.batcher import Batcher
from tersus.rag.cancel import CancelToken, current_token


class Gate:
    """Work that remembers its batches and waits while the gate is closed; ``bad`` asks raise."""

    def __init__(self, *, closed: bool = False) -> None:
        self.batches: list[list[Any]] = []
        self.open = threading.Event()
        self.entered = threading.Event()
        self.errors: dict[Any, BaseException] = {}
        if not closed:
            self.open.set()

    def __call__(self, asks: Sequence[Any]) -> list[Any]:
        self.batches.append([*asks])
        self.entered.set()
        assert self.open.wait(6)
        for ask in asks:
            if ask in self.errors:
                raise self.errors[ask]
        return [ask * 2 for ask in asks]


class Crowd:
    """Calls in threads; each may be given up by its token."""

    def __init__(self, size: int = 32) -> None:
        self._pool = ThreadPoolExecutor(size)

    def call(
        self, call: Callable[..., Any], *args: Any, token: CancelToken | None = None, **options: Any
    ) -> Future[Any]:
        def work() -> Any:
            current_token.set(token)
            return call(*args, **options)

        return self._pool.submit(work)

    def close(self) -> None:
        self._pool.shutdown(wait=True)


def until(true: Callable[[], bool], seconds: float = 10) -> None:
    """Wait for what other threads do."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.001)


def queued(batcher: Batcher[Any, Any], count: int) -> None:
    until(lambda: batcher.stats.queue == count)


class Slices(Compressor):
    """Keeps the first half of each passage. Remembers its batches; a gate holds it up; a query may raise."""

    name = "slices"
    needs_query = False

    def __init__(self, *, closed: bool = False) -> None:
        self.gate = Gate(closed=closed)

    @property
    def batches(self) -> list[list[str]]:
        return self.gate.batches

    def _compress_batch(self, tasks: Sequence[Task]) -> Sequence[Draft]:
        self.gate([task.query for task in tasks])
        return [
            Draft(
                [CompressedPassage.of(p, [Span(0, len(p.text) // 2, 0.5)]) for p in task.passages],
                f"half for {task.query}",
                overhead_tokens=7,
            )
            for task in tasks
        ]
