"""One thread that works on this process's jobs, one after the other, and one that says that they live."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass

from ...errors import TersusError
from ..ingest.report import IngestReport, OnProgress, Progress
from ..ledger import Database
from .repository import Job, JobRepository

__all__ = ["JobQueueFull", "JobRunner", "Work"]

log = logging.getLogger(__name__)

Work = Callable[[OnProgress], IngestReport]
"""Does a job's work, tells how far it is, and returns what it did."""
_PROBLEMS = 100  # told of in full; the counts have all
_WAITING = 100


class JobQueueFull(TersusError):
    """So many jobs are waiting that no further one is taken; ``retry_after`` is in seconds."""

    code = "overloaded"
    retry_after = 30.0


class _Cancelled(Exception):
    pass


@dataclass(frozen=True, slots=True)
class _Queued:
    id: str
    work: Work
    cleanup: Callable[[], None]


class JobRunner:
    """Runs jobs in the order in which they come. Make it when the service starts; `close` ends it.

    Args:
        beat: seconds between two signs of life.
    """

    def __init__(self, database: Database, *, beat: float = 2.0) -> None:
        self._database = database
        self._beat = beat
        self._queue: queue.Queue[_Queued | None] = queue.Queue()
        self._alive: dict[str, _Queued] = {}
        self._progress: dict[str, tuple[int, int, int]] = {}
        self._cancelled: set[str] = set()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._threads: list[threading.Thread] = []

    def submit(
        self,
        kind: str,
        collection: str,
        total: int,
        work: Work,
        *,
        key_id: str | None = None,
        cleanup: Callable[[], None] = lambda: None,
    ) -> Job:
        """Queue a job.

        Args:
            kind: ``documents`` or ``files``.
            total: documents or files.
            cleanup: called once, whatever ends the job.

        Raises:
            JobQueueFull; DatabaseError. ``cleanup`` was called then, too.
        """
        try:
            self._refuse_when_full()
            with self._database.session(write=True) as session:
                repository = JobRepository(session)
                job = repository.get(repository.create(kind, collection, total, key_id))
        except BaseException:
            cleanup()
            raise
        queued = _Queued(job.id, work, cleanup)
        with self._lock:
            self._alive[job.id] = queued
            self._start()
        self._queue.put(queued)
        return job

    def close(self) -> None:
        """Interrupt what runs at its next document, and what waits; returns when both threads have ended."""
        self._closing.set()
        with self._lock:
            threads, self._threads = self._threads, []
        self._queue.put(None)
        for thread in threads:
            thread.join()
        with self._lock:
            left = list(self._alive)
        for job_id in left:
            self._end(job_id, "interrupted", error="the service was stopped")

    def _refuse_when_full(self) -> None:
        if self._closing.is_set() or self._queue.qsize() >= _WAITING:
            raise JobQueueFull("no further job is taken at the moment", hint="ask again later")

    def _start(self) -> None:
        if not self._threads and not self._closing.is_set():
            for target in (self._run, self._live):
                thread = threading.Thread(target=target, daemon=True, name=f"tersus jobs: {target.__name__}")
                self._threads.append(thread)
                thread.start()

    def _run(self) -> None:
        while not self._closing.is_set():
            job = self._queue.get()
            if job is None:
                return
            try:
                self._do(job)
            except Exception:  # the database is away: its job will be seen as interrupted
                log.exception("job %s could not be ended", job.id)
                self._forget(job.id)

    def _do(self, job: _Queued) -> None:
        with self._database.session(write=True) as session:
            if not JobRepository(session).start(job.id):
                self._forget(job.id)
                return
        try:
            report = job.work(lambda now: self._tell(job.id, now))
        except _Cancelled:
            stopped = self._closing.is_set()
            self._end(
                job.id,
                "interrupted" if stopped else "cancelled",
                error="the service was stopped" if stopped else None,
            )
        except TersusError as error:
            log.warning("job %s failed: %s", job.id, error)
            self._end(job.id, "failed", error_code=error.code, error=error.message)
        except Exception:
            log.exception("job %s failed", job.id)
            self._end(job.id, "failed", error_code="internal_error", error="the service failed")
        else:
            problems = [
                {"id": d.external_id, "status": d.status, "reason": d.reason, "code": d.code}
                for d in report.documents
                if d.status in ("refused", "skipped")
            ]
            result = {"counts": report.counts(), "problems": problems[:_PROBLEMS]}
            done = len(report.documents)
            self._end(job.id, "done", result=result, done=done, total=done, chunks=report.chunks)

    def _tell(self, job_id: str, now: Progress) -> None:
        self._progress[job_id] = (now.done, max(now.total, now.done), now.chunks)
        if self._closing.is_set() or job_id in self._cancelled:
            raise _Cancelled

    def _live(self) -> None:
        while not self._closing.wait(self._beat):
            with self._lock:
                alive = list(self._alive)
            if not alive:
                continue
            try:
                with self._database.session(write=True) as session:
                    self._cancelled |= JobRepository(session).beat(alive, dict(self._progress))
            except TersusError as error:
                log.warning("the jobs' signs of life cannot be written: %s", error)

    def _end(self, job_id: str, state: str, **values: object) -> None:
        try:
            with self._database.session(write=True) as session:
                JobRepository(session).finish(job_id, state, **values)  # type: ignore[arg-type]
        finally:
            self._forget(job_id)

    def _forget(self, job_id: str) -> None:
        with self._lock:
            job = self._alive.pop(job_id, None)
        self._progress.pop(job_id, None)
        self._cancelled.discard(job_id)
        if job is not None:
            try:
                job.cleanup()
            except OSError:
                log.exception("what job %s left could not be removed", job_id)
