"""Queries of the user's own, from the ledger: what was asked, what was found."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from ...rag.moments import moment
from ..data import EvalPassage, Example
from ..runs.questions import Question

__all__ = ["read"]


def read(since: str | None, limit: int | None) -> list[Question]:
    """The newest queries, ``limit`` at most, with the passages that were retrieved for them.

    There are no gold answers: contexts are measured by tokens, and readers by their agreement with the
    answer that the full context gets. Rows whose texts were not stored, or were pruned, are left out.

    Raises:
        MomentUnclear: ``since`` is no moment such as ``7d``. DatabaseError: the ledger cannot be read.
    """
    from ...rag import Tersus
    from ...rag.ledger.tables import Query

    statement = (
        select(Query)
        .where(Query.kind.in_(("query", "compress")), Query.passages.is_not(None))
        .order_by(Query.created_at.desc(), Query.id)
    )
    if since is not None:
        statement = statement.where(Query.created_at >= moment(since, "ledger:"))
    found: list[Question] = []
    with Tersus(background=False) as tersus, tersus.database.session() as session:
        for row in session.scalars(statement):
            if limit is not None and len(found) >= limit:
                break
            if question := _question(row):
                found.append(question)
    return found


def _question(row: Any) -> Question | None:
    passages = [p for p in row.passages or () if isinstance(p.get("text"), str) and p["text"].strip()]
    if not passages or not (row.question or "").strip():
        return None
    example = Example(
        id=row.id,
        question=row.question,
        answers=(),
        passages=tuple(EvalPassage(text=p["text"], title=p.get("title") or "") for p in passages),
        source="ledger",
    )
    return Question(example, {})
