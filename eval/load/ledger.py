"""Whether the ledger holds what was answered: one finished row for every answer, and no row that is wrong."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select

from ...rag.ledger import Database
from ...rag.ledger.tables import Query

__all__ = ["Audit", "audit"]


@dataclass(frozen=True, slots=True)
class Audit:
    """``lost``: answered, and no finished row. ``wrong``: a row that contradicts its answer or itself.
    ``open``: rows never closed: of requests that were cut off by a kill."""

    answers: int
    rows: int
    lost: list[str]
    wrong: list[str]
    open: int


def audit(address: str, answers: Iterable[tuple[str, int | None, int | None]]) -> Audit:
    """Compare answers ``(query id, tokens before, tokens after)`` with the rows; None is not compared."""
    database = Database(address)
    with database.session() as session:
        rows = {row.id: row for row in session.scalars(select(Query))}
    database.close()
    lost, wrong, count = [], [], 0
    for identifier, before, after in answers:
        count += 1
        row = rows.get(identifier)
        if row is None or row.finished_at is None:
            lost.append(identifier)
        elif row.outcome == "failed" or (
            before is not None and (row.tokens_before, row.tokens_after) != (before, after)
        ):
            wrong.append(identifier)
    wrong += [
        row.id
        for row in rows.values()
        if row.tokens_before is not None
        and row.tokens_after is not None
        and row.tokens_saved != row.tokens_before - row.tokens_after
    ]
    return Audit(count, len(rows), lost, wrong, sum(1 for row in rows.values() if row.finished_at is None))
