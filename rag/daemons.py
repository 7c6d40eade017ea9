"""Daemon threads that are used again: on a busy machine, starting one can take milliseconds."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

__all__ = ["Daemons"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Job:
    work: Callable[[], Any]
    name: str
    done: Future[Any] = field(default_factory=Future)


class Daemons:
    """As many threads as there is work at once; they do not keep the process alive.

    ``concurrent.futures`` has no such pool: its threads are waited for at the end of the process, and a call
    that hangs would keep it from ending.

    Args:
        idle: seconds after which a thread without work ends.
        most: threads that are kept without work.
    """

    def __init__(self, idle: float = 60.0, most: int = 32) -> None:
        self._seconds = idle
        self._most = most
        self._forget()
        os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        """In a forked process there are no threads yet."""
        self._lock = threading.Lock()
        self._idle: list[SimpleQueue[_Job]] = []

    def submit(self, work: Callable[[], T], name: str) -> Future[T]:
        """Run ``work`` in a thread of this ``name``; the future has its result, or whatever it raises."""
        job = _Job(work, name)
        with self._lock:
            jobs = self._idle.pop() if self._idle else None
        if jobs is None:
            jobs = SimpleQueue()
            threading.Thread(target=self._run, args=(jobs,), daemon=True, name=name).start()
        jobs.put(job)
        return job.done

    def _run(self, jobs: SimpleQueue[_Job]) -> None:
        while self._wait_and_work(jobs):
            pass

    def _wait_and_work(self, jobs: SimpleQueue[_Job]) -> bool:
        """Whether there may be more to do. What the job held is let go with this call."""
        try:
            job = jobs.get(timeout=self._seconds)
        except Empty:
            with self._lock:
                if jobs in self._idle:
                    self._idle.remove(jobs)
                    return False
            job = jobs.get()  # it was given out in this very moment
        threading.current_thread().name = job.name
        result, error = None, None
        try:
            result = job.work()
        except BaseException as raised:  # noqa: BLE001 - raised again by who waits
            error = raised
        # Idle before it is said to be done: who asks again at once finds this thread.
        with self._lock:
            more = len(self._idle) < self._most
            if more:
                self._idle.append(jobs)
        if error is not None:
            job.done.set_exception(error)
        else:
            job.done.set_result(result)
        return more
