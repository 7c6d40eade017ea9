"""Answers kept for a day, so that a request that is sent again is not done again."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base
from .types import SafeString, SafeText, UtcDateTime

__all__ = ["IdempotencyRow"]


class IdempotencyRow(Base):
    """One request by its caller's idempotency key; ``status`` is NULL while it runs."""

    __tablename__ = "idempotency"

    owner: Mapped[str] = mapped_column(String(32), primary_key=True)
    """The API key's id; empty without keys."""
    key: Mapped[str] = mapped_column(SafeString(200), primary_key=True)
    request_hash: Mapped[str] = mapped_column(String(64))
    holder: Mapped[str] = mapped_column(String(32))
    """Who works on it: of two that take over a dead one's, one is right."""
    status: Mapped[int | None]
    body: Mapped[str | None] = mapped_column(SafeText)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    """Of a running one: when its process is taken for dead; then: when the answer is forgotten."""
