"""Tables of the corpus: collections, their documents, the chunks cut from them, and the vectors."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import Base
from .types import BIG_ID, SafeJson, SafeString, SafeText, UtcDateTime, utc_now

__all__ = ["Chunk", "Collection", "Document", "Vector"]

# AUTOINCREMENT everywhere: SQLite would otherwise hand the id of a deleted row to the next one,
# and an index or a cache that still knows the old row would return the wrong text.
_NEVER_REUSED = {"sqlite_autoincrement": True}


class Collection(Base):
    """A named corpus with one embedding model. ``sequence`` grows with every change to its documents."""

    __tablename__ = "collections"
    __table_args__ = (
        UniqueConstraint("name"),
        UniqueConstraint("uid"),
        CheckConstraint("dimension > 0", name="dimension"),
        CheckConstraint("sequence >= 0", name="sequence"),
        _NEVER_REUSED,
    )

    id: Mapped[int] = mapped_column(BIG_ID, primary_key=True)
    name: Mapped[str] = mapped_column(SafeString(200))
    uid: Mapped[str] = mapped_column(String(32), default=lambda: uuid4().hex)
    """Unlike id and name unique among all databases: what lies outside SQL (the index) is found by it."""
    embedding_model: Mapped[str] = mapped_column(SafeText)
    dimension: Mapped[int]
    index_kind: Mapped[str] = mapped_column(SafeString(100), default="auto")
    """A kind of index, or ``auto``: the one that fits the number of chunks."""
    sequence: Mapped[int] = mapped_column(BigInteger, default=0)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)


class Document(Base):
    """One source text. ``text`` is loaded only where it is asked for: it may be megabytes."""

    __tablename__ = "documents"
    __table_args__ = (
        UniqueConstraint("collection_id", "external_id"),
        CheckConstraint("size_bytes >= 0", name="size_bytes"),
        _NEVER_REUSED,
    )

    id: Mapped[int] = mapped_column(BIG_ID, primary_key=True)
    collection_id: Mapped[int] = mapped_column(ForeignKey("collections.id", ondelete="CASCADE"))
    external_id: Mapped[str] = mapped_column(SafeText)
    """Path or URI; unique within the collection."""
    title: Mapped[str] = mapped_column(SafeText)
    text: Mapped[str] = mapped_column(SafeText, deferred=True)
    content_hash: Mapped[str] = mapped_column(String(64))
    """SHA-256, in hexadecimal, of the content and of the settings it was processed with."""
    media_type: Mapped[str] = mapped_column(SafeText)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    meta: Mapped[dict[str, Any]] = mapped_column("metadata", SafeJson, default=dict)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    sequence: Mapped[int] = mapped_column(BigInteger)
    """The collection's sequence when this document was last written."""


class Chunk(Base):
    """A passage of a document: ``start`` and ``end`` are character offsets into ``Document.text``."""

    __tablename__ = "chunks"
    __table_args__ = (
        UniqueConstraint("document_id", "position"),
        Index(None, "collection_id", "id"),
        CheckConstraint("start_offset >= 0", name="start_offset"),
        CheckConstraint("end_offset >= start_offset", name="end_offset"),
        CheckConstraint("position >= 0", name="position"),
        _NEVER_REUSED,
    )

    id: Mapped[int] = mapped_column(BIG_ID, primary_key=True)
    document_id: Mapped[int] = mapped_column(ForeignKey("documents.id", ondelete="CASCADE"))
    collection_id: Mapped[int] = mapped_column(ForeignKey("collections.id", ondelete="CASCADE"))
    position: Mapped[int]
    # END is a reserved word of SQL; the column names spare everybody the quotes.
    start: Mapped[int] = mapped_column("start_offset")
    end: Mapped[int] = mapped_column("end_offset")
    title: Mapped[str] = mapped_column(SafeText)
    text: Mapped[str] = mapped_column(SafeText)
    meta: Mapped[dict[str, Any]] = mapped_column("metadata", SafeJson, default=dict)

    document: Mapped[Document] = relationship(lazy="raise_on_sql", viewonly=True)


class Vector(Base):
    """The embedding of a chunk, apart from it so that chunk rows stay lean; see `vectors` for the format."""

    __tablename__ = "vectors"

    chunk_id: Mapped[int] = mapped_column(
        BIG_ID, ForeignKey("chunks.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    data: Mapped[bytes] = mapped_column(LargeBinary)
