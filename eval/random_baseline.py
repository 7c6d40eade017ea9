"""Sentences drawn at random: what a share of the text is worth without any choice."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import ClassVar

from ..compressors import ExtractiveCompressor, Span, Task
from ..compressors.segment import split

__all__ = ["RandomCompressor"]


class RandomCompressor(ExtractiveCompressor):
    """Every sentence gets a score in 0..1 from a hash of seed, question and sentence: the same in any order,
    on any machine."""

    name: ClassVar[str] = "random"
    summary: ClassVar[str] = "Sentences drawn at random"
    threshold: float = 0.5

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def _score_batch(self, tasks: Sequence[Task]) -> list[list[list[Span]]]:
        return [
            [
                [
                    Span(s.start, s.end, self._draw(task.query, p.text[s.start : s.end], s.start))
                    for s in split(p.text)
                ]
                for p in task.passages
            ]
            for task in tasks
        ]

    def _draw(self, query: str, sentence: str, start: int) -> float:
        text = f"{self.seed}\0{query}\0{sentence}\0{start}".encode("utf-8", "surrogatepass")
        return int.from_bytes(hashlib.sha256(text).digest()[:7]) / 2**56
