"""The ledger's rows, read back for the dashboard; `query_writes` writes them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from .query_writes import QueryWrites
from .tables import Query

__all__ = ["QueryRepository"]


class QueryRepository(QueryWrites):
    """Rows of the ledger within the caller's transaction; nothing here commits."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session

    def get(self, query_id: str) -> Query | None:
        """The row as the database has it now, or None."""
        return self._session.get(Query, query_id, populate_existing=True)

    def list(
        self,
        *,
        kinds: Sequence[str] | None = None,
        outcomes: Sequence[str] | None = None,
        collection: str | None = None,
        compressor: str | None = None,
        model: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        collections: Collection[str] | None = None,
        key_id: str | None = None,
        before: Query | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> Sequence[Query]:
        """Rows, newest first; None means any. ``since`` is included, ``until`` is not.

        ``collections``: only these, and those that the API key ``key_id`` asked for itself.
        ``before``: rows that stand behind this one, however many have come since.
        """
        statement = select(Query)
        if kinds is not None:
            statement = statement.where(Query.kind.in_(kinds))
        if outcomes is not None:
            statement = statement.where(Query.outcome.in_(outcomes))
        for column, wanted in (
            (Query.collection, collection), (Query.compressor, compressor), (Query.model, model)
        ):  # fmt: skip
            if wanted is not None:
                statement = statement.where(column == wanted)
        if since is not None:
            statement = statement.where(Query.created_at >= since)
        if until is not None:
            statement = statement.where(Query.created_at < until)
        if collections is not None:
            statement = statement.where(or_(Query.collection.in_(collections), Query.key_id == key_id))
        if before is not None:
            older = and_(Query.created_at == before.created_at, Query.id < before.id)
            statement = statement.where(or_(Query.created_at < before.created_at, older))
        statement = statement.order_by(Query.created_at.desc(), Query.id.desc()).limit(limit).offset(offset)
        return self._session.scalars(statement.execution_options(populate_existing=True)).all()
