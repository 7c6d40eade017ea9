"""Whom the conversation is sent on to: an OpenAI-compatible endpoint, or the local model."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import AsyncGenerator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import httpx

from ...errors import InvalidInput, TersusError
from ..llm import LLMFailed, LLMTimeout

if TYPE_CHECKING:
    from llama_index.core.llms import LLM, ChatMessage, ChatResponse

    from ..settings import Settings

__all__ = ["HttpUpstream", "LlmUpstream", "Upstream", "UpstreamBusy", "UpstreamRefused"]

JSON = dict[str, Any]
_REFUSALS = (400, 404, 409, 413, 422)


class UpstreamRefused(InvalidInput):
    """The endpoint found fault with the request: its words are passed on."""

    code = "llm_refused"


class UpstreamBusy(TersusError):
    """The endpoint asks for patience; ``retry_after`` is in seconds."""

    code = "llm_busy"
    retry_after = 1.0


class Upstream(Protocol):
    """A language model that speaks OpenAI's chat format."""

    async def complete(self, body: JSON) -> JSON:
        """The whole response. Raises LLMFailed, LLMTimeout, UpstreamRefused, UpstreamBusy."""

    def stream(self, body: JSON) -> AsyncGenerator[JSON, None]:
        """The response's chunks. Raises as :meth:`complete`, also in the middle."""

    async def models(self) -> list[JSON]:
        """The models that it lists; raises as :meth:`complete`."""

    async def close(self) -> None:
        """Close its connections."""


class HttpUpstream:
    """An OpenAI-compatible endpoint. Only its own key is shown to it, never the caller's.

    Args:
        settings: ``llm_base_url``, ``llm_api_key`` and ``llm_timeout`` (until the first and between any
            two bytes of the answer).
    """

    def __init__(self, settings: Settings) -> None:
        key = settings.llm_api_key
        headers = {"Authorization": f"Bearer {key.get_secret_value()}"} if key else {}
        self._limit = settings.llm_timeout
        self._http = httpx.AsyncClient(
            base_url=f"{str(settings.llm_base_url).rstrip('/')}/",
            headers=headers,
            timeout=httpx.Timeout(settings.llm_timeout, connect=min(10.0, settings.llm_timeout)),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=64),
        )

    async def complete(self, body: JSON) -> JSON:
        """As the protocol has it."""
        try:
            response = await self._http.post("chat/completions", content=_encoded(body), headers=_JSON)
        except httpx.HTTPError as error:
            raise self._failure(error) from error
        self._check(response.status_code, response.headers, response.content)
        return _object(response.content)

    async def stream(self, body: JSON) -> AsyncGenerator[JSON, None]:
        """As the protocol has it."""
        try:
            async with self._http.stream(
                "POST", "chat/completions", content=_encoded(body), headers=_JSON
            ) as response:
                if response.status_code != 200:
                    self._check(response.status_code, response.headers, await response.aread())
                ended = False
                async for line in response.aiter_lines():
                    if not line.startswith("data:"):
                        continue
                    data = line[5:].strip()
                    if data == "[DONE]":
                        return
                    chunk = _object(data)
                    if isinstance(chunk.get("error"), Mapping):
                        raise LLMFailed(f"the endpoint ended its stream: {_words(chunk)}")
                    choices = chunk.get("choices")
                    ended = ended or any(
                        isinstance(c, Mapping) and c.get("finish_reason") for c in choices or ()
                    )
                    yield chunk
                if not ended:
                    raise LLMFailed("the answer broke off", hint="ask again")
        except httpx.HTTPError as error:
            raise self._failure(error) from error

    async def models(self) -> list[JSON]:
        """As the protocol has it."""
        try:
            response = await self._http.get("models", timeout=min(10.0, self._limit))
        except httpx.HTTPError as error:
            raise self._failure(error) from error
        self._check(response.status_code, response.headers, response.content)
        listed = _object(response.content).get("data")
        return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []

    async def close(self) -> None:
        """Close its connections."""
        await self._http.aclose()

    def _failure(self, error: httpx.HTTPError) -> LLMFailed:
        if isinstance(error, httpx.TimeoutException):
            return LLMTimeout(
                f"the endpoint did not answer within {self._limit:g} s", hint="raise TERSUS_LLM_TIMEOUT"
            )
        return LLMFailed(
            f"the endpoint failed: {type(error).__name__}: {error}", hint="check TERSUS_LLM_BASE_URL"
        )

    @staticmethod
    def _check(status: int, headers: httpx.Headers, content: bytes) -> None:
        if status == 200:
            return
        try:
            said = _words(_object(content))
        except LLMFailed:
            said = f"status {status}"
        if status in _REFUSALS:
            raise UpstreamRefused(f"the language model refused the request: {said}"[:2000])
        if status == 429:
            busy = UpstreamBusy("the language model is busy", hint="ask again later")
            after = headers.get("retry-after", "")
            busy.retry_after = float(after) if after.isdigit() else 1.0
            raise busy
        raise LLMFailed(
            f"the endpoint answered {status}: {said}"[:2000],
            hint="check TERSUS_LLM_BASE_URL and TERSUS_LLM_API_KEY",
        )


