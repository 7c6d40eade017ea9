"""A language model's endpoint that does as it is told: answers, is slow, breaks off, talks nonsense."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Literal

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from .server import free_port

__all__ = ["Mode", "Upstream"]

Mode = Literal["ok", "slow", "cut", "garbage", "error", "limited"]
_WORDS = ("It", " says", " so", " in", " the", " passages", ".")


class Upstream:
    """An OpenAI-compatible endpoint in a thread of this process; ``mode`` may be changed at any time.

    ``slow`` waits ``delay`` seconds, ``cut`` breaks off in the middle of the answer, ``garbage`` sends no
    JSON, ``error`` is a 500 and ``limited`` a 429.
    """

    def __init__(self, delay: float = 30) -> None:
        self.mode: Mode = "ok"
        self.delay = delay
        self.calls = 0
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> Upstream:
        """Listen; a second time after `stop`, too."""
        routes = [
            Route("/v1/chat/completions", self._chat, methods=["POST"]),
            Route("/v1/models", self._models),
        ]
        config = uvicorn.Config(
            Starlette(routes=routes), port=self.port, log_config=None, timeout_graceful_shutdown=1
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)
        return self

    def stop(self) -> None:
        """Be gone: connections are refused."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(10)

    async def _models(self, _request: Request) -> Response:
        return JSONResponse(
            {"object": "list", "data": [{"id": "fake", "object": "model", "owned_by": "tersus"}]}
        )

    async def _chat(self, request: Request) -> Response:
        self.calls += 1
        body = await request.json()
        if self.mode == "slow":
            await asyncio.sleep(self.delay)
        if self.mode == "garbage":
            return Response(b"<html>\xff not JSON", media_type="application/json")
        if self.mode in ("error", "limited"):
            status = 500 if self.mode == "error" else 429
            return JSONResponse({"error": {"message": f"told to be {self.mode}"}}, status)
        if body.get("stream"):
            wants_usage = bool((body.get("stream_options") or {}).get("include_usage"))
            return StreamingResponse(self._chunks(body["model"], wants_usage), media_type="text/event-stream")
        text = json.dumps(self._whole(body["model"]))
        if self.mode == "cut":
            return StreamingResponse(_broken(text), headers={"content-length": str(len(text))})
        return Response(text, media_type="application/json")

    def _whole(self, model: str) -> dict[str, Any]:
        message = {"role": "assistant", "content": "".join(_WORDS)}
        return {
            "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": model,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": _USAGE,
        }  # fmt: skip

    async def _chunks(self, model: str, wants_usage: bool) -> AsyncIterator[str]:
        head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": model}
        for number, word in enumerate(_WORDS):
            if self.mode == "cut" and number == 3:
                raise ConnectionAbortedError
            yield _event(
                {**head, "choices": [{"index": 0, "delta": {"content": word}, "finish_reason": None}]}
            )
        yield _event({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        if wants_usage:
            yield _event({**head, "choices": [], "usage": _USAGE})
        yield "data: [DONE]\n\n"

    def __enter__(self) -> Upstream:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


_USAGE = {"prompt_tokens": 100, "completion_tokens": len(_WORDS), "total_tokens": 100 + len(_WORDS)}


def _event(chunk: dict[str, Any]) -> str:
    return f"data: {json.dumps(chunk)}\n\n"


async def _broken(text: str) -> AsyncIterator[str]:
    yield text[: len(text) // 2]
    raise ConnectionAbortedError
