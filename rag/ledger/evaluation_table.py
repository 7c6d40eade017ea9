"""Evaluation runs: what compressors were worth on labelled questions, and the report that says so."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base
from .types import SafeJson, SafeString, SafeText, UtcDateTime, utc_now

__all__ = ["EvaluationRun"]


class EvaluationRun(Base):
    """One finished run. ``figures`` is its ``report.json``, ``report`` the whole page."""

    __tablename__ = "evaluation_runs"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now, index=True)
    name: Mapped[str] = mapped_column(SafeString(200))
    spec_hash: Mapped[str] = mapped_column(String(64), index=True)
    """The description's; runs with the same one asked the same of the same code's versions or others."""
    folder: Mapped[str] = mapped_column(SafeText)
    """Where the results lie, on the machine that ran it."""
    questions: Mapped[int] = mapped_column(BigInteger)
    figures: Mapped[dict[str, Any]] = mapped_column(SafeJson)
    report: Mapped[str] = mapped_column(SafeText)

    @property
    def said(self) -> list[str]:
        """What the run recommends, in words."""
        return [one["text"] for one in self.figures.get("recommendations", ())]
