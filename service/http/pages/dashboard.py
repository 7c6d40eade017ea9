"""What the dashboard shows."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

from ....rag import Tersus
from ....rag.ledger import CollectionRepository, QueryRepository
from ....rag.ledger.overview import overview
from ....rag.ledger.savings import SavingsReport, savings
from ....rag.shadow import ShadowRepository
from ..deps import Caller
from .charts import Bar, bars

__all__ = ["DAYS", "dashboard"]

DAYS = ("1", "7", "30", "90", "365")
_KINDS = ("query", "compress")


def dashboard(tersus: Tersus, who: Caller, days: int, collection: str | None) -> dict[str, Any]:
    """The template's values: of the last ``days`` days (UTC), of one collection or of all."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    since = today - timedelta(days=days - 1)
    bound = who.key.collections if who.key else None
    with tersus.database.session() as session:
        names = [one.collection.name for one in CollectionRepository(session).list()]
        names = [name for name in names if who.sees(name)]
        arguments: dict[str, Any] = {"since": since, "collection": collection, "collections": bound}
        by_day = savings(session, "day", kinds=_KINDS, **arguments)
        others = {
            by: savings(session, by, kinds=_KINDS, **arguments)
            for by in ("collection", "compressor", "model", "key")
        }
        figures = overview(session, kinds=_KINDS, **arguments)
        quality = ShadowRepository(session).standings(
            tersus.settings.shadow_confidence, _those(collection, bound)
        )
        latest = QueryRepository(session).list(
            kinds=_KINDS, collection=collection, collections=bound,
            key_id=who.key.id if who.key else None, since=since, limit=8,
        )  # fmt: skip
        rows = [
            {
                "id": row.id, "at": row.created_at, "question": row.question, "outcome": row.outcome,
                "compressor": row.compressor, "before": row.tokens_before, "after": row.tokens_after,
            }
            for row in latest
        ]  # fmt: skip
    total = by_day.total
    return {
        "days": str(days),
        "choices": DAYS,
        "collection": collection or "",
        "collections": names,
        "total": total,
        "chart": bars(_bars(by_day, since, days)),
        "table": by_day.rows,
        "groups": [(by, report.rows) for by, report in others.items() if any(r.key for r in report.rows)],
        "steps": figures.steps,
        "reasons": figures.reasons,
        "quality": quality,
        "limit": tersus.settings.shadow_limit,
        "looked_at": figures.rows,
        "latest": rows,
    }


def _those(collection: str | None, bound: Collection[str] | None) -> list[str] | None:
    if collection is not None:
        return [collection] if bound is None or collection in bound else []
    return None if bound is None else list(bound)


def _bars(report: SavingsReport, since: datetime, days: int) -> list[Bar]:
    """Every day, also those without a query; weeks of more than 90 days."""
    found = {row.key: row for row in report.rows}
    step = 1 if days <= 90 else 7
    made = []
    for start in range(0, days, step):
        dates = [f"{since + timedelta(days=start + n):%Y-%m-%d}" for n in range(min(step, days - start))]
        rows = [found[date] for date in dates if date in found]
        sent, before = sum(r.tokens_after for r in rows), sum(r.tokens_before for r in rows)
        made.append(Bar(dates[0], sent, max(0, before - sent)))
    return made
