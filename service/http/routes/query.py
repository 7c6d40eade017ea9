"""``POST /v1/query``: retrieve, compress, answer; whole or as server-sent events."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from ....rag import Tersus
from ....rag.api.errors import ERRORS
from ....rag.api.queries import QueryRequest, QueryResponse
from .. import metrics
from ..deps import Config, Reader, Room, TersusDep
from ..events import EventStream
from ..once import IdempotencyUnavailable, answered_once
from ..query_stream import events_of
from ..spending import query_spending

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["queries"])
_EVENTS = {
    "text/event-stream": {
        "example": 'event: token\ndata: {"text": "In 1887"}\n\nevent: done\ndata: {"answer": "…"}\n\n',
    }
}


@router.post(
    "/query",
    operation_id="query",
    summary="Answer a question from a collection",
    response_model=QueryResponse,
    responses={**ERRORS, 200: {"content": _EVENTS}},
)
async def query(
    body: QueryRequest, request: Request, caller: Reader, tersus: TersusDep, config: Config, room: Room
) -> Response:
    """Retrieve passages, compress them, ask the language model; one row of the ledger a query.

    With `stream` the answer comes as server-sent events: `context` (what is sent), `token` (`{"text"}`), then
    `done` (the whole answer, once its row is written) or `error` (the error's form).
    With an `Idempotency-Key` the same request is worked on once.
    """
    caller.may(body.collection)
    if body.stream:
        if "idempotency-key" in request.headers:
            raise IdempotencyUnavailable(
                "a stream is not kept, so that it cannot be given again", hint="leave stream or the key out"
            )
        return await EventStream.open(events_of(body, caller, tersus, options_of(body, tersus)), room)

    async def work() -> QueryResponse:
        async with query_spending(body, caller, tersus) as account:
            result = await tersus.aquery(body.query, body.collection, **options_of(body, tersus))
            account.spent(result.usage, result.prompt_tokens)
        metrics.observe_result("compress" if body.context_only else "query", result)
        return QueryResponse.of(result)

    async def make() -> QueryResponse:
        return await room.run(request, work())

    return await answered_once(request, caller, tersus, config, make)


def options_of(body: QueryRequest, tersus: Tersus) -> dict[str, Any]:
    """The request as the pipeline's options. Raises UnknownCompressor, InvalidFilter."""
    return {
        "compressor": tersus.compressor(body.compressor) if body.compress else None,
        "budget": body.budget.budget() if body.budget else None,
        "compress": body.compress,
        "context_only": body.context_only,
        "top_k": body.top_k,
        "search": body.search.options() if body.search else None,
    }
