"""The ledger's rows one after the other, oldest first, however many there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from sqlalchemy import and_, or_, select

from .engine import Database
from .savings import within
from .tables import Query

__all__ = ["exported"]

_PAGE = 500


def exported(
    database: Database,
    since: datetime | None = None,
    until: datetime | None = None,
    kinds: Sequence[str] | None = None,
    collection: str | None = None,
) -> Iterator[Query]:
    """Rows from ``since`` (included) to ``until`` (not included), detached; each page is a read of its own.

    Raises:
        DatabaseError: in the middle, too.
    """
    statement = select(Query).order_by(Query.created_at, Query.id).limit(_PAGE)
    statement = statement.where(*within(since, until, collection))
    if kinds is not None:
        statement = statement.where(Query.kind.in_(kinds))
    last: Query | None = None
    while True:
        page = statement
        if last is not None:
            behind = and_(Query.created_at == last.created_at, Query.id > last.id)
            page = page.where(or_(Query.created_at > last.created_at, behind))
        with database.session() as session:
            found = list(session.scalars(page))
            session.expunge_all()
        yield from found
        if len(found) < _PAGE:
            return
        last = found[-1]
