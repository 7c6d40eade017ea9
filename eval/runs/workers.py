"""Units of work over several processes; one that is killed costs its unit's time and nothing else."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection
from pathlib import Path
from typing import Any

from .plan import Unit
from .spec import RunSpec

__all__ = ["WorkerLost", "Workers"]

_TRIES = 3


class WorkerLost(Exception):
    """What a unit comes to whose worker died each time."""


class Workers:
    """``count`` processes with ``threads`` threads each. Close it, or use it in ``with``."""

    def __init__(self, folder: Path, spec: RunSpec, count: int, threads: int) -> None:
        self._folder, self._spec, self._count, self._threads = folder, spec, count, threads
        self._pool: ProcessPoolExecutor | None = None

    def map(
        self, job: Callable[[Path, RunSpec, Unit], Any], units: Sequence[Unit]
    ) -> Iterator[tuple[Unit, Any]]:
        """Each unit with what ``job`` made of it, as they come; an exception of the job is given, not raised.

        A worker that dies breaks the pool: a new one is made and what was under way is done again, from
        then on one at a time until it is known who is to blame. A unit whose worker died three times is
        given :class:`WorkerLost`.
        """
        waiting = deque(units)
        suspects: set[Unit] = set()
        deaths: Counter[Unit] = Counter()
        running: dict[Future[Any], Unit] = {}
        while waiting or running:
            alone = bool(suspects)
            while waiting and len(running) < (1 if alone else self._count * 2):
                unit = waiting.popleft()
                running[self._submit(job, unit)] = unit
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            lost = []
            for future in done:
                unit = running.pop(future)
                error = future.exception()
                if isinstance(error, BrokenProcessPool):
                    lost.append(unit)
                else:
                    suspects.discard(unit)
                    yield unit, error if error is not None else future.result()
            if lost:
                self._discard()
                lost += running.values()
                running.clear()
                for unit in sorted(lost, key=lambda u: u.key, reverse=True):
                    deaths[unit] += 1
                    if len(lost) == 1 and deaths[unit] >= _TRIES:
                        suspects.discard(unit)
                        yield unit, WorkerLost("the worker process died (killed, or out of memory?)")
                    else:
                        suspects.add(unit)
                        waiting.appendleft(unit)

    def _submit(self, job: Callable[..., Any], unit: Unit) -> Future[Any]:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self._count,
                mp_context=multiprocessing.get_context("spawn"),  # torch and fork do not go together
                initializer=_start,
                initargs=(self._threads,),
            )
        try:
            return self._pool.submit(job, self._folder, self._spec, unit)
        except BrokenProcessPool as error:  # a worker died since the last look: as if with this unit
            lost: Future[Any] = Future()
            lost.set_exception(error)
            return lost

    def _discard(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(
                cancel_futures=True
            )  # waits for its thread, which would else meet closed pipes
            self._pool = None

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            for process in (self._pool._processes or {}).values():  # a long unit is not waited for
                process.terminate()
            self._discard()


def _start(threads: int) -> None:
    """In each worker, before anything is loaded. Floats depend on the number of threads in their last
    digits, so that it is the run's and not the machine's."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, who ends us
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(threads)
    import torch

    torch.set_num_threads(threads)


def _end_with(sentinel: int) -> None:
    """End with the parent, also with one that was killed: a worker holds both ends of its queue."""
    connection.wait([sentinel])
    os._exit(1)
