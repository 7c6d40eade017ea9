"""The other two selections of the paper's comparison: at random, and the least salient first."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import ClassVar

from ...compressors import Candidates, ExtractiveCompressor, Passage, Span, Task
from ...compressors.frugal import FrugalCompressor
from ...compressors.frugal.standing import standings
from ...compressors.wordwise import scored_spans, units_of

__all__ = ["BottomSelection", "RandomSelection"]


class BottomSelection(ExtractiveCompressor):
    """The units that the scorer finds least salient, each sentence by itself."""

    name: ClassVar[str] = "bottom"
    needs_query: ClassVar[bool] = False
    joined = True

    def __init__(self, frugal: FrugalCompressor) -> None:
        self._frugal = frugal

    def _score_batch(self, tasks: Sequence[Task]) -> Sequence[Candidates]:
        import numpy as np

        found = []
        for task, candidates in zip(tasks, self._frugal._score_batch(tasks), strict=True):
            spans = []
            for passage, scored in zip(task.passages, candidates, strict=True):
                units = units_of(passage.text, "word")
                worst = np.array([-span.score for span in scored])
                spans.append(scored_spans(units, standings(units, worst, "sentence")))
            found.append(spans)
        return found


class RandomSelection(ExtractiveCompressor):
    """Units at random, each sentence by itself; the same for the same text and ``seed``."""

    name: ClassVar[str] = "random"
    needs_query: ClassVar[bool] = False
    joined = True

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed

    def _score_batch(self, tasks: Sequence[Task]) -> Sequence[Candidates]:
        return [[self._one(passage) for passage in task.passages] for task in tasks]

    def _one(self, passage: Passage) -> list[Span]:
        import numpy as np

        units = units_of(passage.text, "word")
        text = f"{self._seed} {passage.text}".encode("utf-8", "replace")
        scores = np.random.default_rng(zlib.crc32(text)).random(len(units))
        return scored_spans(units, standings(units, scores, "sentence"))
