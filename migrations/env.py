"""Alembic's environment: runs the revisions on the connection that ``tersus.rag.ledger.schema`` hands over.

The caller owns the connection and its transaction, so a migration happens as a whole or not at all.
"""

from __future__ import annotations

from alembic import context
from tersus.errors import InvalidInput
from tersus.rag.ledger.tables import metadata

connection = context.config.attributes.get("connection")
if connection is None:
    raise InvalidInput(
        "migrations run on a connection that is handed over", hint="migrate with: tersus db upgrade"
    )

context.configure(
    connection=connection,
    target_metadata=metadata,
    # SQLite can alter hardly anything in place: generated revisions copy the table instead.
    render_as_batch=connection.dialect.name == "sqlite",
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
