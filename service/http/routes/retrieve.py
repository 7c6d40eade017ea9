"""``POST /v1/retrieve``: passages, and nothing done with them."""

from __future__ import annotations

import asyncio
import time

from fastapi import APIRouter, Request

from ....errors import InvalidInput
from ....rag.api.errors import errors
from ....rag.api.passages import RetrievedPassage
from ....rag.api.queries import RetrieveRequest, RetrieveResponse
from ..deps import Reader, Room, TersusDep

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["queries"])


@router.post(
    "/retrieve",
    operation_id="retrieve",
    summary="Find passages",
    responses=errors(404, 409, 504),
)
async def retrieve(
    body: RetrieveRequest, request: Request, caller: Reader, tersus: TersusDep, room: Room
) -> RetrieveResponse:
    """The best passages of a collection for a query. No language model is asked, no row is written."""
    caller.may(body.collection)
    if not body.query.strip():
        raise InvalidInput("the query is empty", hint="ask something")
    options = body.search.options() if body.search else None

    def work() -> RetrieveResponse:
        started = time.perf_counter()
        found = tersus.retriever.retrieve(
            body.query, body.collection, body.top_k or tersus.settings.top_k, options
        )
        return RetrieveResponse(
            passages=[RetrievedPassage.of(passage) for passage in found],
            seconds=time.perf_counter() - started,
        )

    return await room.run(request, asyncio.to_thread(work))
