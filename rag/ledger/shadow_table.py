"""Shadow checks: how answers agree with those of the full context, and what followed from it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base
from .types import FiniteFloat, SafeString, UtcDateTime, utc_now

__all__ = ["ShadowCheck", "ShadowState"]


class ShadowCheck(Base):
    """One comparison. No texts are here; the answers' rows are in the ledger, of kind ``shadow``."""

    __tablename__ = "shadow_checks"
    __table_args__ = (
        CheckConstraint("f1 >= 0 AND f1 <= 1", name="f1"),
        Index(None, "collection", "compressor", "asked", "step", "created_at"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    query_id: Mapped[str] = mapped_column(String(32))
    """The user's query that was looked at."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now, index=True)
    collection: Mapped[str] = mapped_column(SafeString(200))
    compressor: Mapped[str] = mapped_column(SafeString(200))
    asked: Mapped[str] = mapped_column(SafeString(100))
    """The budget that was asked for."""
    step: Mapped[int]
    """How far from it the budget was that gave the answer: 0 is the one asked for."""
    f1: Mapped[float] = mapped_column(FiniteFloat)
    cosine: Mapped[float] = mapped_column(FiniteFloat)
    tokens: Mapped[int] = mapped_column(BigInteger)
    """Read and written by the language model for this comparison."""


class ShadowState(Base):
    """How far compression has backed off, by what was asked for; none where it never has."""

    __tablename__ = "shadow_states"

    collection: Mapped[str] = mapped_column(SafeString(200), primary_key=True)
    compressor: Mapped[str] = mapped_column(SafeString(200), primary_key=True)
    asked: Mapped[str] = mapped_column(SafeString(100), primary_key=True)
    step: Mapped[int]
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    """Only comparisons from then on count."""
    reason: Mapped[str] = mapped_column(SafeString(500))
