"""Evaluation runs in SQL: stored when they are finished, listed, shown."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session, defer

from ...errors import TersusError
from .evaluation_table import EvaluationRun

__all__ = ["EvaluationRepository", "UnknownEvaluation"]


class UnknownEvaluation(TersusError, LookupError):
    """No evaluation run has this id."""

    code = "unknown_evaluation"


class EvaluationRepository:
    """Within the caller's transaction; nothing here commits."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, name: str, folder: str, figures: dict[str, Any], report: str) -> str:
        """Store a run; its id. One from the same folder is replaced: a report is written again and again."""
        self._session.execute(delete(EvaluationRun).where(EvaluationRun.folder == folder))
        row = EvaluationRun(
            id=uuid.uuid4().hex,
            name=name[:200],
            spec_hash=str(figures["identity"]["spec"]),
            folder=folder,
            questions=sum(figures["sizes"].values()),
            figures=figures,
            report=report,
        )
        self._session.add(row)
        self._session.flush()
        return row.id

    def list(self, limit: int = 50) -> Sequence[EvaluationRun]:
        """The newest first, without their pages."""
        statement = select(EvaluationRun).options(defer(EvaluationRun.report))
        ordered = statement.order_by(EvaluationRun.created_at.desc(), EvaluationRun.id)
        return self._session.scalars(ordered.limit(limit)).all()

    def require(self, identity: str) -> EvaluationRun:
        """The run of an id, or of the beginning of one that fits it alone.

        Raises:
            UnknownEvaluation: none, or several.
        """
        statement = select(EvaluationRun).where(EvaluationRun.id.startswith(identity, autoescape=True))
        found = self._session.scalars(statement.limit(2)).all()
        if len(found) != 1 or not identity:
            raise UnknownEvaluation(
                f"{'several runs begin' if found else 'no run begins'} with {identity!r:.40}",
                hint="tersus eval list shows them",
            )
        return found[0]
