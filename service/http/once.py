"""Answering a request once, however often it is sent: ``Idempotency-Key``."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from fastapi import Request
from fastapi.responses import Response
from pydantic import BaseModel

from ...errors import InvalidInput
from ...rag import Tersus
from ...rag.ledger.idempotency import Idempotency, Kept
from .config import ServeConfig
from .deps import Caller

__all__ = ["IdempotencyUnavailable", "answered_once", "json_answer"]


class IdempotencyUnavailable(InvalidInput):
    """An answer that may not be kept cannot be given a second time."""

    code = "idempotency_unavailable"


def json_answer(model: BaseModel, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """The model as it is: it was checked when it was made, and need not be again."""
    return Response(model.model_dump_json(), status, headers, "application/json")


async def answered_once(
    request: Request,
    caller: Caller,
    tersus: Tersus,
    config: ServeConfig,
    make: Callable[[], Awaitable[BaseModel]],
) -> Response:
    """``make()``'s answer; of a request with an idempotency key the first one's, for 24 hours.

    Raises:
        IdempotencyUnavailable: the ledger is not to hold texts, and an answer is one.
        IdempotencyConflict, IdempotencyRunning; what ``make`` raises, and then nothing is kept.
    """
    key = request.headers.get("idempotency-key")
    if key is None:
        return json_answer(await make())
    if tersus.settings.ledger_text != "full":
        raise IdempotencyUnavailable(
            "answers are not kept here, so that none can be given again",
            hint="leave Idempotency-Key out, or set TERSUS_LEDGER_TEXT=full",
        )
    store = Idempotency(tersus.database, config.request_timeout + 30)
    owner = caller.key.id if caller.key else "-"
    asked = request.url.path.encode() + b"\n" + await request.body()
    found = await asyncio.to_thread(store.begin, owner, key, asked)
    if isinstance(found, Kept):
        headers = {"Idempotency-Replayed": "true"}
        return Response(found.body, found.status, headers, "application/json")
    try:
        answer = (await make()).model_dump_json()
    except BaseException:
        await asyncio.shield(asyncio.to_thread(store.forget, found))
        raise
    await asyncio.to_thread(store.keep, found, 200, answer)
    return Response(answer, 200, None, "application/json")
