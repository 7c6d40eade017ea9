"""Clusters of a collection: how they were made, their centroids, and the cluster of every chunk.

All go with their collection; a deleted chunk leaves its cluster. This file is self-contained and is not
changed after its release.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | None = None
depends_on: str | None = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _parent(table: str, column: str, parent: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [column], [f"{parent}.id"], name=f"fk_{table}_{column}", ondelete="CASCADE"
    )


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "clusterings",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("collection_id", _KEY, nullable=False),
        sa.Column("k", sa.Integer(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("covered", sa.BigInteger(), nullable=False),
        sa.Column("trained_on", sa.Integer(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("last_chunk", sa.BigInteger(), nullable=False),
        sa.Column("similarity", sa.Double(), nullable=False),
        sa.Column("embedding_model", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_clusterings"),
        sa.UniqueConstraint("collection_id", name="uq_clusterings_collection_id"),
        _parent("clusterings", "collection_id", "collections"),
        sa.CheckConstraint("k > 0", name=op.f("ck_clusterings_k")),
        sa.CheckConstraint("sequence >= 0", name=op.f("ck_clusterings_sequence")),
        sa.CheckConstraint("covered >= sequence", name=op.f("ck_clusterings_covered")),
        sa.CheckConstraint("trained_on > 0", name=op.f("ck_clusterings_trained_on")),
        sa.CheckConstraint("size > 0", name=op.f("ck_clusterings_size")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "clusters",
        sa.Column("clustering_id", _KEY, nullable=False, autoincrement=False),
        sa.Column("number", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("centroid", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("similarity", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("clustering_id", "number", name="pk_clusters"),
        _parent("clusters", "clustering_id", "clusterings"),
        sa.CheckConstraint("number >= 0", name=op.f("ck_clusters_number")),
        sa.CheckConstraint("size > 0", name=op.f("ck_clusters_size")),
    )
    op.create_table(
        "chunk_clusters",
        sa.Column("chunk_id", _KEY, nullable=False, autoincrement=False),
        sa.Column("clustering_id", _KEY, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("similarity", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("chunk_id", name="pk_chunk_clusters"),
        _parent("chunk_clusters", "chunk_id", "chunks"),
        sa.ForeignKeyConstraint(
            ["clustering_id", "number"],
            ["clusters.clustering_id", "clusters.number"],
            name="fk_chunk_clusters_clustering_id_number",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_chunk_clusters_clustering_id_number", "chunk_clusters", ["clustering_id", "number"])


def downgrade() -> None:
    """Drop the tables, with every clustering."""
    op.drop_index("ix_chunk_clusters_clustering_id_number", table_name="chunk_clusters")
    op.drop_table("chunk_clusters")
    op.drop_table("clusters")
    op.drop_table("clusterings")
