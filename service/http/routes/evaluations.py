"""``/v1/evaluations``: runs of ``tersus eval run``, and their reports."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from ....rag.api.errors import errors
from ....rag.api.evaluations import EvaluationList, EvaluationOut, EvaluationSummary
from ....rag.ledger.evaluation_table import EvaluationRun
from ....rag.ledger.evaluations import EvaluationRepository
from ..deps import Reader, TersusDep
from ..errors import Forbidden
from ..pages.templating import REPORT_HEADERS

__all__ = ["router"]

router = APIRouter(prefix="/v1/evaluations", tags=["evaluations"])
RunId = Annotated[str, Path(pattern="^[0-9a-f]{4,32}$", description="The id, or its beginning.")]


def _unbound(caller: Reader) -> None:
    """Reports hold questions and passages of whatever was measured."""
    if not caller.sees(None):
        raise Forbidden("a key bound to collections sees no evaluations", hint="use a key that is not")


@router.get(
    "", operation_id="list_evaluations", summary="Evaluation runs, the newest first", responses=errors()
)
async def list_evaluations(
    caller: Reader, tersus: TersusDep, limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> EvaluationList:
    """What was measured, and what followed from it."""
    _unbound(caller)

    def work() -> EvaluationList:
        with tersus.database.session() as session:
            rows = EvaluationRepository(session).list(limit)
            return EvaluationList(evaluations=[EvaluationSummary.of(row) for row in rows])

    return await asyncio.to_thread(work)


@router.get("/{run_id}", operation_id="evaluation", summary="One run with its figures", responses=errors(404))
async def evaluation(caller: Reader, tersus: TersusDep, run_id: RunId) -> EvaluationOut:
    """Every compressor, budget and reader, with intervals and paired differences."""
    _unbound(caller)

    def work() -> EvaluationOut:
        with tersus.database.session() as session:
            return EvaluationOut.of(EvaluationRepository(session).require(run_id))

    return await asyncio.to_thread(work)


@router.get(
    "/{run_id}/report",
    operation_id="evaluation_report",
    summary="One run's report as a page",
    response_class=Response,
    responses={**errors(404), 200: {"content": {"text/html": {"schema": {"type": "string"}}}}},
)
async def evaluation_report(caller: Reader, tersus: TersusDep, run_id: RunId) -> Response:
    """The HTML that ``tersus eval report`` writes: self-contained, without scripts."""
    _unbound(caller)

    def work() -> EvaluationRun:
        with tersus.database.session() as session:
            return EvaluationRepository(session).require(run_id)

    row = await asyncio.to_thread(work)
    return Response(row.report, 200, REPORT_HEADERS, "text/html; charset=utf-8")
