"""Tables of corpus-level CRAG: groups of a collection's chunks, their clusters, and the summaries."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base
from .types import BIG_ID, FiniteFloat, SafeJson, SafeString, SafeText, UtcDateTime, utc_now

__all__ = ["Crag", "CragCluster", "CragGroup", "CragMember", "CragSentence"]

_NEVER_REUSED = {"sqlite_autoincrement": True}


class Crag(Base):
    """A collection grouped by one field, and how its clusters are made and summarised."""

    __tablename__ = "crags"
    __table_args__ = (
        UniqueConstraint("collection_id", "group_by"),
        CheckConstraint("clusters > 0", name="clusters"),
        CheckConstraint("max_tokens > 0", name="max_tokens"),
        CheckConstraint("overhead_tokens >= 0", name="overhead_tokens"),
        _NEVER_REUSED,
    )

    id: Mapped[int] = mapped_column(BIG_ID, primary_key=True)
    collection_id: Mapped[int] = mapped_column(ForeignKey("collections.id", ondelete="CASCADE"))
    group_by: Mapped[str] = mapped_column(SafeString(200))
    """A metadata field of the documents; empty where all documents are one group."""
    clusters: Mapped[int | None]
    """Clusters asked for in each group; NULL where the silhouette chooses."""
    max_tokens: Mapped[int]
    """Most tokens of a cluster's summary."""
    summariser: Mapped[str] = mapped_column(SafeText)
    fingerprint: Mapped[str] = mapped_column(SafeText)
    sequence: Mapped[int | None] = mapped_column(BigInteger)
    """The collection's sequence that the newest finished build covers; NULL before the first."""
    overhead_tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    """Tokens that a language model read and wrote for all builds so far."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)


class CragGroup(Base):
    """The chunks whose documents share a value of the field."""

    __tablename__ = "crag_groups"
    __table_args__ = (
        UniqueConstraint("crag_id", "label_hash"),
        CheckConstraint("size > 0", name="size"),
        CheckConstraint("revision >= 0", name="revision"),
        _NEVER_REUSED,
    )

    id: Mapped[int] = mapped_column(BIG_ID, primary_key=True)
    crag_id: Mapped[int] = mapped_column(ForeignKey("crags.id", ondelete="CASCADE"))
    label: Mapped[str] = mapped_column(SafeText)
    label_hash: Mapped[str] = mapped_column(String(64))
    """SHA-256 of the label in hexadecimal: indexes take no text of any length."""
    clusters: Mapped[int | None]
    """Clusters asked for when the group was last clustered anew; NULL where the silhouette chose."""
    size: Mapped[int]
    """Chunks when the group was last clustered anew."""
    silhouette: Mapped[float | None] = mapped_column(FiniteFloat)
    revision: Mapped[int] = mapped_column(BigInteger, default=0)
    """Grows with every change to the group's clusters: of two builds at once, the slower one notices."""


class CragCluster(Base):
    """Chunks of a group that lie together, and whether their summary is up to date."""

    __tablename__ = "crag_clusters"
    __table_args__ = (
        Index(None, "group_id"),
        CheckConstraint("summary_tokens >= 0", name="summary_tokens"),
        _NEVER_REUSED,
    )

    id: Mapped[int] = mapped_column(BIG_ID, primary_key=True)
    group_id: Mapped[int] = mapped_column(ForeignKey("crag_groups.id", ondelete="CASCADE"))
    centroid: Mapped[bytes] = mapped_column(LargeBinary)
    """Mean of the vectors when the group was clustered; the format is that of `vectors`."""
    summary_key: Mapped[str | None] = mapped_column(String(64))
    """What was summarised, and how (see `tersus.rag.crag.plan`); NULL before the first summary."""
    summary_tokens: Mapped[int | None]
    fallback: Mapped[str | None] = mapped_column(SafeText)
    """Why the summary is the extractive one though another was asked for."""


class CragMember(Base):
    """A chunk of a cluster. Deleting the chunk removes it from its clusters."""

    __tablename__ = "crag_members"
    __table_args__ = (Index(None, "chunk_id"),)

    cluster_id: Mapped[int] = mapped_column(
        BIG_ID, ForeignKey("crag_clusters.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    chunk_id: Mapped[int] = mapped_column(
        BIG_ID, ForeignKey("chunks.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    founder: Mapped[bool]
    """Whether it was there when the group was last clustered anew."""


class CragSentence(Base):
    """A sentence of a cluster's summary."""

    __tablename__ = "crag_sentences"

    cluster_id: Mapped[int] = mapped_column(
        BIG_ID, ForeignKey("crag_clusters.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    text: Mapped[str] = mapped_column(SafeText)
    sources: Mapped[list[Any]] = mapped_column(SafeJson)
    """The content hashes of the chunks that it was made from: an equal chunk of another id is as good."""
