"""Greedy decoding, token by token, with a guard against a small model's loops."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from inspect import signature
from typing import TYPE_CHECKING, Any

from ...errors import InvalidInput, TersusError
from .causal import CausalModel

if TYPE_CHECKING:
    import torch

__all__ = ["Generation", "PromptTooLong", "generate"]


class PromptTooLong(TersusError):
    """The prompt leaves no room for an answer in the model's context window."""

    code = "prompt_too_long"


@dataclass
class Generation:
    """What is known of one answer; complete once the iterator of ``generate`` is used up.

    ``finish_reason`` is "stop" (the model ended), "length" (the limit of tokens) or, while it runs, None.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    finish_reason: str | None = None
    text: str = field(default="", repr=False)


def generate(
    causal: CausalModel,
    prompt: Sequence[int],
    state: Generation,
    *,
    max_new_tokens: int,
    repetition_penalty: float = 1.0,
) -> Iterator[str]:
    """Yield the answer's text piece by piece, never half a character; ``state`` keeps the counts.

    Greedy, so the same prompt gives the same answer. The penalty divides (multiplies,
    if negative) the logits of tokens already said (Keskar et al., 2019), with two
    exceptions: the prompt does not count, because an answer must be free to quote its
    context, and neither do digits, because a year or an amount repeats them. The lock
    is held for one token at a time, so answers of several threads advance side by
    side, and an iterator that is dropped stops the work.

    Raises:
        PromptTooLong: at once, before the model runs, when prompt and one token exceed the window.
        InvalidInput: an empty prompt, or a setting out of range.
    """
    window = causal.context_window
    if not prompt:
        raise InvalidInput("the prompt is empty")
    if max_new_tokens < 1 or repetition_penalty <= 0:
        raise InvalidInput("max_new_tokens and repetition_penalty must be positive")
    if len(prompt) >= window:
        raise PromptTooLong(
            f"the prompt has {len(prompt)} tokens, but {causal.name} takes at most {window} with its answer",
            hint="retrieve fewer passages, compress more, or use a model with a larger window",
        )
    state.prompt_tokens = len(prompt)
    limit = min(max_new_tokens, window - len(prompt))
    return _run(causal, list(prompt), state, limit, repetition_penalty)


def _run(
    causal: CausalModel, prompt: list[int], state: Generation, limit: int, penalty: float
) -> Iterator[str]:
    import torch

    model = causal.model
    # Those of every position of a long prompt would take gigabytes.
    last_only = {"logits_to_keep": 1} if "logits_to_keep" in signature(model.forward).parameters else {}
    said: list[int] = []
    penalised: set[int] = set()
    pieces = _Pieces(causal.tokenizer)
    cache: Any = None
    tokens = prompt
    while state.finish_reason is None:
        # Inside the loop: a generator must not carry inference mode over a yield into its caller's code.
        with causal.lock, torch.inference_mode():
            ids = torch.tensor([tokens], device=causal.device)
            output = model(input_ids=ids, past_key_values=cache, use_cache=True, **last_only)
            cache = output.past_key_values
            token = _choose(output.logits[0, -1].float(), penalised, penalty)
        said.append(token)
        if token not in causal.digit_ids:
            penalised.add(token)
        tokens = [token]
        state.completion_tokens = len(said)
        if token in causal.stop_ids:
            state.finish_reason = "stop"
        elif len(said) == limit:
            state.finish_reason = "length"
        piece = pieces.add(token, last=state.finish_reason is not None)
        if piece:
            state.text += piece
            yield piece


def _choose(logits: torch.Tensor, penalised: set[int], penalty: float) -> int:
    import torch

    if penalised and penalty != 1.0:
        ids = torch.tensor(sorted(penalised), device=logits.device)
        values = logits[ids]
        logits[ids] = torch.where(values > 0, values / penalty, values * penalty)
    return int(logits.argmax())


class _Pieces:
    """Token by token to text, holding back bytes until they are a whole character.

    Decoding starts a few tokens back, because what a token reads as may depend
    on the one before it (a blank at the start of a word).
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._ids: list[int] = []
        self._start = 0
        self._read = 0

    def add(self, token: int, last: bool) -> str:
        self._ids.append(token)
        before = self._decode(self._ids[self._start : self._read])
        now = self._decode(self._ids[self._start :])
        if now.endswith("\ufffd") and not last:
            return ""
        self._start, self._read = self._read, len(self._ids)
        return now[len(before) :]

    def _decode(self, ids: list[int]) -> str:
        text: str = self._tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text
