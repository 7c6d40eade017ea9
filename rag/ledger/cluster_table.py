"""Tables of a collection's clusters: how they were made, their centroids, and the cluster of each chunk."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base
from .types import BIG_ID, FiniteFloat, SafeText, UtcDateTime, utc_now

__all__ = ["ChunkCluster", "Cluster", "Clustering"]


class Clustering(Base):
    """The clustering of a collection; the next build puts a new row with a new id in its place."""

    __tablename__ = "clusterings"
    __table_args__ = (
        UniqueConstraint("collection_id"),
        CheckConstraint("k > 0", name="k"),
        CheckConstraint("sequence >= 0", name="sequence"),
        CheckConstraint("covered >= sequence", name="covered"),
        CheckConstraint("trained_on > 0", name="trained_on"),
        CheckConstraint("size > 0", name="size"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BIG_ID, primary_key=True)
    collection_id: Mapped[int] = mapped_column(ForeignKey("collections.id", ondelete="CASCADE"))
    k: Mapped[int]
    """Clusters asked for. Those to which no chunk was nearest were left out."""
    seed: Mapped[int] = mapped_column(BigInteger)
    sequence: Mapped[int] = mapped_column(BigInteger)
    """The collection's sequence when its vectors were read."""
    covered: Mapped[int] = mapped_column(BigInteger)
    """Every chunk that was there at this sequence, and is still there, has its cluster."""
    trained_on: Mapped[int]
    """Chunks that the centroids were learned from."""
    size: Mapped[int]
    """Chunks that were given a cluster by the build."""
    last_chunk: Mapped[int] = mapped_column(BigInteger)
    """The largest id among them: what is larger came later."""
    similarity: Mapped[float] = mapped_column(FiniteFloat)
    """Their mean cosine to the centroids of their clusters."""
    embedding_model: Mapped[str] = mapped_column(SafeText)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)


class Cluster(Base):
    """A cluster as it was built. ``size`` and ``similarity`` are those of then."""

    __tablename__ = "clusters"
    __table_args__ = (
        CheckConstraint("number >= 0", name="number"),
        CheckConstraint("size > 0", name="size"),
    )

    clustering_id: Mapped[int] = mapped_column(
        BIG_ID, ForeignKey("clusterings.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """From 0, without gaps."""
    centroid: Mapped[bytes] = mapped_column(LargeBinary)
    """The format is that of `vectors`."""
    size: Mapped[int]
    similarity: Mapped[float] = mapped_column(FiniteFloat)


class ChunkCluster(Base):
    """The cluster of a chunk. Deleting the chunk removes it from the cluster."""

    __tablename__ = "chunk_clusters"
    __table_args__ = (
        ForeignKeyConstraint(
            ["clustering_id", "number"], ["clusters.clustering_id", "clusters.number"], ondelete="CASCADE"
        ),
        Index(None, "clustering_id", "number"),
    )

    chunk_id: Mapped[int] = mapped_column(
        BIG_ID, ForeignKey("chunks.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    clustering_id: Mapped[int] = mapped_column(BIG_ID)
    number: Mapped[int]
    similarity: Mapped[float] = mapped_column(FiniteFloat)
    """The cosine of the chunk's vector to the centroid."""
