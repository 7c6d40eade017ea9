"""The pages' addresses."""

from __future__ import annotations

import asyncio
from importlib import resources
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse

from ....compressors import available_compressors
from ....errors import TersusError
from ....rag.keys import KeyInvalid
from ....rag.ledger import CollectionRepository
from ..deps import Caller, TersusDep
from ..errors import Forbidden
from .dashboard import DAYS, dashboard
from .evaluations import evaluation_list, evaluation_report
from .query_page import query_list, query_page
from .session import close, open_session, viewer
from .templating import HEADERS, REPORT_HEADERS, page

__all__ = ["ask_for_key", "router"]

router = APIRouter(include_in_schema=False)
Viewer = Annotated[Caller, Depends(viewer)]
_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}


@router.get("/")
async def home(who: Viewer, tersus: TersusDep, days: str = "30", collection: str = "") -> Response:
    """Savings over time, latency, outcomes."""
    span = int(days) if days in DAYS else 30
    values = await asyncio.to_thread(dashboard, tersus, who, span, collection or None)
    return page("dashboard.html", here="dashboard", keyed=who.key is not None, **values)


@router.get("/queries")
async def queries(who: Viewer, tersus: TersusDep, before: str = "", collection: str = "") -> Response:
    """The ledger, newest first."""
    values = await asyncio.to_thread(query_list, tersus, who, before, collection or None)
    return page("queries.html", here="queries", keyed=who.key is not None, **values)


@router.get("/queries/{query_id}")
async def one_query(query_id: str, who: Viewer, tersus: TersusDep) -> Response:
    """One query: what was kept and what was not."""
    try:
        values = await asyncio.to_thread(query_page, tersus, who, query_id)
    except TersusError as error:
        return page(
            "message.html",
            404,
            here="queries",
            keyed=who.key is not None,
            title="Not found",
            text=error.message,
        )
    return page("query.html", here="queries", keyed=who.key is not None, **values)


@router.get("/evaluations")
async def evaluations(who: Viewer, tersus: TersusDep) -> Response:
    """Evaluation runs, the newest first."""
    values = await asyncio.to_thread(evaluation_list, tersus, who)
    return page("evaluations.html", here="evaluations", keyed=who.key is not None, **values)


@router.get("/evaluations/{run_id}")
async def one_evaluation(run_id: str, who: Viewer, tersus: TersusDep) -> Response:
    """One run's report."""
    try:
        report = await asyncio.to_thread(evaluation_report, tersus, who, run_id)
    except TersusError as error:
        values = {"here": "evaluations", "keyed": who.key is not None}
        return page("message.html", 404, title="Not found", text=error.message, **values)
    return Response(report, 200, REPORT_HEADERS, "text/html; charset=utf-8")


@router.get("/playground")
async def playground(who: Viewer, tersus: TersusDep) -> Response:
    """Compressors side by side on a text or a collection."""

    def names() -> list[str]:
        with tersus.database.session() as session:
            found = [one.collection.name for one in CollectionRepository(session).list()]
        return [name for name in found if who.sees(name)]

    return page(
        "playground.html",
        here="playground",
        keyed=who.key is not None,
        collections=await asyncio.to_thread(names),
        compressors=available_compressors(),
        default=tersus.settings.compressor,
    )


def ask_for_key(_request: Request, _error: Exception) -> Response:
    """Where a page needs a key that the browser has not."""
    return RedirectResponse("/login", 303, HEADERS)


@router.get("/login")
async def login_form() -> Response:
    """Ask for a key."""
    return page("login.html", here="", keyed=False, problem=None)


@router.post("/login")
async def login(request: Request, key: Annotated[str, Form(max_length=200)] = "") -> Response:
    """Take the key, where it may read."""
    response = RedirectResponse("/", 303, HEADERS)
    try:
        await open_session(request, response, key.strip())
    except (KeyInvalid, Forbidden) as error:
        return page("login.html", 401, here="", keyed=False, problem=error.message)
    return response


@router.post("/logout")
async def logout() -> Response:
    """Forget the key."""
    response = RedirectResponse("/login", 303, HEADERS)
    close(response)
    return response


@router.get("/static/{name}")
async def static(name: str) -> Response:
    """The style sheet and the scripts."""
    folder = resources.files("tersus.service.http.pages") / "static"
    names = {file.name for file in folder.iterdir()}
    if name not in names:
        return Response(status_code=404)
    headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"}
    return Response((folder / name).read_bytes(), 200, headers, _TYPES.get(name.rpartition(".")[2]))
