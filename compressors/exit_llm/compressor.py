"""``exit-llm``: every sentence put to a causal language model, as the paper does."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from ...errors import InvalidInput
from ..base import Task
from ..extractive import Candidates, ExtractiveCompressor
from ..segment import split
from ..types import Span

if TYPE_CHECKING:
    from .judge import Judge

__all__ = ["ExitLLMCompressor"]


class ExitLLMCompressor(ExtractiveCompressor):
    """Asks a language model of each sentence whether it is useful, and keeps those it says Yes to.

    The score is P(Yes) / (P(Yes) + P(No)) of the next token after EXIT's prompt (Hwang et al., 2024), which
    shows the query, the sentence's own document and the sentence. What prompts have in common is read
    once: query and document are not computed again for each sentence.

    The published model is ``model="google/gemma-2b-it", adapter="doubleyyh/exit-gemma-2b"``. The default
    runs without a network and was not trained for this task.

    Args:
        model: an alias (``smollm2``), a hub name or a folder of any causal language model.
        adapter: a PEFT adapter for it, a hub name or a folder; needs the package ``peft``.
        threshold: probability from which the adaptive budget keeps a sentence; the paper's is 0.5.
        device: "auto" (CUDA where there is one), "cpu", "cuda" ...
        precision: "auto" (bfloat16 on CUDA, else float32), "float32", "float16" or "bfloat16".
        window: most tokens of a prompt, and the model's own window at most: it bounds the memory
            that a long passage takes.
        batch_tokens: most tokens that go through the model at once; by default 512, on CUDA 4096.
        shared: False computes one whole prompt a sentence: the same scores, slower.

    Raises:
        InvalidInput: a setting out of range.
        ModelMissing, ModelUnusable: at first use, the model cannot be loaded or has no "Yes" and "No".
        NotInstalled: at first use, an adapter without the package ``peft``.
    """

    name: ClassVar[str] = "exit-llm"
    summary: ClassVar[str] = "The sentences a language model says Yes to: EXIT in the paper's own form"
    speed: ClassVar[str] = "slow"
    paper: ClassVar[str | None] = "Hwang et al., 2024, arXiv:2412.12559"

    def __init__(
        self,
        model: str | os.PathLike[str] = "smollm2",
        *,
        adapter: str | os.PathLike[str] | None = None,
        threshold: float = 0.5,
        device: str = "auto",
        precision: str = "auto",
        window: int = 4096,
        batch_tokens: int | None = None,
        shared: bool = True,
    ) -> None:
        if not _is_number(threshold) or not 0 <= threshold <= 1:
            raise InvalidInput(
                f"the threshold is a probability, not {threshold!r}", hint="0.5 is the paper's"
            )
        for name, value in (("window", window), ("batch_tokens", batch_tokens)):
            if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
                raise InvalidInput(f"{name} is a number of tokens, not {value!r}")
        self.model: str = os.fspath(model)
        self.adapter = None if adapter is None else os.fspath(adapter)
        self.threshold = threshold
        self.device = device
        self.precision = precision
        self.window = window
        self.batch_tokens = batch_tokens
        self.shared = shared

    @cached_property
    def fingerprint(self) -> str:
        """Model, adapter and window; no weights are loaded for it."""
        from ..models.causal import CausalModel

        parts = [self.name, CausalModel(self.model).fingerprint, f"window={self.window}"]
        if self.adapter is not None:
            from .load import adapter_fingerprint

            parts.insert(2, f"adapter={adapter_fingerprint(self.adapter)}")
        return ":".join(parts)

    def _score_batch(self, tasks: Sequence[Task]) -> Sequence[Candidates]:
        from .load import load_judge

        judge = load_judge(self.model, self.adapter, self.device, self.precision)
        limit = min(self.window, judge.causal.context_window)
        return [self._score_task(judge, task, limit) for task in tasks]

    def _score_task(self, judge: Judge, task: Task, limit: int) -> Candidates:
        from .views import look

        segments = [split(passage.text) for passage in task.passages]
        branches = [
            branch
            for passage, found in zip(task.passages, segments, strict=True)
            if found
            for branch in look(judge.prompts, task.query, passage, found, limit)
        ]
        if not branches:
            return [[] for _ in task.passages]
        found_scores = (
            judge.together(branches, self.batch_tokens) if self.shared else judge.one_by_one(branches)
        )
        scores = iter(found_scores)
        return [[Span(s.start, s.end, next(scores)) for s in found] for found in segments]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
