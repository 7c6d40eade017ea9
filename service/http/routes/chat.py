"""``POST /v1/chat/completions``: OpenAI's API with less in it."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from ....rag import Tersus
from ....rag.api.chat import ChatCompletion, ChatRequest
from ....rag.api.errors import ERRORS
from ....rag.chat import Chat, ChatAsk, Opened, most_tokens
from ....rag.llm import tokenizer_of, usage_in
from .. import metrics
from ..chat_request import ask_of
from ..deps import Caller, ChatDep, Reader, Room, TersusDep
from ..events import EventStream
from ..spending import Spending, spending

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["openai"])
_CHUNKS: dict[str, Any] = {"text/event-stream": {}}


@router.post(
    "/chat/completions",
    operation_id="chat",
    summary="Answer a conversation",
    response_model=ChatCompletion,
    responses={**ERRORS, 200: {"content": _CHUNKS}},
)
async def chat(
    body: ChatRequest, request: Request, caller: Reader, tersus: TersusDep, talk: ChatDep, room: Room
) -> Response:
    """As OpenAI's API has it, streaming too; sent on to the endpoint of the settings, or to the local model.

    With the model `tersus/<collection>/<model>` (or the header `x-tersus-collection`) passages are retrieved
    for the last question, compressed and put before it. What is marked `<tersus>…</tersus>`, and tools'
    results of 1,000 characters and more, are compressed in any case. What was sent in earlier turns is sent
    again as it was, so that prompt caches hold.

    Headers: `x-tersus-compress: off`, `x-tersus-compressor`, `x-tersus-budget: ratio=0.25`. The answer's
    headers `x-tersus-query-id`, `-tokens-before`, `-tokens-after` and `-outcome` say what was saved.
    """
    ask = ask_of(body, request.headers)
    if ask.collection is not None:
        caller.may(ask.collection)
    if body.stream:
        headers: dict[str, str] = {}
        return await EventStream.open(_events(ask, caller, tersus, talk, headers), room, headers)

    async def work() -> Response:
        async with spending(tersus, caller, lambda: _most(ask, tersus)) as account:
            opened = await talk.open(ask)
            response = await talk.complete(opened)
            _spent(account, opened, response)
        _observe(opened)
        return JSONResponse(response, headers=opened.headers())

    return await room.run(request, work())


async def _events(
    ask: ChatAsk, caller: Caller, tersus: Tersus, talk: Chat, headers: dict[str, str]
) -> AsyncGenerator[bytes, None]:
    async with spending(tersus, caller, lambda: _most(ask, tersus)) as account:
        opened = await talk.open(ask)
        headers |= opened.headers()
        _spent(account, opened, None)  # from here on the prompt is paid for
        async for chunk in talk.stream(opened):
            if chunk.get("usage"):
                _spent(account, opened, chunk)
            yield f"data: {json.dumps(chunk)}\n\n".encode()
        _observe(opened)
        yield b"data: [DONE]\n\n"


def _most(ask: ChatAsk, tersus: Tersus) -> tuple[str, int, int]:
    settings = tersus.settings
    model = ask.model or settings.llm_model
    counter = tokenizer_of(settings, model, settings.llm_base_url is None, substitute=True)
    return model, *most_tokens(ask, counter, settings.chunk_tokens, settings.top_k)


def _spent(account: Spending, opened: Opened, response: dict[str, object] | None) -> None:
    account.spent(usage_in((response or {}).get("usage")), opened.prompt_tokens)


def _observe(opened: Opened) -> None:
    context = opened.sent.context
    seconds = {**opened.account.seconds, "total": opened.account.total()}
    metrics.observe_query("query", context.outcome, context.tokens_before, context.tokens_after, {**seconds})
