"""Jobs: ingests that take longer than a request should."""

from __future__ import annotations

from .repository import Job, JobRepository, UnknownJob
from .runner import JobQueueFull, JobRunner

__all__ = ["Job", "JobQueueFull", "JobRepository", "JobRunner", "UnknownJob"]
