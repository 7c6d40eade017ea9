"""The table of LlamaIndex nodes: what a chunk's row cannot say of the node that it was made from."""

from __future__ import annotations

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base
from .types import BIG_ID, SafeText

__all__ = ["NodeRow"]


class NodeRow(Base):
    """The LlamaIndex node that a chunk is. It goes with its chunk."""

    __tablename__ = "nodes"
    __table_args__ = (UniqueConstraint("collection_id", "key"),)

    chunk_id: Mapped[int] = mapped_column(
        BIG_ID, ForeignKey("chunks.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    collection_id: Mapped[int] = mapped_column(ForeignKey("collections.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(64))
    """SHA-256 of the node's id in hexadecimal: indexes take no text of any length, databases not any text."""
    content: Mapped[str] = mapped_column(SafeText)
    """The node as ASCII JSON, without its embedding, and without its text where the chunk holds just that."""
