"""What ``crag`` is measured beside: LexRank, and sentences drawn at random."""

from __future__ import annotations

import math
import random
import re
import zlib
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from ...compressors import Candidates, ExtractiveCompressor, Span, Task
from ...compressors.segment import split

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["LexRankCompressor", "RandomCompressor", "lexrank"]

_WORD = re.compile(r"[^\W_]+")
_ROUNDS = 1000
_DONE = 1e-10


class LexRankCompressor(ExtractiveCompressor):
    """Sentences by their LexRank among all sentences of the passages."""

    name: ClassVar[str] = "lexrank"
    summary: ClassVar[str] = "The sentences most like all others, by words"
    needs_query: ClassVar[bool] = False

    def _score_batch(self, tasks: Sequence[Task]) -> Sequence[Candidates]:
        return [self._score_task(task) for task in tasks]

    @staticmethod
    def _score_task(task: Task) -> Candidates:
        segments = [split(passage.text) for passage in task.passages]
        texts = [
            p.text[s.start : s.end] for p, found in zip(task.passages, segments, strict=True) for s in found
        ]
        scores = iter(lexrank(texts).tolist())
        return [[Span(s.start, s.end, next(scores)) for s in found] for found in segments]


class RandomCompressor(ExtractiveCompressor):
    """Sentences in an order drawn at random, the same for the same passages."""

    name: ClassVar[str] = "random"
    summary: ClassVar[str] = "Sentences at random"
    needs_query: ClassVar[bool] = False

    def _score_batch(self, tasks: Sequence[Task]) -> Sequence[Candidates]:
        return [self._score_task(task) for task in tasks]

    @staticmethod
    def _score_task(task: Task) -> Candidates:
        text = "\n".join(passage.text for passage in task.passages)
        chance = random.Random(zlib.crc32(text.encode("utf-8", "replace")))  # noqa: S311 - a draw, no secret
        return [[Span(s.start, s.end, chance.random()) for s in split(p.text)] for p in task.passages]


def lexrank(
    sentences: Sequence[str], *, threshold: float = 0.1, damping: float = 0.85
) -> NDArray[np.float64]:
    """The stationary probability of each sentence, float64 [n], in a walk over the graph of like sentences.

    Sentences are joined where the cosine of their tf-idf vectors is above ``threshold``; idf is
    ``ln(n / df)`` over the sentences given. The walk follows a random edge with probability
    ``damping`` and jumps anywhere otherwise. A sentence is joined to itself.

    Source: Erkan and Radev, 2004, "LexRank: Graph-based Lexical Centrality as Salience in Text
    Summarization", equations 3 and 4.
    """
    import numpy as np

    if not sentences:
        return np.zeros(0)
    count = len(sentences)
    words = [Counter(_WORD.findall(sentence.lower())) for sentence in sentences]
    found = Counter(word for some in words for word in some)
    places = {word: i for i, word in enumerate(found)}
    weights = np.zeros((count, max(1, len(places))))
    for row, some in zip(weights, words, strict=True):
        for word, times in some.items():
            row[places[word]] = times * math.log(count / found[word])
    weights /= np.maximum(np.linalg.norm(weights, axis=1, keepdims=True), 1e-12)
    joined = (weights @ weights.T > threshold).astype(np.float64)
    np.fill_diagonal(joined, 1.0)
    walk = joined / joined.sum(axis=1, keepdims=True)
    rank = np.full(count, 1 / count)
    for _ in range(_ROUNDS):
        after = (1 - damping) / count + damping * (rank @ walk)
        moved = float(np.abs(after - rank).max())
        rank = after
        if moved < _DONE:
            break
    return rank
