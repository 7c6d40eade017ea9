"""What stands around every request: its id, the longest body, the time limit, its line in the log."""

from __future__ import annotations

import logging
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from . import metrics
from .config import ServeConfig
from .errors import BodyTooLarge, error_response
from .request_id import accept, current

__all__ = ["RequestGuard"]

log = logging.getLogger("tersus.access")


class RequestGuard:
    """Pure ASGI, so that streams pass through it unbuffered."""

    def __init__(self, app: ASGIApp, config: ServeConfig) -> None:
        self._app = app
        self._most = int(config.max_body_mb * 2**20)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        identifier = accept(headers.get("x-request-id"))
        token = current.set(identifier)
        started = time.perf_counter()
        seen = _Seen()

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen.status = message["status"]
                MutableHeaders(scope=message)["X-Request-ID"] = identifier
            await send(message)

        try:
            await self._within_limit(scope, headers, receive, sending, seen)
        finally:
            seconds = time.perf_counter() - started
            route = getattr(scope.get("route"), "path", None) or "unmatched"
            metrics.observe_request(scope["method"], route, seen.status, seconds)
            log.info(
                "%s %s %d", scope["method"], route, seen.status,
                extra={
                    "method": scope["method"], "route": route, "status": seen.status,
                    "seconds": round(seconds, 6), "request_id": identifier,
                },
            )  # fmt: skip
            current.reset(token)

    async def _within_limit(
        self, scope: Scope, headers: Headers, receive: Receive, send: Send, seen: _Seen
    ) -> None:
        said = headers.get("content-length", "")
        if said.isdigit() and int(said) > self._most:
            await self._refuse(scope, receive, send)
            return
        taken = 0

        async def receiving() -> Message:
            nonlocal taken
            message = await receive()
            if message["type"] == "http.request":
                taken += len(message.get("body", b""))
                if taken > self._most:
                    raise _Long
            return message

        try:
            await self._app(scope, receiving, send)
        except _Long:
            if seen.status:  # the answer has begun: nothing else can be said
                raise
            await self._refuse(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        error = BodyTooLarge(
            f"the body is longer than {self._most} bytes",
            hint="send less at once, or raise TERSUS_SERVE_MAX_BODY_MB",
        )
        await error_response(error)(scope, receive, send)


class _Seen:
    status: int = 0


class _Long(BaseException):  # not an Exception: no handler below may swallow it
    """The body went over the limit while it was read."""
