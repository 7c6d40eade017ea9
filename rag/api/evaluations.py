"""Evaluation runs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from ..ledger.evaluation_table import EvaluationRun

__all__ = ["EvaluationList", "EvaluationOut", "EvaluationSummary"]


class EvaluationSummary(BaseModel):
    """A run in a list."""

    id: str
    created_at: datetime
    name: str
    spec: str = Field(description="Hash of the description: the same one was asked the same.")
    questions: int
    recommendations: list[str]

    @classmethod
    def of(cls, row: EvaluationRun) -> EvaluationSummary:
        """From the row."""
        return cls(**_common(row))


class EvaluationList(BaseModel):
    """Runs, the newest first."""

    evaluations: list[EvaluationSummary]


class EvaluationOut(EvaluationSummary):
    """A run with its figures, as ``report.json`` has them."""

    figures: dict[str, Any]

    @classmethod
    def of(cls, row: EvaluationRun) -> EvaluationOut:
        """From the row."""
        return cls(**_common(row), figures=row.figures)


def _common(row: EvaluationRun) -> dict[str, Any]:
    return {
        "id": row.id, "created_at": row.created_at, "name": row.name, "spec": row.spec_hash,
        "questions": row.questions, "recommendations": row.said,
    }  # fmt: skip
