"""``GET /v1/compressors``: what there is to choose from."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter

from ....compressors import available_compressors
from ....rag.api.compressors import CompressorList, CompressorOut
from ....rag.api.errors import errors
from ...compressor_about import describe, explain
from ..deps import Reader, TersusDep

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["queries"])


@router.get(
    "/compressors",
    operation_id="list_compressors",
    summary="The compressors, with their options",
    responses=errors(),
)
async def list_compressors(_caller: Reader, tersus: TersusDep) -> CompressorList:
    """Kind, model, speed class and paper of each; chains are written `exit+frugal`. Options are settings."""
    names = available_compressors()
    found = await asyncio.to_thread(lambda: [_about(name) for name in names])
    return CompressorList(default=tersus.settings.compressor, compressors=found)


def _about(name: str) -> CompressorOut:
    try:
        return CompressorOut.model_validate(explain(name))
    except Exception:  # noqa: BLE001 - somebody else's compressor may raise anything; describe says what
        return CompressorOut.model_validate({**describe(name), "options": []})
