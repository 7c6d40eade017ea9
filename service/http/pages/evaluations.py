"""Evaluation runs as pages: a list, and each run's own report."""

from __future__ import annotations

from typing import Any

from ....rag import Tersus
from ....rag.ledger.evaluations import EvaluationRepository, UnknownEvaluation
from ..deps import Caller

__all__ = ["evaluation_list", "evaluation_report"]


def evaluation_list(tersus: Tersus, who: Caller) -> dict[str, Any]:
    """The template's values; nothing for a key that is bound to collections."""
    if not who.sees(None):
        return {"rows": [], "bound": True}
    with tersus.database.session() as session:
        rows = [
            {
                "id": row.id, "created_at": row.created_at, "name": row.name, "questions": row.questions,
                "said": row.said,
            }
            for row in EvaluationRepository(session).list()
        ]  # fmt: skip
    return {"rows": rows, "bound": False}


def evaluation_report(tersus: Tersus, who: Caller, run_id: str) -> str:
    """The page that the run wrote. Raises UnknownEvaluation, also where the caller may not see it."""
    if not who.sees(None):
        raise UnknownEvaluation("there is no such evaluation", hint="see /evaluations")
    with tersus.database.session() as session:
        return EvaluationRepository(session).require(run_id).report
