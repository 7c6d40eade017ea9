"""API keys, and what each has spent in a month."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base
from .types import Money, SafeJson, SafeString, UtcDateTime, utc_now

__all__ = ["ApiKeyRow", "KeyReservation", "KeyUsage"]


class ApiKeyRow(Base):
    """One key. Its secret is not here, only the secret's hash."""

    __tablename__ = "api_keys"
    __table_args__ = (
        CheckConstraint("monthly_tokens >= 0", name="monthly_tokens"),
        CheckConstraint("monthly_cost >= 0", name="monthly_cost"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str] = mapped_column(SafeString(200), index=True)
    prefix: Mapped[str] = mapped_column(String(16), unique=True)
    """The part of the key that is shown: what people tell keys apart by."""
    secret_hash: Mapped[str] = mapped_column(String(64))
    scopes: Mapped[list[str]] = mapped_column(SafeJson)
    collections: Mapped[list[str] | None] = mapped_column(SafeJson)
    """NULL: all of them."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """To the minute."""
    monthly_tokens: Mapped[int | None] = mapped_column(BigInteger)
    monthly_cost: Mapped[Decimal | None] = mapped_column(Money)


class KeyUsage(Base):
    """What a key has spent in a month (UTC): tokens that a model read or wrote, and US dollars."""

    __tablename__ = "key_usage"

    key_id: Mapped[str] = mapped_column(ForeignKey("api_keys.id", ondelete="CASCADE"), primary_key=True)
    month: Mapped[str] = mapped_column(String(7), primary_key=True)
    """YYYY-MM."""
    tokens: Mapped[int] = mapped_column(BigInteger)
    cost: Mapped[Decimal] = mapped_column(Money)


class KeyReservation(Base):
    """What a request that runs may spend; it counts until it is settled, or ``expires_at``."""

    __tablename__ = "key_reservations"
    __table_args__ = (Index(None, "key_id", "month"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    key_id: Mapped[str] = mapped_column(ForeignKey("api_keys.id", ondelete="CASCADE"))
    month: Mapped[str] = mapped_column(String(7))
    tokens: Mapped[int] = mapped_column(BigInteger)
    cost: Mapped[Decimal] = mapped_column(Money)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
