"""A language model on this machine, as LlamaIndex sees any other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from typing import Any, TypeVar

from llama_index.core.base.llms.generic_utils import messages_to_prompt
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    CompletionResponse,
    CompletionResponseAsyncGen,
    CompletionResponseGen,
    LLMMetadata,
    MessageRole,
)
from llama_index.core.bridge.pydantic import Field
from llama_index.core.llms import CustomLLM
from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback

from ..compressors.models.causal import CausalModel, load_causal
from ..compressors.models.generate import Generation, generate
from ..errors import InvalidInput

__all__ = ["LocalLLM"]

T = TypeVar("T")
_END = object()


class LocalLLM(CustomLLM):
    """A causal model by alias, path or hub name, decoded greedily; all objects of one name share its weights.

    Making one is cheap: tokenizer and weights load at first use. ``raw`` of every
    response is shaped as OpenAI's: ``{"model", "usage": {"prompt_tokens",
    "completion_tokens", "total_tokens"}, "choices": [{"finish_reason"}]}``; while
    a stream runs, ``usage`` counts the tokens so far.

    Raises (from every call):
        ModelMissing: the model is not on this machine; the hint gives the command.
        PromptTooLong: prompt and answer do not fit the context window.
    """

    model: str = Field(default="smollm2", description="Alias, local folder or hub name.")
    max_new_tokens: int = Field(default=128, gt=0, description="Most tokens of an answer.")
    repetition_penalty: float = Field(
        default=1.1, gt=0, description="Above 1: against loops; counts the answer's own words alone."
    )
    device: str = Field(default="auto", description="'auto', 'cpu', 'cuda' ...")
    dtype: str = Field(default="auto", description="'auto', 'float32', 'bfloat16' or 'float16'.")

    @classmethod
    def class_name(cls) -> str:
        """The name LlamaIndex stores the object under."""
        return "TersusLocalLLM"

    @property
    def causal(self) -> CausalModel:
        """The shared model behind this object."""
        return load_causal(self.model, self.device, self.dtype)

    @property
    def metadata(self) -> LLMMetadata:
        """Window (tokens), length of an answer and name; reads the configuration, not the weights."""
        causal = self.causal
        return LLMMetadata(
            context_window=causal.context_window,
            num_output=self.max_new_tokens,
            is_chat_model=causal.has_chat_template,
            model_name=self.model,
        )

    def count_tokens(self, text: str) -> int:
        """Tokens of ``text`` in this model's own tokenizer."""
        return self.causal.count_tokens(text)

    @llm_completion_callback()
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """Answer ``prompt``: as the user's turn of a chat, or, if ``formatted``, exactly as it stands."""
        return _last(self._complete(prompt, formatted, kwargs))

    @llm_completion_callback()
    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseGen:
        """As ``complete``, yielded while it is written."""
        return self._complete(prompt, formatted, kwargs)

    @llm_chat_callback()
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """Answer a conversation, written with the model's own chat template."""
        return _last(self._chat(messages, kwargs))

    @llm_chat_callback()
    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        """As ``chat``, yielded while it is written."""
        return self._chat(messages, kwargs)

    @llm_completion_callback()
    async def acomplete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """As ``complete``, in a thread: the event loop goes on."""
        return await asyncio.to_thread(lambda: _last(self._complete(prompt, formatted, kwargs)))

    @llm_completion_callback()
    async def astream_complete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> CompletionResponseAsyncGen:
        """As ``stream_complete``, each token in a thread."""
        return await _in_threads(lambda: self._complete(prompt, formatted, kwargs))

    @llm_chat_callback()
    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """As ``chat``, in a thread: the event loop goes on."""
        return await asyncio.to_thread(lambda: _last(self._chat(messages, kwargs)))

    @llm_chat_callback()
    async def astream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseAsyncGen:
        """As ``stream_chat``, each token in a thread."""
        return await _in_threads(lambda: self._chat(messages, kwargs))

    def _complete(self, prompt: str, formatted: bool, kwargs: dict[str, Any]) -> CompletionResponseGen:
        causal = self.causal
        if formatted or not causal.has_chat_template:
            ids = causal.encode(prompt)
        else:
            ids = causal.encode_chat([{"role": "user", "content": prompt}])
        return (
            CompletionResponse(text=text, delta=delta, raw=raw)
            for text, delta, raw in self._answer(causal, ids, kwargs)
        )

    def _chat(self, messages: Sequence[ChatMessage], kwargs: dict[str, Any]) -> ChatResponseGen:
        if not messages:
            raise InvalidInput("a conversation needs at least one message")
        causal = self.causal
        if causal.has_chat_template:
            ids = causal.encode_chat([{"role": m.role.value, "content": m.content or ""} for m in messages])
        else:
            to_prompt = self.messages_to_prompt or messages_to_prompt
            ids = causal.encode(to_prompt(messages))
        return (
            ChatResponse(message=ChatMessage(role=MessageRole.ASSISTANT, content=text), delta=delta, raw=raw)
            for text, delta, raw in self._answer(causal, ids, kwargs)
        )

    def _answer(
        self, causal: CausalModel, ids: list[int], kwargs: dict[str, Any]
    ) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Text so far, newest piece and raw response; a wrong call is refused before anything runs."""
        # OpenAI's name for the limit works too, so that a caller need not know which model answers.
        limit = kwargs.get("max_new_tokens") or kwargs.get("max_tokens") or self.max_new_tokens
        state = Generation()
        pieces = generate(
            causal,
            ids,
            state,
            max_new_tokens=limit,
            repetition_penalty=kwargs.get("repetition_penalty", self.repetition_penalty),
        )
        return self._responses(pieces, state)

    def _responses(
        self, pieces: Iterator[str], state: Generation
    ) -> Iterator[tuple[str, str, dict[str, Any]]]:
        for piece in pieces:
            yield state.text, piece, self._raw(state)
        # The end may come without text (an end token alone): the last response always has the final counts.
        yield state.text, "", self._raw(state)

    def _raw(self, state: Generation) -> dict[str, Any]:
        usage = {
            "prompt_tokens": state.prompt_tokens,
            "completion_tokens": state.completion_tokens,
            "total_tokens": state.prompt_tokens + state.completion_tokens,
        }
        return {
            "model": self.model,
            "usage": usage,
            "choices": [{"index": 0, "finish_reason": state.finish_reason}],
        }


def _last(responses: Iterator[T]) -> T:
    *_, last = responses
    return last


async def _in_threads(start: Callable[[], Iterator[T]]) -> AsyncGenerator[T, None]:
    """Draw each item of the iterator in a worker thread; what ``start`` raises is raised at once."""
    items = await asyncio.to_thread(start)

    async def draw() -> AsyncGenerator[T, None]:
        while (item := await asyncio.to_thread(next, items, _END)) is not _END:
            yield item  # type: ignore[misc]

    return draw()
