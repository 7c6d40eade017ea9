"""``/v1/jobs``: how far long ingests have come."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path, Query

from ....rag import Tersus
from ....rag.api.errors import errors
from ....rag.api.jobs import JobList, JobOut
from ....rag.jobs import Job, JobRepository, UnknownJob
from ..deps import Caller, Reader, TersusDep, Writer

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["documents"])
JobId = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]


@router.get("/jobs", operation_id="list_jobs", summary="List jobs", responses=errors())
async def list_jobs(
    caller: Reader, tersus: TersusDep, limit: Annotated[int, Query(ge=1, le=1000)] = 50
) -> JobList:
    """The newest first."""

    def work() -> JobList:
        bound = caller.key.collections if caller.key else None
        with tersus.database.session() as session:
            found = JobRepository(session).list(collections=bound, limit=limit)
        return JobList(jobs=[JobOut.of(job) for job in found])

    return await asyncio.to_thread(work)


@router.get("/jobs/{job_id}", operation_id="get_job", summary="Show a job", responses=errors(404))
async def get_job(job_id: JobId, caller: Reader, tersus: TersusDep) -> JobOut:
    """How far it is, or how it ended."""
    return JobOut.of(await asyncio.to_thread(_visible, tersus, caller, job_id))


@router.delete("/jobs/{job_id}", operation_id="cancel_job", summary="Cancel a job", responses=errors(404))
async def cancel_job(job_id: JobId, caller: Writer, tersus: TersusDep) -> JobOut:
    """It ends at its next document; what it has stored stays. One that has ended stays as it is."""

    def work() -> Job:
        _visible(tersus, caller, job_id)
        with tersus.database.session(write=True) as session:
            JobRepository(session).ask_to_cancel(job_id)
        return _visible(tersus, caller, job_id)

    return JobOut.of(await asyncio.to_thread(work))


def _visible(tersus: Tersus, caller: Caller, job_id: str) -> Job:
    with tersus.database.session() as session:
        job = JobRepository(session).get(job_id)
    if not caller.sees(job.collection):
        raise UnknownJob(f"there is no job {job_id!r:.60}", hint="see: GET /v1/jobs")
    return job
