"""Jobs in SQL, on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tersus.rag.ingest.report import IngestReport, Progress
from tersus.rag.jobs import JobRepository, JobRunner, UnknownJob
from tersus.rag.ledger import Database
from tersus.rag.ledger.types import utc_now


def test_a_job_without_signs_of_life_is_interrupted(database: Database) -> None:
    with database.session(write=True) as session:
        jobs = JobRepository(session)
        job_id = jobs.create("files", "docs", 3)
        assert jobs.start(job_id)
        assert not jobs.start(job_id)
        assert jobs.beat([job_id], {job_id: (1, 3, 7)}) == set()
    with database.session(write=True) as session:
        jobs = JobRepository(session)
        job = jobs.get(job_id)
        assert (job.state, job.done, job.total, job.chunks, job.ended) == ("running", 1, 3, 7, False)
        later = utc_now() + timedelta(seconds=61)
        assert jobs.get(job_id, later).state == "interrupted"
        assert [one.state for one in jobs.list(collections=["docs"], now=later)] == ["interrupted"]
        assert jobs.list(collections=["other"]) == []
        jobs.ask_to_cancel(job_id)
        assert jobs.beat([job_id], {}) == {job_id}
        jobs.finish(job_id, "done")
        jobs.finish(job_id, "failed")
        assert jobs.get(job_id).state == "done"
        with pytest.raises(UnknownJob):
            jobs.get("0" * 32)


def test_jobs_run_in_order_and_what_fails_says_why(database: Database) -> None:
    seen: list[str] = []

    def good(tell: object) -> IngestReport:
        seen.append("good")
        tell(Progress(1, 1, 0))  # type: ignore[operator]
        return IngestReport("docs")

    def bad(_tell: object) -> IngestReport:
        raise ValueError("secret path")

    runner = JobRunner(database, beat=0.05)
    jobs = [
        runner.submit("files", "docs", 1, good, cleanup=lambda: seen.append("cleaned")),
        runner.submit("files", "docs", 1, bad, cleanup=lambda: seen.append("cleaned")),
        runner.submit("files", "docs", 1, good),
    ]
    deadline = utc_now() + timedelta(seconds=20)
    states: list[str] = []
    while utc_now() < deadline and (not states or {"queued", "running"} & set(states)):
        with database.session() as session:
            found = [JobRepository(session).get(job.id) for job in jobs]
        states = [job.state for job in found]
    runner.close()
    assert states == ["done", "failed", "done"]
    assert (found[1].error_code, found[1].error) == ("internal_error", "the service failed")
    assert seen == ["good", "cleaned", "cleaned", "good"]
