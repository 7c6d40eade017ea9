"""What was saved, by the rules an auditor would apply.

- Tokens count only where a query was finished and answered (compressed, bypassed, fell back) and both
  counts are known. Failed and unfinished rows are counted as such and save nothing.
- Money counts only where it is known: a row without a price saves none and is counted in ``unpriced``.
- Overhead is spent whatever became of the query: that of failed rows counts too.
- Sums are over integers (tokens, nano-dollars), so they are exact and the same on both databases.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, get_args

from sqlalchemy import ColumnElement, Select, String, and_, func, literal_column, or_, select
from sqlalchemy.orm import Session

from ...errors import InvalidInput
from .tables import KINDS, Query

__all__ = ["By", "SavingsReport", "SavingsRow", "savings", "within"]

By = Literal["day", "collection", "compressor", "model", "key"]


@dataclass(frozen=True, slots=True)
class SavingsRow:
    """One group of queries. ``key`` is the day (UTC, YYYY-MM-DD), the name, or None where there is none.

    Costs are US dollars. ``unmeasured``: answered, but a token count is missing. ``unpriced``: answered,
    but the money saved or the overhead is unknown.
    """

    key: str | None
    queries: int
    compressed: int
    bypassed: int
    fell_back: int
    failed: int
    unfinished: int
    unmeasured: int
    unpriced: int
    tokens_before: int
    tokens_after: int
    cost_saved: Decimal
    overhead_cost: Decimal
    compress_seconds: float

    @property
    def tokens_saved(self) -> int:
        """``tokens_before - tokens_after``."""
        return self.tokens_before - self.tokens_after

    @property
    def kept(self) -> float | None:
        """``tokens_after / tokens_before``; None where nothing was retrieved."""
        return self.tokens_after / self.tokens_before if self.tokens_before else None

    @property
    def net_cost_saved(self) -> Decimal:
        """``cost_saved - overhead_cost``; negative where compression cost more than it saved."""
        return self.cost_saved - self.overhead_cost


@dataclass(frozen=True, slots=True)
class SavingsReport:
    """Rows by key (none without ``by``), and the total over all of them."""

    by: By | None
    since: datetime | None
    until: datetime | None
    rows: Sequence[SavingsRow]
    total: SavingsRow


def savings(
    session: Session,
    by: By | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    kinds: Sequence[str] = ("query", "compress"),
    collection: str | None = None,
    collections: Collection[str] | None = None,
) -> SavingsReport:
    """The savings of queries that arrived from ``since`` (included) to ``until`` (not included).

    ``kinds``: users' own traffic, unless asked otherwise. ``collection``: only that one;
    ``collections``: only these. A key is known by its name.
    Raises `InvalidInput` for an unknown grouping or kind, or times without a zone.
    """
    if by is not None and by not in get_args(By):
        raise InvalidInput(
            f"savings cannot be grouped by {by!r}", hint=f"use one of {', '.join(get_args(By))}"
        )
    if unknown := sorted(set(kinds) - set(KINDS)):
        raise InvalidInput(f"no such kind of query: {', '.join(unknown)}", hint=f"use {', '.join(KINDS)}")
    key = _key(session, by)
    statement: Select[Any] = select(key.label("key"), *_sums()).where(Query.kind.in_(kinds))
    statement = statement.where(*within(since, until, collection, collections))
    if by is not None:
        statement = statement.group_by(key)
    rows = [_row(found._mapping) for found in session.execute(statement)]
    rows.sort(key=lambda row: (row.key is None, row.key or ""))
    return SavingsReport(by, since, until, tuple(rows) if by else (), _total(rows))


def within(
    since: datetime | None = None,
    until: datetime | None = None,
    collection: str | None = None,
    collections: Collection[str] | None = None,
) -> list[ColumnElement[bool]]:
    """The conditions for rows of that time and of those collections; None asks nothing."""
    found: list[ColumnElement[bool]] = []
    if since is not None:
        found.append(Query.created_at >= since)
    if until is not None:
        found.append(Query.created_at < until)
    if collection is not None:
        found.append(Query.collection == collection)
    if collections is not None:
        found.append(Query.collection.in_(collections))
    return found


def _key(session: Session, by: By | None) -> ColumnElement[Any]:
    if by is None:
        return literal_column("NULL", String)
    if by != "day":
        column: ColumnElement[Any] = Query.__table__.c["key_name" if by == "key" else by]
        return column
    if session.get_bind().dialect.name == "sqlite":
        return func.date(Query.created_at, type_=String)  # stored as UTC wall time
    # Literals, not parameters: PostgreSQL must see the same expression in SELECT and GROUP BY.
    utc = func.timezone(literal_column("'UTC'"), Query.created_at)
    return func.to_char(utc, literal_column("'YYYY-MM-DD'"), type_=String)


def _sums() -> list[ColumnElement[Any]]:
    answered = Query.outcome.in_(("compressed", "bypassed", "fell_back"))
    measured = and_(answered, Query.tokens_before.is_not(None), Query.tokens_after.is_not(None))
    spent_unknown = and_(func.coalesce(Query.overhead_tokens, 0) > 0, Query.overhead_cost.is_(None))
    unpriced = and_(answered, or_(Query.cost_saved.is_(None), spent_unknown))
    priced = and_(answered, Query.cost_saved.is_not(None), ~spent_unknown)

    def count(condition: ColumnElement[bool]) -> ColumnElement[int]:
        return func.count().filter(condition)

    columns: dict[str, ColumnElement[Any]] = {
        "queries": func.count(),
        "compressed": count(Query.outcome == "compressed"),
        "bypassed": count(Query.outcome == "bypassed"),
        "fell_back": count(Query.outcome == "fell_back"),
        "failed": count(Query.outcome == "failed"),
        "unfinished": count(Query.outcome == "started"),
        "unmeasured": count(and_(answered, ~measured)),
        "unpriced": count(unpriced),
        "tokens_before": func.sum(Query.tokens_before).filter(measured),
        "tokens_after": func.sum(Query.tokens_after).filter(measured),
        "cost_saved": func.sum(Query.cost_saved).filter(priced),
        "overhead_cost": func.sum(Query.overhead_cost),
        "compress_seconds": func.sum(Query.compress_seconds),
    }
    return [column.label(name) for name, column in columns.items()]


def _row(found: Any) -> SavingsRow:
    return SavingsRow(
        key=found["key"],
        cost_saved=found["cost_saved"] or Decimal(0),
        overhead_cost=found["overhead_cost"] or Decimal(0),
        compress_seconds=found["compress_seconds"] or 0.0,
        # PostgreSQL sums 64-bit integers as numeric.
        **{name: int(found[name] or 0) for name in _INTEGERS},
    )


def _total(rows: Sequence[SavingsRow]) -> SavingsRow:
    return SavingsRow(
        key=None,
        cost_saved=sum((row.cost_saved for row in rows), Decimal(0)),
        overhead_cost=sum((row.overhead_cost for row in rows), Decimal(0)),
        compress_seconds=math.fsum(row.compress_seconds for row in rows),
        **{name: sum(getattr(row, name) for row in rows) for name in _INTEGERS},
    )


_INTEGERS = [item.name for item in fields(SavingsRow) if item.type == "int"]
