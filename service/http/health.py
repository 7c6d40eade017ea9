"""``/healthz`` (the process answers), ``/readyz`` (it can do its work), ``/metrics``."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy import text as sql

from ...errors import TersusError
from ...rag import Tersus
from ...rag.ledger import schema
from . import metrics

__all__ = ["router"]

router = APIRouter(tags=["operation"])


class Readiness(BaseModel):
    """``checks`` by what was looked at: ok, or what is wrong with it."""

    ready: bool
    checks: dict[str, str]


@router.get("/healthz", summary="Whether the process answers")
async def healthz() -> dict[str, str]:
    """Always 200 as long as the event loop runs."""
    return {"status": "ok"}


@router.get(
    "/readyz",
    summary="Whether models are loaded and the schema is current",
    response_model=Readiness,
    responses={503: {"model": Readiness, "description": "Not yet, or no more."}},
)
async def readyz(request: Request) -> JSONResponse:
    """200 when requests can be answered, 503 with what is missing otherwise."""
    checks = {"models": request.app.state.models, "stopping": "ok"}
    if request.app.state.work.stopping:
        checks["stopping"] = "stopping"
    checks["database"] = await asyncio.to_thread(_database, request.app.state.tersus)
    ready = all(state == "ok" for state in checks.values())
    return JSONResponse({"ready": ready, "checks": checks}, 200 if ready else 503)


@router.get("/metrics", summary="Prometheus metrics", response_class=Response)
async def prometheus() -> Response:
    """Counters and histograms of this process."""
    return Response(metrics.text(), media_type=metrics.CONTENT_TYPE)


def _database(tersus: Tersus) -> str:
    try:
        schema.check(tersus.database)
        with tersus.database.session() as session:
            session.execute(sql("SELECT 1"))
    except TersusError as error:
        return error.code
    return "ok"
