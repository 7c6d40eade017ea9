"""``none``: everything stays. The baseline that others are measured against."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from .base import Compressor, Draft, Task
from .types import CompressedPassage

__all__ = ["NoneCompressor"]


class NoneCompressor(Compressor):
    """Sends the passages as they came.

    Under ``max_tokens`` whole passages stay in order as long as they fit, which is
    what plain RAG does with a full window; a ratio is not met, and the reason says so.
    """

    name: ClassVar[str] = "none"
    summary: ClassVar[str] = "Keeps everything: plain RAG, the baseline"
    speed: ClassVar[str] = "instant"
    needs_query: ClassVar[bool] = False

    def _compress_batch(self, tasks: Sequence[Task]) -> Sequence[Draft]:
        return [self._one(task) for task in tasks]

    def _one(self, task: Task) -> Draft:
        passages = [CompressedPassage.whole(p) for p in task.passages]
        limit = task.budget.max_tokens
        if limit is None or task.tokens_before <= limit:
            unmet = task.budget.ratio not in (None, 1) or task.budget.risk is not None
            note = f"; {task.budget} was not applied" if unmet else ""
            return Draft(passages, f"compressor none keeps everything{note}")
        # The longest run of leading passages that fits: rendering is monotone, so halving finds it.
        low, high = 0, len(passages)
        while low < high:
            middle = (low + high + 1) // 2
            if task.tokens(passages[:middle]) <= limit:
                low = middle
            else:
                high = middle - 1
        dropped = [CompressedPassage.of(p.source, []) for p in passages[low:]]
        reason = f"max_tokens={limit} holds the first {low} of {len(passages)} passages"
        return Draft([*passages[:low], *dropped], reason)
