"""Summaries by a causal language model: any LlamaIndex LLM, or one on this machine."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import Any

from ...errors import InvalidInput, TersusError
from ..tokens import load_counter
from .extractive import ExtractiveSummariser
from .types import SummariserFailed
from .written import Writer, Written, WrittenSummariser

__all__ = ["PROMPT", "QUERY_PROMPT", "GenerativeSummariser"]

_RULES = (
    "State only what the text says. Write names, numbers and identifiers as the text writes them. "
    "Answer with the summary alone, in whole sentences.\n\nText:\n{text}\n\nSummary:"
)
PROMPT = f"Summarise the text below in at most {{words}} words. {_RULES}"
QUERY_PROMPT = (
    "Summarise in at most {words} words what the text below says that helps to answer this question: "
    f"{{query}}\n{_RULES}"
)
_WINDOW = 3900  # LlamaIndex's own assumption where an LLM does not say
_MARGIN = 64  # chat templates, and tokenizers that count otherwise


class GenerativeSummariser(WrittenSummariser):
    """Summaries by a language model, checked against their sources.

    Args:
        llm: a LlamaIndex LLM (anything with ``complete(prompt)`` whose answer has a ``text``), or a model on
            this machine by alias, folder or hub name.
        prompt: yours; ``{text}``, ``{words}`` and ``{query}`` are filled in. By default one that asks
            for the question's sake where there is one.
        workers: calls of an LLM at once; a local model works one after the other.
        extractive: writes the fallbacks.
        device: of a local model.

    Raises:
        InvalidInput: an ``llm`` of another kind, a prompt without ``{text}``, ``workers`` below 1.
    """

    def __init__(
        self,
        llm: Any = "smollm2",
        *,
        prompt: str | None = None,
        workers: int = 4,
        extractive: ExtractiveSummariser | None = None,
        device: str = "auto",
    ) -> None:
        writer: Writer = _Local(llm, device) if isinstance(llm, str) else _Remote(llm, workers)
        query_prompt = QUERY_PROMPT if prompt is None else None
        super().__init__(writer, prompt or PROMPT, query_prompt=query_prompt, extractive=extractive)


class _Local:
    def __init__(self, model: str, device: str) -> None:
        self._model, self._device = model, device

    @property
    def name(self) -> str:
        return self._model

    @property
    def fingerprint(self) -> str:
        return str(self._causal.fingerprint)

    @property
    def _causal(self) -> Any:
        from ..models.causal import load_causal

        return load_causal(self._model, self._device)

    def room(self, limit: int) -> int:
        window: int = self._causal.context_window
        return window - _longest(limit) - min(_MARGIN, window // 4)

    def count(self, text: str) -> int:
        return int(self._causal.count_tokens(text))

    def write(self, prompts: Sequence[str], limits: Sequence[int]) -> list[Written]:
        from ..models.generate import Generation, generate

        causal, written = self._causal, []
        for prompt, limit in zip(prompts, limits, strict=True):
            chat = [{"role": "user", "content": prompt}]
            ids = causal.encode_chat(chat) if causal.has_chat_template else causal.encode(prompt)
            state = Generation()
            for _ in generate(causal, ids, state, max_new_tokens=_longest(limit), repetition_penalty=1.1):
                pass
            used = state.prompt_tokens + state.completion_tokens
            written.append(Written(state.text, used, state.finish_reason == "length"))
        return written


class _Remote:
    """A LlamaIndex LLM, known by what it can do: nothing of LlamaIndex is imported."""

    def __init__(self, llm: Any, workers: int) -> None:
        if not callable(getattr(llm, "complete", None)):
            raise InvalidInput(
                f"{type(llm).__name__} is no language model: it has no method complete",
                hint="pass a LlamaIndex LLM, or the name of a local model",
            )
        if workers < 1:
            raise InvalidInput(f"workers must be at least 1, got {workers}")
        self._llm, self._workers = llm, workers
        self.count = load_counter()

    @property
    def name(self) -> str:
        return str(getattr(self._metadata, "model_name", None) or type(self._llm).__name__)

    @property
    def fingerprint(self) -> str:
        return f"{type(self._llm).__name__}:{self.name}"

    @property
    def _metadata(self) -> Any:
        return getattr(self._llm, "metadata", None)

    def room(self, limit: int) -> int:
        window = int(getattr(self._metadata, "context_window", None) or _WINDOW)
        return window - _longest(limit) - window // 10  # counted with cl100k, not with its own tokenizer

    def write(self, prompts: Sequence[str], limits: Sequence[int]) -> list[Written]:  # noqa: ARG002
        # No limit is passed on, for every LLM calls it otherwise: the prompt says it, in words.
        with ThreadPoolExecutor(min(self._workers, len(prompts))) as pool:
            calls = [pool.submit(self._answer, prompt) for prompt in prompts]
            try:
                done, _ = wait(calls, return_when=FIRST_EXCEPTION)
            finally:  # whoever waits for an error should not wait, and pay, for the rest
                pool.shutdown(wait=False, cancel_futures=True)
        for call in done:
            call.result()  # raises where one failed
        return [call.result() for call in calls]

    def _answer(self, prompt: str) -> Written:
        try:
            response = self._llm.complete(prompt)
        except TersusError:
            raise
        except Exception as error:  # an LLM of any maker may raise anything
            raise SummariserFailed(
                f"{self.name} failed to summarise: {type(error).__name__}: {error}",
                hint="check the language model's address, key and limits, or use the summariser 'extractive'",
            ) from error
        text = getattr(response, "text", None)
        if not isinstance(text, str):
            raise SummariserFailed(
                f"{self.name} answered with {type(response).__name__} without a text",
                hint="complete(prompt) must return an object whose text is a str",
            )
        raw = getattr(response, "raw", None)
        usage = _get(raw, "usage") or getattr(response, "additional_kwargs", None)
        counts = [_get(usage, name) for name in ("prompt_tokens", "completion_tokens")]
        if not all(isinstance(count, int) for count in counts):
            counts = [self.count(prompt), self.count(text)]
        choices = _get(raw, "choices")
        stopped = _get(choices[0], "finish_reason") if isinstance(choices, list) and choices else None
        return Written(text, sum(counts), stopped == "length")


def _longest(limit: int) -> int:
    """Of an answer that shall have ``limit`` tokens: whole sentences are cut out of it afterwards."""
    return limit + limit // 4 + 16


def _get(source: Any, name: str) -> Any:
    if isinstance(source, dict):
        return source.get(name)
    with contextlib.suppress(AttributeError):
        return getattr(source, name)
    return None
