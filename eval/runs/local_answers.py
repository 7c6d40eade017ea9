"""Short answers of a local model: one after the other on a CPU, side by side on a GPU."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...compressors.models.causal import CausalModel

__all__ = ["Said", "answer_batch"]

_TOKENS_AT_ONCE = 65_536
"""Of all prompts of a batch, padding included: what a GPU with 16 GB holds of a small model's cache."""


@dataclass(frozen=True, slots=True)
class Said:
    """An answer, its tokens, and its seconds: its own, or its prompt's share of its batch's."""

    text: str
    tokens: int
    seconds: float


def answer_batch(
    causal: CausalModel,
    prompts: Sequence[Sequence[int]],
    *,
    max_new_tokens: int,
    side_by_side: bool | None = None,
) -> list[Said]:
    """Greedy answers in the order of ``prompts``.

    ``side_by_side``: in padded batches; by default where the model is on a GPU (a CPU gains nothing).
    """
    if side_by_side is None:
        side_by_side = causal.device.type != "cpu"
    if not side_by_side:
        return [_one(causal, prompt, max_new_tokens) for prompt in prompts]
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    found: dict[int, Said] = {}
    while order:
        batch = [order.pop()]
        longest = len(prompts[batch[0]]) + max_new_tokens
        while order and (len(batch) + 1) * longest <= _TOKENS_AT_ONCE:
            batch.append(order.pop())
        found |= zip(batch, _together(causal, [prompts[i] for i in batch], max_new_tokens), strict=True)
    return [found[i] for i in range(len(prompts))]


def _one(causal: CausalModel, prompt: Sequence[int], most: int) -> Said:
    from ...compressors.models.generate import Generation, generate

    started = time.perf_counter()
    state = Generation()
    for _ in generate(causal, prompt, state, max_new_tokens=most):
        if "\n" in state.text.strip():  # the first line is the answer
            break
    return Said(state.text, state.completion_tokens, time.perf_counter() - started)


def _together(causal: CausalModel, prompts: Sequence[Sequence[int]], most: int) -> list[Said]:
    """Padded on the left, so that all answers begin at the same position."""
    import torch

    from ...compressors.models.generate import PromptTooLong

    started = time.perf_counter()
    longest = max(map(len, prompts))
    if longest >= causal.context_window:
        raise PromptTooLong(f"a prompt has {longest} tokens; {causal.name} takes {causal.context_window}")
    stops = sorted(causal.stop_ids)
    ids = torch.full((len(prompts), longest), stops[0])
    mask = torch.zeros_like(ids)
    for row, prompt in enumerate(prompts):
        ids[row, longest - len(prompt) :] = torch.tensor(list(prompt))
        mask[row, longest - len(prompt) :] = 1
    with causal.lock, torch.inference_mode():
        output = causal.model.generate(
            input_ids=ids.to(causal.device),
            attention_mask=mask.to(causal.device),
            max_new_tokens=most,
            do_sample=False,
            eos_token_id=stops,
            pad_token_id=stops[0],
            temperature=None,
            top_p=None,
            top_k=None,
            repetition_penalty=1.0,
        )
    each = (time.perf_counter() - started) / sum(map(len, prompts))
    said = []
    for prompt, row in zip(prompts, output[:, longest:].tolist(), strict=True):
        kept = row[: next((i for i, token in enumerate(row) if token in causal.stop_ids), len(row))]
        text = str(causal.tokenizer.decode(kept, skip_special_tokens=True))
        said.append(Said(text, len(kept), each * len(prompt)))
    return said