class LlmUpstream:
    """Any LlamaIndex LLM, such as the local model; texts alone, and of the options ``max_tokens`` alone."""

    def __init__(self, llm: LLM, model: str, limit: float) -> None:
        self._llm = llm
        self._model = model
        self._limit = limit

    async def complete(self, body: JSON) -> JSON:
        """As the protocol has it."""
        text, usage = "", None
        async for chunk in self.stream(body):
            for choice in chunk["choices"]:
                text += choice["delta"].get("content") or ""
            usage = chunk.get("usage") or usage
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return {**_head("chat.completion", self._model), "choices": [choice], "usage": usage}

    async def stream(self, body: JSON) -> AsyncGenerator[JSON, None]:
        """As the protocol has it."""
        from ..llm_call import chat_pieces

        head = _head("chat.completion.chunk", self._model)
        last: ChatResponse | None = None
        options = (
            {"max_tokens": n} if (n := body.get("max_completion_tokens") or body.get("max_tokens")) else {}
        )
        role: JSON = {"role": "assistant"}
        async for piece in chat_pieces(self._llm, _messages(body["messages"]), self._limit, **options):
            if isinstance(piece, str):
                delta = {**role, "content": piece}
                role = {}
                yield {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
            else:
                last = piece
        yield {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
        yield {**head, "choices": [], "usage": _usage(last)}

    async def models(self) -> list[JSON]:
        """Its own name."""
        return [{"id": self._model, "object": "model", "created": 0, "owned_by": "tersus"}]

    async def close(self) -> None:
        """Nothing to close."""


_JSON = {"Content-Type": "application/json"}


def _head(kind: str, model: str) -> JSON:
    return {"id": f"chatcmpl-{uuid.uuid4().hex}", "object": kind, "created": int(time.time()), "model": model}


def _encoded(body: JSON) -> bytes:
    # Half a UTF-16 pair stays an escape, which every endpoint can read.
    return json.dumps(body).encode("ascii")


def _object(content: bytes | str) -> JSON:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise LLMFailed("the endpoint's answer is not JSON", hint="check TERSUS_LLM_BASE_URL") from error
    if not isinstance(found, dict):
        raise LLMFailed("the endpoint's answer is no JSON object", hint="check TERSUS_LLM_BASE_URL")
    return found


def _words(answer: Mapping[str, Any]) -> str:
    error = answer.get("error")
    message = error.get("message") if isinstance(error, Mapping) else error
    return str(message or "no reason given")


def _messages(given: list[JSON]) -> list[ChatMessage]:
    from llama_index.core.llms import ChatMessage, MessageRole

    roles = {
        "system": MessageRole.SYSTEM,
        "developer": MessageRole.SYSTEM,
        "assistant": MessageRole.ASSISTANT,
    }
    made = []
    for message in given:
        content = message.get("content")
        if isinstance(content, list):
            content = "\n".join(str(p.get("text", "")) for p in content if isinstance(p, Mapping))
        role = roles.get(str(message.get("role")), MessageRole.USER)
        made.append(ChatMessage(role=role, content=str(content or "")))
    return made


def _usage(response: ChatResponse | None) -> JSON | None:
    from ..llm import usage_of

    if response is None:
        return None
    usage = usage_of(response)
    if usage.prompt_tokens is None or usage.completion_tokens is None:
        return None
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }
