"""Queries of the user's own, from the ledger: what was asked, what was found, what was answered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select

from ...errors import InvalidInput
from ..data import EvalPassage, Example
from ..runs.questions import Question

__all__ = ["read"]

_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


def read(since: str | None, limit: int | None) -> list[Question]:
    """The newest queries, ``limit`` at most, with the passages that were retrieved for them.

    There are no gold answers: contexts are measured by tokens, and readers by their agreement with the
    answer that the full context gets. Rows whose texts were not stored, or were pruned, are left out.

    Raises:
        InvalidInput: ``since`` is no span such as ``7d``. DatabaseError: the ledger cannot be read.
    """
    from ...rag import Tersus
    from ...rag.ledger.tables import Query

    statement = (
        select(Query)
        .where(Query.kind.in_(("query", "compress")), Query.passages.is_not(None))
        .order_by(Query.created_at.desc(), Query.id)
    )
    if since is not None:
        statement = statement.where(Query.created_at >= _moment(since))
    found: list[Question] = []
    with Tersus(background=False) as tersus, tersus.database.session() as session:
        for row in session.scalars(statement):
            if limit is not None and len(found) >= limit:
                break
            if question := _question(row):
                found.append(question)
    return found


def _moment(since: str) -> datetime:
    count, unit = since[:-1], since[-1:]
    if not count.isdecimal() or unit not in _UNITS:
        raise InvalidInput(f"{since!r} is no span of time", hint="write ledger:24h, ledger:7d or ledger:4w")
    return datetime.now(UTC) - timedelta(**{_UNITS[unit]: int(count)})


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
    return Question(example, {}, reference=row.answer if row.outcome == "bypassed" else None)
