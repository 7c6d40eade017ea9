"""Long ingests, and how far they have come."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, get_args

from sqlalchemy import BigInteger, CheckConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base
from .types import SafeJson, SafeString, SafeText, UtcDateTime, utc_now

__all__ = ["JOB_STATES", "JobRow", "JobState"]

JobState = Literal["queued", "running", "done", "failed", "cancelled", "interrupted"]
JOB_STATES: tuple[str, ...] = get_args(JobState)


class JobRow(Base):
    """One job. What it has stored stays, whatever ends it: documents are written whole, one by one."""

    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint(f"state IN ({', '.join(repr(state) for state in JOB_STATES)})", name="state"),
        CheckConstraint("done >= 0 AND total >= 0 AND chunks >= 0", name="counts"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    """``documents`` or ``files``."""
    collection: Mapped[str] = mapped_column(SafeString(200), index=True)
    state: Mapped[str] = mapped_column(String(16), default="queued")
    cancel: Mapped[bool] = mapped_column(default=False)
    """Somebody asked that it end."""
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    chunks: Mapped[int] = mapped_column(BigInteger, default=0)
    """Embedded so far."""
    result: Mapped[dict[str, Any] | None] = mapped_column(SafeJson)
    """``{counts: {status: number}, problems: [{id, status, reason, code}]}`` at the end."""
    error_code: Mapped[str | None] = mapped_column(SafeText)
    error: Mapped[str | None] = mapped_column(SafeText)
    key_id: Mapped[str | None] = mapped_column(String(32))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now, index=True)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    heartbeat_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    """When its process was last known to live."""
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
