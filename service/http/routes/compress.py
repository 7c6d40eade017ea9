"""``POST /v1/compress``: passages that the caller brings."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request, Response

from ....rag.api.errors import ERRORS
from ....rag.api.passages import passages_of
from ....rag.api.queries import CompressRequest, CompressResponse
from ....rag.compress_texts import compress_passages
from .. import metrics
from ..deps import Config, Reader, Room, TersusDep
from ..errors import TooMany
from ..once import answered_once

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["queries"])


@router.post(
    "/compress",
    operation_id="compress",
    summary="Compress passages",
    response_model=CompressResponse,
    responses=ERRORS,
)
async def compress(
    body: CompressRequest, request: Request, caller: Reader, tersus: TersusDep, config: Config, room: Room
) -> Response:
    """Shrink passages to what the query needs; whatever goes wrong with it, the original comes back.

    With an `Idempotency-Key` the same request is worked on once.
    """
    if len(body.passages) > config.max_passages:
        raise TooMany(
            f"{len(body.passages)} passages, and {config.max_passages} are the most",
            hint="send fewer, or raise TERSUS_SERVE_MAX_PASSAGES",
        )
    settings = tersus.settings

    def work() -> CompressResponse:
        result = compress_passages(
            body.query or "",
            passages_of(body.passages),
            tersus.compressor(body.compressor),
            body.budget.budget() if body.budget else settings.budget,
            settings,
            database=tersus.database,
        )
        metrics.observe_result("compress", result)
        return CompressResponse.of(result)

    async def make() -> CompressResponse:
        return await room.run(request, asyncio.to_thread(work))

    return await answered_once(request, caller, tersus, config, make)
