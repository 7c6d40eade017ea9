"""Shadow checks, and how far compression has backed off.

This file is self-contained and is not changed after its release.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0010"
down_revision: str | None = "0009"
branch_labels: str | None = None
depends_on: str | None = None

_KEY = ["collection", "compressor", "asked", "step", "created_at"]


def upgrade() -> None:
    """Create both tables."""
    op.create_table(
        "shadow_checks",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("query_id", sa.String(32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("collection", sa.String(200), nullable=False),
        sa.Column("compressor", sa.String(200), nullable=False),
        sa.Column("asked", sa.String(100), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("f1", sa.Double(), nullable=False),
        sa.Column("cosine", sa.Double(), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("f1 >= 0 AND f1 <= 1", name=op.f("ck_shadow_checks_f1")),
        sa.PrimaryKeyConstraint("id", name="pk_shadow_checks"),
    )
    op.create_index("ix_shadow_checks_created_at", "shadow_checks", ["created_at"])
    op.create_index("ix_shadow_checks_collection_compressor_asked_step_created_at", "shadow_checks", _KEY)
    op.create_table(
        "shadow_states",
        sa.Column("collection", sa.String(200), nullable=False),
        sa.Column("compressor", sa.String(200), nullable=False),
        sa.Column("asked", sa.String(100), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.PrimaryKeyConstraint("collection", "compressor", "asked", name="pk_shadow_states"),
    )


def downgrade() -> None:
    """Drop both: compression goes back to what is asked for."""
    op.drop_table("shadow_states")
    op.drop_index("ix_shadow_checks_collection_compressor_asked_step_created_at", "shadow_checks")
    op.drop_index("ix_shadow_checks_created_at", "shadow_checks")
    op.drop_table("shadow_checks")
