"""LlamaIndex nodes: which node a chunk is, and what the chunk's row cannot say of it.

All go with their chunk. This file is self-contained and is not changed after its release.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | None = None
depends_on: str | None = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _parent(column: str, parent: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{parent}.id"], name=f"fk_nodes_{column}", ondelete="CASCADE")


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "nodes",
        sa.Column("chunk_id", _KEY, nullable=False, autoincrement=False),
        sa.Column("collection_id", _KEY, nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("chunk_id", name="pk_nodes"),
        sa.UniqueConstraint("collection_id", "key", name="uq_nodes_collection_id_key"),
        _parent("chunk_id", "chunks"),
        _parent("collection_id", "collections"),
    )


def downgrade() -> None:
    """Drop the table: nodes stay as chunks, without what only LlamaIndex knows of them."""
    op.drop_table("nodes")
