"""Work behind a request: off the event loop, bounded, within its time, given up when the caller is gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from fastapi import Request

from ...errors import TersusError
from ...rag.batching.errors import Overloaded
from ...rag.cancel import CancelToken, current_token
from ...rag.timelimit import TimeLimitExceeded

__all__ = ["ClientGone", "Overloaded", "Stopping", "Work"]

T = TypeVar("T")


class Stopping(TersusError):
    """The service is being stopped and takes nothing new."""

    code = "stopping"


class ClientGone(TersusError):
    """The caller hung up; nobody reads this."""

    code = "client_gone"


class Work:
    """The room that requests with work for models or the database's writers share.

    Args:
        at_once: requests; one more is refused with `Overloaded` rather than kept waiting.
        seconds: after which a request is given up with ``TimeLimitExceeded``.
    """

    def __init__(self, at_once: int, seconds: float) -> None:
        self._free = at_once
        self.seconds = seconds
        self.stopping = False
        self.running = 0

    @asynccontextmanager
    async def room(self) -> AsyncIterator[None]:
        """Take a place for as long as the body runs. Raises Overloaded, Stopping."""
        if self.stopping:
            raise Stopping("the service is stopping", hint="ask again in a moment")
        if self.running >= self._free:
            raise Overloaded(f"{self.running} requests are being worked on", retry_after=1)
        self.running += 1
        try:
            yield
        finally:
            self.running -= 1

    async def run(self, request: Request, work: Coroutine[Any, Any, T]) -> T:
        """The result of ``work``, which is cancelled when its time is up or its caller hangs up.

        Raises:
            TimeLimitExceeded, ClientGone, Overloaded, Stopping; what ``work`` raises.
        """
        try:
            async with self.room():
                return await self._watched(request, work)
        finally:
            work.close()  # where no room was found, it never began

    async def _watched(self, request: Request, work: Coroutine[Any, Any, T]) -> T:
        token = CancelToken()  # for what waits in threads: cancelling a task does not reach them
        before = current_token.set(token)
        task = asyncio.ensure_future(work)
        current_token.reset(before)
        gone = asyncio.ensure_future(_disconnected(request))
        try:
            await asyncio.wait({task, gone}, timeout=self.seconds, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            error: TersusError = (
                ClientGone("the caller hung up")
                if gone.done()
                else TimeLimitExceeded(f"not done within {self.seconds:g} s")
            )
            token.cancel()
            task.cancel()
            await asyncio.wait({task})  # until its row is closed
            raise error
        finally:
            gone.cancel()
            if not task.done():
                token.cancel()
                task.cancel()
                await asyncio.wait({task})
            if not task.cancelled():
                task.exception()  # seen, so that it is not reported as lost


async def _disconnected(request: Request) -> None:
    # The body was read before: the next message can only be the end of the connection.
    while not await request.is_disconnected():
        await asyncio.sleep(0.1)
