"""${message}

Revision ${up_revision}, follows ${down_revision | comma,n}; written ${create_date}.
A revision is self-contained: it names its columns and types itself and imports nothing from Tersus.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}
revision: str = ${repr(up_revision)}
down_revision: str | None = ${repr(down_revision)}
branch_labels: str | None = ${repr(branch_labels)}
depends_on: str | None = ${repr(depends_on)}


def upgrade() -> None:
    """Migrate up from the revision before."""
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    """Migrate down to the revision before."""
    ${downgrades if downgrades else "pass"}
