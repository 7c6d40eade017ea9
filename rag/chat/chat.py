"""One request of the drop-in: made smaller, sent on, recorded; whole or as a stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from ...compressors import Budget
from ..llm import target_model
from ..llm_call import llm_errors
from ..shadow.watcher import Answered
from .ask import ChatAsk, Opened
from .memory import Memory
from .opening import open_chat
from .reply import Reply
from .shadowing import Instead, done_in, said_once
from .upstream import HttpUpstream, LlmUpstream, Upstream

if TYPE_CHECKING:
    from ..app import Tersus

__all__ = ["Chat"]


class Chat:
    """The drop-in over ``tersus``; one for an event loop. One row of the ledger a request."""

    def __init__(self, tersus: Tersus, upstream: Upstream | None = None) -> None:
        self._tersus = tersus
        self._given = upstream

    @cached_property
    def upstream(self) -> Upstream:
        """The settings' endpoint, or the LLM that Tersus runs."""
        settings = self._tersus.settings
        if self._given is not None:
            return self._given
        if settings.llm_base_url is not None:
            return HttpUpstream(settings)
        model, _ = target_model(settings, self._tersus.llm)
        return LlmUpstream(self._tersus.llm, model, settings.llm_timeout)

    @cached_property
    def _memory(self) -> Memory:
        return Memory(self._tersus.database, stored=self._tersus.settings.ledger_text == "full")

    async def open(self, ask: ChatAsk) -> Opened:
        """Open the row, retrieve and compress.

        Raises:
            InvalidInput, UnknownCompressor, UnknownCollection, EmptyCollection, EmbeddingMismatch,
            DatabaseError.
        """
        return await self._opened(ask)

    async def _opened(self, ask: ChatAsk, instead: Instead | None = None) -> Opened:
        work = asyncio.to_thread(open_chat, self._tersus, self._memory, ask, instead)
        opening = asyncio.ensure_future(work)
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError as cancelled:
            opening.add_done_callback(partial(_give_up, cancelled))
            raise

    async def complete(self, opened: Opened) -> dict[str, Any]:
        """The upstream's response as it came; its row is closed.

        Raises:
            LLMFailed, LLMTimeout, UpstreamRefused, UpstreamBusy: recorded as ``failed``.
        """
        async with _recorded(opened):
            with self._timed(opened):
                response = await self.upstream.complete(opened.body)
            reply = Reply.of(response)
            await asyncio.to_thread(self._close, opened, reply, asyncio.get_running_loop())
            return response

    async def stream(self, opened: Opened) -> AsyncGenerator[dict[str, Any], None]:
        """The upstream's chunks as they come; the row is closed before the generator ends.

        Raises as :meth:`complete`.
        """
        async with _recorded(opened):
            reply = Reply()
            with self._timed(opened):
                async with aclosing(self.upstream.stream(opened.body)) as chunks:
                    async for chunk in chunks:
                        reply.add(chunk)
                        if chunk.get("choices") or opened.wants_usage:
                            yield chunk
            await asyncio.to_thread(self._close, opened, reply, asyncio.get_running_loop())

    def _timed(self, opened: Opened) -> Any:
        return llm_errors(opened.account, str(opened.body["model"]), self._tersus.settings.llm_timeout)

    def _close(self, opened: Opened, reply: Reply, loop: asyncio.AbstractEventLoop) -> None:
        opened.account.close(opened.sent.context, reply.usage, reply.text)
        backoff, seen = self._tersus.backoff, opened.seen
        # Where tools are called, there is no answer yet that could be compared.
        if seen is not None and backoff is not None and not reply.calls_tools:
            backoff.look(
                seen, _answered(opened, reply), lambda budget: done_in(loop, self._again(opened.ask, budget))
            )

    async def _again(self, ask: ChatAsk, budget: Budget | None) -> Answered:
        """The same turn with another budget, in full where that is None; a row of kind ``shadow``."""
        opened = await self._opened(replace(ask, body=said_once(ask.body)), Instead(budget))
        return _answered(opened, Reply.of(await self.complete(opened)))

    async def close(self) -> None:
        """End the comparisons, which ask the upstream, and close the connections to it."""
        if (backoff := self._tersus.backoff) is not None:
            await asyncio.to_thread(backoff.close)
        if "upstream" in self.__dict__:
            await self.upstream.close()


def _answered(opened: Opened, reply: Reply) -> Answered:
    outcome = opened.sent.context.outcome
    return Answered.of(opened.account.id, reply.text, outcome, reply.usage, opened.prompt_tokens)


@asynccontextmanager
async def _recorded(opened: Opened) -> AsyncIterator[None]:
    """Whatever ends the request, its row is closed."""
    try:
        yield
    except BaseException as error:
        try:  # shielded: a second cancellation does not keep the row from being closed
            await asyncio.shield(asyncio.to_thread(opened.account.fail, error))
        finally:
            opened.account.fail(error)
        raise


def _give_up(error: BaseException, done: asyncio.Future[Opened]) -> None:
    if not done.cancelled() and done.exception() is None:
        done.result().account.fail(error)
