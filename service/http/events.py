"""Server-sent events that hold a place in the service's room until the last one was sent."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AsyncExitStack

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from ...errors import TersusError
from ...rag.timelimit import TimeLimitExceeded
from .errors import error_body, unexpected
from .work import Work

__all__ = ["EventStream", "Events", "event"]

log = logging.getLogger(__name__)

Events = AsyncGenerator[bytes, None]


def event(name: str, data: str) -> bytes:
    """One event; ``data`` is JSON, which has no line ends of its own."""
    return f"event: {name}\ndata: {data}\n\n".encode()


class EventStream(StreamingResponse):
    """Events as they come; what fails before the first one is an error like any other.

    A failure later on is an event ``error`` with the error's form. The generator is closed, and the place
    given back, whatever ends the response.
    """

    def __init__(
        self,
        first: bytes,
        events: Events,
        held: AsyncExitStack,
        deadline: float,
        headers: Mapping[str, str],
    ) -> None:
        super().__init__(
            self._body(first, events),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no", **headers},
        )
        self._held = held
        self._deadline = deadline

    @classmethod
    async def open(cls, events: Events, work: Work, headers: Mapping[str, str] | None = None) -> EventStream:
        """Wait for the first event.

        Args:
            headers: of the response, as they are then.

        Raises:
            Overloaded, Stopping, TimeLimitExceeded; what the generator raises.
        """
        deadline = time.monotonic() + work.seconds
        held = AsyncExitStack()
        try:
            held.push_async_callback(events.aclose)
            await held.enter_async_context(work.room())
            first = await _next(events, deadline)
        except BaseException:
            await asyncio.shield(held.aclose())
            raise
        return cls(first or b"", events, held, deadline, headers or {})

    async def _body(self, first: bytes, events: Events) -> AsyncIterator[bytes]:
        yield first
        try:
            while (sent := await _next(events, self._deadline)) is not None:
                yield sent
        except TersusError as error:
            log.warning("a stream ended: %s", error)
            yield event("error", json.dumps(error_body(error)))
        except Exception as error:  # noqa: BLE001 - logged there
            yield event("error", json.dumps(unexpected(error)))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events, or stop where nobody listens any more."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await asyncio.shield(self._held.aclose())


async def _next(events: Events, deadline: float) -> bytes | None:
    try:
        async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
            return await anext(events, None)
    except TimeoutError as error:
        raise TimeLimitExceeded("the request's time is up") from error
