"""Stages simple enough to follow by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from tersus.compressors import (
    Candidates,
    CompressedPassage,
    Compressor,
    Draft,
    ExtractiveCompressor,
    SourcedSentence,
    Span,
    Task,
)
from tersus.compressors.segment import split
from tersus.compressors.wordwise import scored_spans, units_of


class Longest(ExtractiveCompressor):
    """Sentences by their length."""

    name: ClassVar[str] = "longest"
    threshold: float = 20.0
    speed: ClassVar[str] = "instant"

    def _score_batch(self, tasks: Sequence[Task]) -> Sequence[Candidates]:
        return [
            [[Span(s.start, s.end, float(s.end - s.start)) for s in split(p.text)] for p in task.passages]
            for task in tasks
        ]


class Words(ExtractiveCompressor):
    """Words by their length."""

    name: ClassVar[str] = "words"
    threshold: float = 4.0
    joined: bool = True
    speed: ClassVar[str] = "fast"

    def __init__(self, seen: list[Task] | None = None) -> None:
        self.seen = [] if seen is None else seen

    def _score_batch(self, tasks: Sequence[Task]) -> Sequence[Candidates]:
        self.seen += tasks
        found = []
        for task in tasks:
            units = [units_of(p.text, "word") for p in task.passages]
            found.append([scored_spans(u, [float(x.end - x.start) for x in u]) for u in units])
        return found


class Shout(Compressor):
    """Writes every passage anew: its first sentence in capitals, named after the passage."""

    name: ClassVar[str] = "shout"
    kind: ClassVar[Literal["extractive", "abstractive"]] = "abstractive"
    needs_query: ClassVar[bool] = False

    def _compress_batch(self, tasks: Sequence[Task]) -> Sequence[Draft]:
        return [Draft([self._one(n, p) for n, p in enumerate(task.passages)]) for task in tasks]

    def _one(self, number: int, passage: Any) -> CompressedPassage:
        first = split(passage.text)[:1]
        texts = [passage.text[s.start : s.end].upper() for s in first]
        return CompressedPassage.rewritten(passage, [SourcedSentence(t, (number,)) for t in texts])
