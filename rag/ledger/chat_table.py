"""What was sent of earlier turns of a conversation, so that it is sent again as it was."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base
from .types import SafeText, UtcDateTime

__all__ = ["ChatSent"]


class ChatSent(Base):
    """A text by the hash of all that it was made from."""

    __tablename__ = "chat_sent"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    text: Mapped[str] = mapped_column(SafeText)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
