"""The table of calibrations: which threshold keeps which risk, for a compressor and perhaps a collection."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base
from .types import BIG_ID, FiniteFloat, SafeText, UtcDateTime, utc_now

__all__ = ["CalibrationRow"]


class CalibrationRow(Base):
    """One calibration. Rows are only added: of two for the same risk the newer one counts."""

    __tablename__ = "calibrations"
    __table_args__ = (
        Index(None, "fingerprint", "collection_id"),
        CheckConstraint("risk > 0 AND risk < 1", name="risk"),
        CheckConstraint("size > 0", name="size"),
        {"sqlite_autoincrement": True},  # the order of the ids is the order in which they were made
    )

    id: Mapped[int] = mapped_column(BIG_ID, primary_key=True)
    collection_id: Mapped[int | None] = mapped_column(ForeignKey("collections.id", ondelete="CASCADE"))
    """NULL: for any collection."""
    compressor: Mapped[str] = mapped_column(SafeText)
    fingerprint: Mapped[str] = mapped_column(SafeText)
    threshold: Mapped[float] = mapped_column(FiniteFloat)
    risk: Mapped[float] = mapped_column(FiniteFloat)
    size: Mapped[int]
    """Calibration questions."""
    calibrated_on: Mapped[date]
    data: Mapped[str] = mapped_column(SafeText)
    """The name of the data set."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
