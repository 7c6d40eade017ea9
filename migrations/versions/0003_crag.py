"""Corpus-level CRAG: groups of a collection, their clusters, members and summaries.

All go with their collection; a deleted chunk leaves its clusters. This file is self-contained and is not
changed after its release.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
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
        "crags",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("collection_id", _KEY, nullable=False),
        sa.Column("group_by", sa.String(200), nullable=False),
        sa.Column("clusters", sa.Integer()),
        sa.Column("max_tokens", sa.Integer(), nullable=False),
        sa.Column("summariser", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger()),
        sa.Column("overhead_tokens", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_crags"),
        sa.UniqueConstraint("collection_id", "group_by", name="uq_crags_collection_id_group_by"),
        _parent("crags", "collection_id", "collections"),
        sa.CheckConstraint("clusters > 0", name=op.f("ck_crags_clusters")),
        sa.CheckConstraint("max_tokens > 0", name=op.f("ck_crags_max_tokens")),
        sa.CheckConstraint("overhead_tokens >= 0", name=op.f("ck_crags_overhead_tokens")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "crag_groups",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("crag_id", _KEY, nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("label_hash", sa.String(64), nullable=False),
        sa.Column("clusters", sa.Integer()),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("silhouette", sa.Double()),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_crag_groups"),
        sa.UniqueConstraint("crag_id", "label_hash", name="uq_crag_groups_crag_id_label_hash"),
        _parent("crag_groups", "crag_id", "crags"),
        sa.CheckConstraint("size > 0", name=op.f("ck_crag_groups_size")),
        sa.CheckConstraint("revision >= 0", name=op.f("ck_crag_groups_revision")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "crag_clusters",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("group_id", _KEY, nullable=False),
        sa.Column("centroid", sa.LargeBinary(), nullable=False),
        sa.Column("summary_key", sa.String(64)),
        sa.Column("summary_tokens", sa.Integer()),
        sa.Column("fallback", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_crag_clusters"),
        _parent("crag_clusters", "group_id", "crag_groups"),
        sa.CheckConstraint("summary_tokens >= 0", name=op.f("ck_crag_clusters_summary_tokens")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_crag_clusters_group_id", "crag_clusters", ["group_id"])
    op.create_table(
        "crag_members",
        sa.Column("cluster_id", _KEY, nullable=False, autoincrement=False),
        sa.Column("chunk_id", _KEY, nullable=False, autoincrement=False),
        sa.Column("founder", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("cluster_id", "chunk_id", name="pk_crag_members"),
        _parent("crag_members", "cluster_id", "crag_clusters"),
        _parent("crag_members", "chunk_id", "chunks"),
    )
    op.create_index("ix_crag_members_chunk_id", "crag_members", ["chunk_id"])
    op.create_table(
        "crag_sentences",
        sa.Column("cluster_id", _KEY, nullable=False, autoincrement=False),
        sa.Column("position", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("sources", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("cluster_id", "position", name="pk_crag_sentences"),
        _parent("crag_sentences", "cluster_id", "crag_clusters"),
    )


def downgrade() -> None:
    """Drop the tables, with every stored summary."""
    op.drop_table("crag_sentences")
    op.drop_index("ix_crag_members_chunk_id", table_name="crag_members")
    op.drop_table("crag_members")
    op.drop_index("ix_crag_clusters_group_id", table_name="crag_clusters")
    op.drop_table("crag_clusters")
    op.drop_table("crag_groups")
    op.drop_table("crags")
