"""API keys, what each has spent in a month, and what running requests may spend.

This file is self-contained and is not changed after its release.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: str | None = None
depends_on: str | None = None

_MOMENT = sa.DateTime(timezone=True)


def _of_key(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["key_id"], ["api_keys.id"], name=f"fk_{table}_key_id", ondelete="CASCADE")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("prefix", sa.String(16), nullable=False),
        sa.Column("secret_hash", sa.String(64), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("collections", sa.JSON()),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("expires_at", _MOMENT),
        sa.Column("revoked_at", _MOMENT),
        sa.Column("last_used_at", _MOMENT),
        sa.Column("monthly_tokens", sa.BigInteger()),
        sa.Column("monthly_cost", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
        sa.UniqueConstraint("prefix", name="uq_api_keys_prefix"),
        sa.CheckConstraint("monthly_tokens >= 0", name=op.f("ck_api_keys_monthly_tokens")),
        sa.CheckConstraint("monthly_cost >= 0", name=op.f("ck_api_keys_monthly_cost")),
    )
    op.create_index("ix_api_keys_name", "api_keys", ["name"])
    op.create_table(
        "key_usage",
        sa.Column("key_id", sa.String(32), nullable=False),
        sa.Column("month", sa.String(7), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key_id", "month", name="pk_key_usage"),
        _of_key("key_usage"),
    )
    op.create_table(
        "key_reservations",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("key_id", sa.String(32), nullable=False),
        sa.Column("month", sa.String(7), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_key_reservations"),
        _of_key("key_reservations"),
    )
    op.create_index("ix_key_reservations_key_id_month", "key_reservations", ["key_id", "month"])


def downgrade() -> None:
    """Drop the tables, with every key."""
    op.drop_index("ix_key_reservations_key_id_month", table_name="key_reservations")
    op.drop_table("key_reservations")
    op.drop_table("key_usage")
    op.drop_index("ix_api_keys_name", table_name="api_keys")
    op.drop_table("api_keys")
