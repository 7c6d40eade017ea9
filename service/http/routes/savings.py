"""``GET /v1/savings``: what was saved, as totals and by day, collection, compressor, model or key."""

from __future__ import annotations

import asyncio
import csv
import io
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from ....rag.api.errors import errors
from ....rag.api.ledger import SavingsOut, SavingsRowOut
from ....rag.ledger.savings import By, savings
from ....rag.ledger.tables import Kind
from ....rag.moments import moment
from ..deps import Reader, TersusDep
from ..once import json_answer

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["savings"])


@router.get(
    "/savings",
    operation_id="savings",
    summary="What was saved",
    response_model=SavingsOut,
    responses={**errors(), 200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
)
async def get_savings(
    caller: Reader,
    tersus: TersusDep,
    by: By | None = None,
    since: Annotated[str | None, Query(max_length=40, description="2026-11-01, a time, 24h or 7d.")] = None,
    until: Annotated[str | None, Query(max_length=40, description="Not included.")] = None,
    kind: Annotated[
        list[Kind] | None, Query(max_length=10, description="By default query and compress.")
    ] = None,
    collection: Annotated[str | None, Query(max_length=200)] = None,
    format: Literal["json", "csv"] = "json",  # noqa: A002 - the parameter's name
) -> Response:
    """Sums over the ledger's rows. Queries that failed save nothing; money counts where a price is known.

    A key bound to collections sees theirs.
    """
    if collection is not None:
        caller.may(collection)
    start, end = moment(since, "since"), moment(until, "until")
    kinds: list[str] = [*kind] if kind else ["query", "compress"]

    def work() -> SavingsOut:
        with tersus.database.session() as session:
            report = savings(
                session, by, start, end, kinds, collection, caller.key.collections if caller.key else None
            )
        return SavingsOut.of(report, kinds, collection)

    found = await asyncio.to_thread(work)
    return _csv(found) if format == "csv" else json_answer(found)


def _csv(found: SavingsOut) -> Response:
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(SavingsRowOut.model_fields), lineterminator="\n")
    writer.writeheader()
    for row in found.rows or [found.total]:
        values = row.model_dump(mode="json")
        # A spreadsheet would run a name that begins like a formula.
        if isinstance(values["key"], str) and values["key"][:1] in ("=", "+", "-", "@", "\t", "\r"):
            values["key"] = f"'{values['key']}"
        writer.writerow(values)
    headers = {"Content-Disposition": 'attachment; filename="savings.csv"'}
    return Response(out.getvalue(), headers=headers, media_type="text/csv; charset=utf-8")
