"""One request of the drop-in: made smaller, sent on, recorded; whole or as a stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from ...compressors import Budget
from ...errors import InvalidInput
from ..account import Account
from ..ledger import CollectionRepository
from ..llm import target_model, tokenizer_of
from ..llm_call import llm_errors
from ..risk import Resolved, resolve_budget
from .memory import Memory
from .parts import own_text
from .prepare import Asked, Sent, prepare
from .reply import Reply
from .upstream import HttpUpstream, LlmUpstream, Upstream

if TYPE_CHECKING:
    from ...compressors import TokenCounter
    from ..app import Tersus

__all__ = ["Chat", "ChatAsk", "Opened", "most_tokens"]


@dataclass(frozen=True, slots=True)
class ChatAsk:
    """A request: the body as it came, and how its context is to be treated.

    Args:
        model: the upstream's name of the model; the settings' one where empty.
        collection: where passages are retrieved from; None: only what the conversation holds is compressed.
        compress: False: nothing is.
    """

    body: Mapping[str, Any]
    model: str = ""
    collection: str | None = None
    compressor: str | None = None
    budget: Budget | None = None
    compress: bool = True
    top_k: int | None = None


@dataclass(slots=True)
class Opened:
    """A request whose row is open: what is sent on, and what it is worth."""

    account: Account
    sent: Sent
    body: dict[str, Any]
    prompt_tokens: int
    counter: TokenCounter
    wants_usage: bool

    def headers(self) -> dict[str, str]:
        """What the response says of the saving."""
        context = self.sent.context
        return {
            "x-tersus-query-id": self.account.id,
            "x-tersus-tokens-before": str(context.tokens_before),
            "x-tersus-tokens-after": str(context.tokens_after),
            "x-tersus-outcome": context.outcome,
        }


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
        opening = asyncio.ensure_future(asyncio.to_thread(self._open, ask))
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
            await asyncio.to_thread(self._close, opened, reply)
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
            await asyncio.to_thread(self._close, opened, reply)

    def _timed(self, opened: Opened) -> Any:
        return llm_errors(opened.account, str(opened.body["model"]), self._tersus.settings.llm_timeout)

    def _open(self, ask: ChatAsk) -> Opened:
        tersus, settings = self._tersus, self._tersus.settings
        messages = ask.body["messages"]
        if not any(isinstance(m.get("content"), (str, list)) for m in messages):
            raise InvalidInput("no message has a content", hint="see /docs for the request's form")
        model = ask.model or settings.llm_model
        compressor = tersus.compressor(ask.compressor) if ask.compress else None
        budget = ask.budget or settings.budget
        resolved = Resolved(budget)
        if compressor is not None:
            resolved = resolve_budget(
                budget, compressor, settings, database=tersus.database, collection=ask.collection
            )
        counter = tokenizer_of(settings, model, settings.llm_base_url is None, substitute=True)
        if ask.collection is not None:
            with tersus.database.session() as session:
                CollectionRepository(session).require(ask.collection)
        top_k = ask.top_k or settings.top_k
        questions = [text for m in messages if m.get("role") == "user" and (text := own_text(m))]
        account = Account.open(
            tersus.database,
            settings,
            model,
            counter,
            kind="query",
            question=questions[-1] if questions else "",
            collection=ask.collection,
            compressor=compressor.name if compressor else None,
            budget=str(budget) if compressor else None,
            top_k=top_k if ask.collection is not None else None,
            search=settings.search if ask.collection is not None else None,
        )
        try:
            asked = Asked(
                messages, ask.collection, compressor, resolved.budget, settings.protection, counter, top_k
            )
            sent = prepare(tersus, self._memory, asked)
            account.seconds["compress"] = sent.context.seconds
            account.note(sent.context)
            body: dict[str, Any] = {**ask.body, "model": model, "messages": sent.messages}
            options = body.get("stream_options")
            wants = bool(isinstance(options, Mapping) and options.get("include_usage"))
            if body.get("stream"):
                body["stream_options"] = {
                    **(options if isinstance(options, Mapping) else {}),
                    "include_usage": True,
                }
            tokens = sum(counter(text) for m in sent.messages if (text := _said(m)))
            account.known["prompt_tokens"] = tokens
            return Opened(account, sent, body, tokens, counter, wants)
        except BaseException as error:
            account.fail(error)
            raise

    def _close(self, opened: Opened, reply: Reply) -> None:
        opened.account.close(opened.sent.context, reply.usage, reply.text)

    async def close(self) -> None:
        """Close the connections to the upstream."""
        if "upstream" in self.__dict__:
            await self.upstream.close()


def most_tokens(ask: ChatAsk, counter: TokenCounter, chunk_tokens: int, top_k: int) -> tuple[int, int]:
    """The most tokens that a request reads and writes, about: for a budget."""
    body = ask.body
    read = sum(counter(text) for m in body["messages"] if (text := _said(m)))
    read += (ask.top_k or top_k) * chunk_tokens if ask.collection is not None else 0
    written = body.get("max_completion_tokens") or body.get("max_tokens") or _UNBOUNDED
    return read + _PROMPT, written * int(body.get("n") or 1)


_UNBOUNDED, _PROMPT = 4096, 256


def _said(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    pieces = content if isinstance(content, list) else ()
    return "\n".join(str(p["text"]) for p in pieces if isinstance(p, Mapping) and "text" in p)


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
