"""Calling a LlamaIndex LLM: its errors as ours, its answer whole or in pieces."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing, contextmanager
from inspect import unwrap
from typing import TYPE_CHECKING, Any

from ..errors import TersusError
from .llm import LLMFailed, LLMTimeout
from .timelimit import TimeLimitExceeded

if TYPE_CHECKING:
    from llama_index.core.llms import LLM, ChatMessage, ChatResponse

    from .account import Account

__all__ = ["chat_pieces", "llm_errors", "only_sync"]

_END = object()


def only_sync(llm: LLM, method: str = "achat") -> bool:
    """Whether LlamaIndex derived ``method`` from its synchronous twin: it would block the event loop."""
    from llama_index.core.llms import CustomLLM

    # LlamaIndex wraps the inherited method anew for each subclass.
    return isinstance(llm, CustomLLM) and unwrap(getattr(type(llm), method)) is unwrap(
        getattr(CustomLLM, method)
    )


@contextmanager
def llm_errors(account: Account, model: str, limit: float) -> Iterator[None]:
    """Time the call, and turn what a provider's library raises into our errors.

    Raises:
        LLMTimeout, LLMFailed; other errors of ours as they are.
    """
    started = time.perf_counter()
    try:
        yield
    except Exception as error:
        timed_out = isinstance(error, (TimeLimitExceeded, TimeoutError)) or "Timeout" in type(error).__name__
        if timed_out:
            raise LLMTimeout(
                f"{model} did not answer within {limit:g} s", hint="raise TERSUS_LLM_TIMEOUT"
            ) from error
        if isinstance(error, TersusError):
            raise
        raise LLMFailed(
            f"{model} failed: {type(error).__name__}: {error}",
            hint="check TERSUS_LLM_BASE_URL, TERSUS_LLM_MODEL and TERSUS_LLM_API_KEY",
        ) from error
    finally:
        account.seconds["llm"] = time.perf_counter() - started


async def chat_pieces(
    llm: LLM, messages: Sequence[ChatMessage], limit: float, **options: Any
) -> AsyncGenerator[str | ChatResponse, None]:
    """The answer's pieces as they come, and at last the whole response with the provider's usage.

    Args:
        options: passed on to the LLM.

    Raises:
        TimeoutError: the next piece took longer than ``limit`` seconds.
        LLMFailed: the stream ended before the answer did. Whatever the LLM raises.
    """
    last: ChatResponse | None = None
    counted: ChatResponse | None = None
    ended = choices = False
    async with aclosing(_responses(llm, messages, options)) as responses:
        while True:
            try:
                async with asyncio.timeout(limit):
                    response = await anext(responses)
            except StopAsyncIteration:
                break
            last = response
            raw = response.raw
            if _get(raw, "usage") is not None:
                counted = response
            for choice in _get(raw, "choices") or ():
                choices = True
                ended = ended or _get(choice, "finish_reason") is not None
            if response.delta:
                yield response.delta
    if last is None or (choices and not ended):
        raise LLMFailed("the answer broke off", hint="ask again")
    if counted is not None and counted is not last:
        last.raw = counted.raw
    yield last


async def _responses(
    llm: LLM, messages: Sequence[ChatMessage], options: dict[str, Any]
) -> AsyncGenerator[ChatResponse, None]:
    if only_sync(llm, "astream_chat"):
        items = await asyncio.to_thread(lambda: iter(llm.stream_chat(messages, **options)))
        while (item := await asyncio.to_thread(next, items, _END)) is not _END:
            yield item  # type: ignore[misc]
        return
    stream: AsyncIterator[ChatResponse] = await llm.astream_chat(messages, **_wants_usage(llm), **options)
    async for response in stream:
        yield response


def _wants_usage(llm: LLM) -> dict[str, Any]:
    # Only asked for does OpenAI's API count the tokens of a stream.
    return {"stream_options": {"include_usage": True}} if hasattr(llm, "api_base") else {}


def _get(source: Any, name: str) -> Any:
    return source.get(name) if isinstance(source, dict) else getattr(source, name, None)
