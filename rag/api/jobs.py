"""Jobs: ingests that go on after the request was answered."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

from pydantic import BaseModel, Field

from ..jobs import Job

__all__ = ["JobList", "JobOut", "JobProblem", "JobResult"]


class JobProblem(BaseModel):
    """A document or file that was not stored, and why."""

    id: str
    status: str
    reason: str | None
    code: str | None


class JobResult(BaseModel):
    """What a job did."""

    counts: dict[str, int] = Field(description="Number of documents by status.")
    problems: list[JobProblem] = Field(description="The first 100 of those refused or skipped.")


class JobOut(BaseModel):
    """A job as it is now. Documents are stored whole, one by one: what was stored stays, whatever ends it."""

    id: str
    kind: str = Field(description="documents or files.")
    collection: str
    state: str = Field(description="queued, running, done, failed, cancelled or interrupted (send it again).")
    done: int
    total: int
    chunks: int = Field(description="Embedded so far.")
    result: JobResult | None
    error_code: str | None
    error: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @classmethod
    def of(cls, job: Job) -> JobOut:
        """From the repository's job."""
        return cls(**asdict(job))


class JobList(BaseModel):
    """Jobs, newest first."""

    jobs: list[JobOut]
