"""Jobs in SQL: made, told of, ended."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from ...errors import TersusError
from ..ledger.job_table import JobRow, JobState
from ..ledger.types import utc_now

__all__ = ["STALE", "Job", "JobRepository", "UnknownJob"]

STALE = timedelta(seconds=60)
"""A job whose process has not been heard of for so long is taken for dead."""
_OPEN = ("queued", "running")


class UnknownJob(TersusError):
    """There is no such job."""

    code = "unknown_job"


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it is now; ``total`` and ``done`` count documents or files."""

    id: str
    kind: str
    collection: str
    state: str
    done: int
    total: int
    chunks: int
    result: dict[str, Any] | None
    error_code: str | None
    error: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state not in _OPEN

    @classmethod
    def of(cls, row: JobRow, now: datetime) -> Job:
        """From its row; one that stopped giving signs of life is ``interrupted``."""
        state = row.state
        if state in _OPEN and now - row.heartbeat_at > STALE:
            state = "interrupted"
        return cls(
            id=row.id,
            kind=row.kind,
            collection=row.collection,
            state=state,
            done=row.done,
            total=row.total,
            chunks=row.chunks,
            result=row.result,
            error_code=row.error_code,
            error=row.error,
            created_at=row.created_at,
            started_at=row.started_at,
            finished_at=row.finished_at,
        )


class JobRepository:
    """Jobs within the caller's transaction; nothing here commits."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def create(self, kind: str, collection: str, total: int, key_id: str | None = None) -> str:
        """A queued job; returns its id."""
        row = JobRow(id=uuid.uuid4().hex, kind=kind, collection=collection, total=total, key_id=key_id)
        self._session.add(row)
        self._session.flush()
        return row.id

    def get(self, job_id: str, now: datetime | None = None) -> Job:
        """The job. Raises UnknownJob."""
        row = self._session.get(JobRow, job_id, populate_existing=True)
        if row is None:
            raise UnknownJob(f"there is no job {job_id!r:.60}", hint="see: GET /v1/jobs")
        return Job.of(row, now or utc_now())

    def list(
        self, *, collections: Collection[str] | None = None, limit: int = 100, now: datetime | None = None
    ) -> Sequence[Job]:
        """The newest jobs first; of ``collections`` alone where those are given."""
        statement = select(JobRow).order_by(JobRow.created_at.desc(), JobRow.id).limit(limit)
        if collections is not None:
            statement = statement.where(JobRow.collection.in_(collections))
        rows = self._session.scalars(statement.execution_options(populate_existing=True))
        return [Job.of(row, now or utc_now()) for row in rows]

    def ask_to_cancel(self, job_id: str) -> None:
        """A queued job ends at once, one that runs at its next document."""
        now = utc_now()
        mine = JobRow.id == job_id
        self._session.execute(update(JobRow).where(mine, JobRow.state.in_(_OPEN)).values(cancel=True))
        waiting = or_(JobRow.state == "queued", JobRow.heartbeat_at < now - STALE)
        self._session.execute(
            update(JobRow)
            .where(mine, JobRow.state.in_(_OPEN), waiting)
            .values(state="cancelled", finished_at=now)
        )

    def start(self, job_id: str) -> bool:
        """Mark it running; False where it was cancelled meanwhile."""
        now = utc_now()
        statement = update(JobRow).where(JobRow.id == job_id, JobRow.state == "queued")
        started = statement.values(state="running", started_at=now, heartbeat_at=now).returning(JobRow.id)
        return self._session.scalar(started) is not None

    def beat(self, job_ids: Sequence[str], progress: dict[str, tuple[int, int, int]]) -> set[str]:
        """Say that these live, and how far each is (done, total, chunks); returns those to be cancelled."""
        now = utc_now()
        for job_id in job_ids:
            values: dict[str, Any] = {"heartbeat_at": now}
            if job_id in progress:
                done, total, chunks = progress[job_id]
                values |= {"done": done, "total": total, "chunks": chunks}
            self._session.execute(
                update(JobRow).where(JobRow.id == job_id, JobRow.state.in_(_OPEN)).values(values)
            )
        wanted = select(JobRow.id).where(JobRow.id.in_(job_ids), JobRow.cancel.is_(True))
        return set(self._session.scalars(wanted))

    def finish(self, job_id: str, state: JobState, **values: Any) -> None:
        """End it; one that has ended stays as it is."""
        self._session.execute(
            update(JobRow)
            .where(JobRow.id == job_id, JobRow.state.in_(_OPEN))
            .values(state=state, finished_at=utc_now(), **values)
        )
