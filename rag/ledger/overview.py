"""What the dashboard shows besides savings: how long steps take, and why compression was given up."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from .savings import within
from .tables import Query

__all__ = ["LATEST", "Overview", "Percentiles", "overview", "percentile"]

LATEST = 10_000
"""Rows that are looked at: the newest."""
_STEPS = ("retrieve", "compress", "llm", "total")


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Seconds of one step over the ``count`` queries that took it."""

    step: str
    count: int
    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True)
class Overview:
    """``reasons``: the commonest reasons for sending the original or failing, with how often."""

    rows: int
    steps: Sequence[Percentiles]
    reasons: Sequence[tuple[str, int]]


def overview(
    session: Session,
    since: datetime | None = None,
    until: datetime | None = None,
    kinds: Sequence[str] = ("query", "compress"),
    collection: str | None = None,
    collections: Collection[str] | None = None,
) -> Overview:
    """Figures over the newest finished queries; the arguments are those of `savings`."""
    columns = [getattr(Query, f"{step}_seconds") for step in _STEPS]
    statement = select(Query.outcome, Query.error_code, *columns).where(
        Query.kind.in_(kinds), Query.outcome != "started", *within(since, until, collection, collections)
    )
    rows = session.execute(statement.order_by(Query.created_at.desc()).limit(LATEST)).all()
    steps = []
    for number, step in enumerate(_STEPS):
        taken = sorted(row[2 + number] for row in rows if row[2 + number] is not None)
        if taken:
            shares = (percentile(taken, share) for share in (0.5, 0.95, 0.99))
            steps.append(Percentiles(step, len(taken), *shares))
    reasons = Counter(row.error_code or row.outcome for row in rows if row.outcome in ("fell_back", "failed"))
    return Overview(len(rows), steps, reasons.most_common(8))


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest of the sorted values that at least ``share`` of them do not exceed (nearest rank)."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
