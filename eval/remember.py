"""Scores kept between budgets: a question is scored once, however many shares of it are asked for."""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from dataclasses import replace

from ..compressors import Budget, Compression, Compressor, ExtractiveCompressor, Passage, Task
from ..compressors.extractive import Candidates

__all__ = ["ScoreMemory"]

_Key = tuple[str, tuple[tuple[str, str], ...]]


class ScoreMemory:
    """One compressor whose scores do not depend on the budget, and the scores it has given.

    One that does not select by scores works as it does alone. Not for several threads.
    """

    def __init__(self, compressor: Compressor) -> None:
        self._compressor = compressor
        self._spared = 0.0
        self._known: dict[_Key, tuple[Candidates, float]] = {}
        if isinstance(compressor, ExtractiveCompressor):
            self._score = compressor._score_batch
            self._compressor = copy.copy(compressor)
            self._compressor._score_batch = self._remembered  # type: ignore[method-assign]

    def compress(self, query: str, passages: Sequence[Passage], budget: Budget) -> Compression:
        """What the compressor makes of it; ``seconds`` as if the scores had been made anew."""
        self._spared = 0.0
        result = self._compressor.compress(query, passages, budget)
        return replace(result, seconds=result.seconds + self._spared)

    def _remembered(self, tasks: Sequence[Task]) -> list[Candidates]:
        keys = [_key(task) for task in tasks]
        self._spared = sum(self._known[key][1] for key in keys if key in self._known)
        if new := [task for task, key in zip(tasks, keys, strict=True) if key not in self._known]:
            started = time.perf_counter()
            scored = self._score(new)
            each = (time.perf_counter() - started) / len(new)
            self._known |= {_key(t): (candidates, each) for t, candidates in zip(new, scored, strict=True)}
        return [self._known[key][0] for key in keys]


def _key(task: Task) -> _Key:
    return task.query, tuple((p.title, p.text) for p in task.passages)
