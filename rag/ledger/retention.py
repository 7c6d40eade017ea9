"""How long the ledger holds what: texts go first, rows only where that is asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, or_, select, update

from .engine import Database
from .job_table import JobRow
from .shadow_table import ShadowCheck
from .tables import Query

__all__ = ["Pruned", "prune"]

_BATCH = 500


@dataclass(frozen=True, slots=True)
class Pruned:
    """Rows of queries whose texts were removed or that were deleted; checks and jobs deleted."""

    queries: int
    checks: int
    jobs: int


def prune(
    database: Database,
    before: datetime,
    *,
    rows: bool = False,
    dry_run: bool = False,
    on_progress: Callable[[int], None] = lambda _done: None,
) -> Pruned:
    """Remove what is older than ``before``, in batches, so that writers hardly wait.

    Without ``rows`` only texts go (question, answer, passages): counts and costs stay, and so do all sums.
    With ``rows`` whole rows are deleted, and sums over that time no longer hold them. Queries that are
    not finished stay in either case. Killed in the middle, it can be run again.

    Raises:
        DatabaseError.
    """
    old = (Query.created_at < before, Query.outcome != "started")
    texts = or_(Query.question != "", Query.answer.is_not(None), Query.passages.is_not(None))
    wanted = select(Query.id).where(*old) if rows else select(Query.id).where(*old, texts)
    checks = ShadowCheck.created_at < before
    jobs = (JobRow.created_at < before, JobRow.state.not_in(("queued", "running")))
    if dry_run:
        with database.session() as session:
            counts = (
                select(func.count()).select_from(wanted.subquery()),
                select(func.count()).select_from(ShadowCheck).where(checks),
                select(func.count()).select_from(JobRow).where(*jobs),
            )
            return Pruned(*(session.scalar(count) or 0 for count in counts))
    done = 0
    while True:
        with database.session(write=True) as session:
            ids = list(session.scalars(wanted.limit(_BATCH)))
            if not ids:
                break
            if rows:
                session.execute(delete(Query).where(Query.id.in_(ids)))
            else:
                emptied = {"question": "", "answer": None, "passages": None}
                session.execute(
                    update(Query.__table__).where(Query.__table__.c.id.in_(ids)).values(emptied)  # type: ignore[arg-type]
                )
        done += len(ids)
        on_progress(done)
    with database.session(write=True) as session:
        gone = session.execute(delete(ShadowCheck).where(checks).returning(ShadowCheck.id)).all()
        ended = session.execute(delete(JobRow).where(*jobs).returning(JobRow.id)).all()
    return Pruned(done, len(gone), len(ended))
