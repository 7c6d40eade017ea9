"""``GET /v1/queries``: the ledger's rows, as far as the caller may see them."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path, Query

from ....rag import Tersus
from ....rag.api.errors import errors
from ....rag.api.ledger import QueryList, QueryRecord, QuerySummary
from ....rag.ledger import QueryRepository
from ....rag.ledger.errors import UnknownQuery
from ....rag.ledger.tables import Query as Row
from ....rag.moments import moment
from ..deps import Caller, Reader, TersusDep

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["queries"])
QueryId = Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="As every answer gives it.")]


@router.get("/queries", operation_id="list_queries", summary="List queries", responses=errors(404))
async def list_queries(
    caller: Reader,
    tersus: TersusDep,
    collection: Annotated[str | None, Query(max_length=200)] = None,
    kind: Annotated[list[str] | None, Query(max_length=10, description="By default all kinds.")] = None,
    outcome: Annotated[list[str] | None, Query(max_length=10)] = None,
    since: Annotated[str | None, Query(max_length=40, description="2026-11-01, a time, 24h or 7d.")] = None,
    until: Annotated[str | None, Query(max_length=40)] = None,
    before: Annotated[
        str | None, Query(pattern="^[0-9a-f]{32}$", description="`next` of the page before.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
) -> QueryList:
    """The rows of the ledger, newest first. A key bound to collections sees theirs and its own."""
    if collection is not None:
        caller.may(collection)
    start, end = moment(since, "since"), moment(until, "until")

    def work() -> QueryList:
        with tersus.database.session() as session:
            repository = QueryRepository(session)
            rows = repository.list(
                kinds=kind,
                outcomes=outcome,
                collection=collection,
                collections=caller.key.collections if caller.key else None,
                key_id=caller.key.id if caller.key else None,
                since=start,
                until=end,
                before=None if before is None else _visible(repository, caller, before),
                limit=limit + 1,
            )
            shown = rows[:limit]
            more = shown[-1].id if len(rows) > limit else None
            return QueryList(queries=[QuerySummary.of(row) for row in shown], next=more)

    return await asyncio.to_thread(work)


@router.get(
    "/queries/{query_id}", operation_id="get_query", summary="The account of one query", responses=errors(404)
)
async def get_query(query_id: QueryId, caller: Reader, tersus: TersusDep) -> QueryRecord:
    """What was retrieved, kept, dropped, sent, answered, and what that saved."""
    return await asyncio.to_thread(_record, tersus, caller, query_id)


def _record(tersus: Tersus, caller: Caller, query_id: str) -> QueryRecord:
    with tersus.database.session() as session:
        return QueryRecord.of(_visible(QueryRepository(session), caller, query_id))


def _visible(repository: QueryRepository, caller: Caller, query_id: str) -> Row:
    row = repository.get(query_id)
    if row is None or not (
        caller.sees(row.collection) or (caller.key is not None and row.key_id == caller.key.id)
    ):
        raise UnknownQuery(f"there is no query {query_id}", hint="see: GET /v1/queries")
    return row
