"""What was sent of earlier turns of a conversation.

This file is self-contained and is not changed after its release.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0009"
down_revision: str | None = "0008"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "chat_sent",
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_chat_sent"),
    )
    op.create_index("ix_chat_sent_expires_at", "chat_sent", ["expires_at"])


def downgrade() -> None:
    """Drop the table: conversations that go on are sent anew."""
    op.drop_index("ix_chat_sent_expires_at", table_name="chat_sent")
    op.drop_table("chat_sent")
