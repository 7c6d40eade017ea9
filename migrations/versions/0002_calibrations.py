"""Calibrations: the thresholds that conformal risk control found, for a collection or for any.

Rows are only added, and go with their collection. This file is self-contained and is not changed after
its release.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | None = None
depends_on: str | None = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "calibrations",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("collection_id", _KEY),
        sa.Column("compressor", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("threshold", sa.Double(), nullable=False),
        sa.Column("risk", sa.Double(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("calibrated_on", sa.Date(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_calibrations"),
        sa.ForeignKeyConstraint(
            ["collection_id"], ["collections.id"], name="fk_calibrations_collection_id", ondelete="CASCADE"
        ),
        sa.CheckConstraint("risk > 0 AND risk < 1", name=op.f("ck_calibrations_risk")),
        sa.CheckConstraint("size > 0", name=op.f("ck_calibrations_size")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_calibrations_fingerprint_collection_id", "calibrations", ["fingerprint", "collection_id"]
    )


def downgrade() -> None:
    """Drop the table, with every stored calibration."""
    op.drop_index("ix_calibrations_fingerprint_collection_id", table_name="calibrations")
    op.drop_table("calibrations")
