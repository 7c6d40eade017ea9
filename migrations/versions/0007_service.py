"""Where queries come from (key, request, door, search mode), and answers kept for idempotency keys.

This file is self-contained and is not changed after its release.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: str | None = None
depends_on: str | None = None

_COLUMNS = {
    "search": sa.String(16),
    "key_id": sa.String(32),
    "key_name": sa.String(200),
    "request_id": sa.String(128),
    "endpoint": sa.String(100),
}


def upgrade() -> None:
    """Add the columns, unknown for the rows that are there; create the table."""
    for name, kind in _COLUMNS.items():
        op.add_column("queries", sa.Column(name, kind))
    op.create_index("ix_queries_key_id", "queries", ["key_id"])
    op.create_table(
        "idempotency",
        sa.Column("owner", sa.String(32), nullable=False),
        sa.Column("key", sa.String(200), nullable=False),
        sa.Column("request_hash", sa.String(64), nullable=False),
        sa.Column("holder", sa.String(32), nullable=False),
        sa.Column("status", sa.Integer()),
        sa.Column("body", sa.Text()),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("owner", "key", name="pk_idempotency"),
    )
    op.create_index("ix_idempotency_expires_at", "idempotency", ["expires_at"])


def downgrade() -> None:
    """Drop both; the rows of the ledger stay."""
    op.drop_index("ix_idempotency_expires_at", table_name="idempotency")
    op.drop_table("idempotency")
    op.drop_index("ix_queries_key_id", table_name="queries")
    for name in reversed(_COLUMNS):
        op.drop_column("queries", name)
