"""The simplest compressors, against which the bench measures the others.

They take no part in the registry: nobody should send a prompt that they made.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import ClassVar

from ..compressors import CompressedPassage, Compressor, Draft, ExtractiveCompressor, Span, Task
from ..compressors.segment import split
from ..errors import InvalidInput
from .optimizer_baseline import SentenceOptimizerCompressor
from .random_baseline import RandomCompressor

__all__ = ["BASELINES", "Bm25Compressor", "HeadCompressor"]

_WORD = re.compile(r"\S+")
_TERM = re.compile(r"\w+")


class HeadCompressor(Compressor):
    """The first tokens of the context, cut after the last word that fits. Ignores the question.

    No subclass of ``ExtractiveCompressor``, which fills what is left of a budget with whatever still
    fits; this one stops at the first word that does not.
    """

    name: ClassVar[str] = "head"
    summary: ClassVar[str] = "The first tokens: what a cut-off prompt keeps"
    needs_query: ClassVar[bool] = False

    def _compress_batch(self, tasks: Sequence[Task]) -> Sequence[Draft]:
        return [self._one(task) for task in tasks]

    def _one(self, task: Task) -> Draft:
        budget = task.budget
        if budget.max_tokens is None and budget.ratio is None:
            raise InvalidInput(
                f"head has no scores, so {budget} says nothing to it", hint="give ratio or max_tokens"
            )
        limit = budget.max_tokens or int((budget.ratio or 0.0) * task.tokens_before)
        if task.tokens_before <= limit:
            return Draft(
                [CompressedPassage.whole(p) for p in task.passages], f"everything fits into {budget}"
            )
        # Every word's end is a place to cut; the tokens before it grow from one to the next.
        cuts = [(i, word.end()) for i, p in enumerate(task.passages) for word in _WORD.finditer(p.text)]
        low, high = 0, len(cuts)
        while low < high:
            middle = (low + high + 1) // 2
            if task.tokens(self._upto(task, cuts, middle)) <= limit:
                low = middle
            else:
                high = middle - 1
        return Draft(
            self._upto(task, cuts, low), None if low else f"{budget} is less than the first word needs"
        )

    @staticmethod
    def _upto(task: Task, cuts: Sequence[tuple[int, int]], words: int) -> list[CompressedPassage]:
        last, end = cuts[words - 1] if words else (-1, 0)
        return [
            CompressedPassage.whole(p)
            if i < last
            else CompressedPassage.of(p, [Span(0, end)] if i == last else [])
            for i, p in enumerate(task.passages)
        ]


class Bm25Compressor(ExtractiveCompressor):
    """Sentences ranked by BM25 against the question; the question's own sentences are the collection.

    ``idf(t) = ln(1 + (N - df + 0.5) / (df + 0.5))`` over the N sentences of all its passages,
    k1 = 1.2, b = 0.75; terms are lower-cased runs of word characters, titles are not looked at.
    The adaptive budget keeps every sentence that shares a term with the question.

    Source: Robertson and Zaragoza, 2009, "The Probabilistic Relevance Framework: BM25 and Beyond",
    with the idf that stays above zero.
    """

    name: ClassVar[str] = "bm25"
    summary: ClassVar[str] = "Sentences ranked by BM25 against the question"
    threshold: float = 1e-9

    def __init__(self, k1: float = 1.2, b: float = 0.75) -> None:
        self.k1 = k1
        self.b = b

    def _score_batch(self, tasks: Sequence[Task]) -> list[list[list[Span]]]:
        return [self._score(task) for task in tasks]

    def _score(self, task: Task) -> list[list[Span]]:
        cut = [[(s.start, s.end) for s in split(p.text)] for p in task.passages]
        counts = [
            [Counter(_terms(p.text[start:end])) for start, end in spans]
            for p, spans in zip(task.passages, cut, strict=True)
        ]
        documents = [count for passage in counts for count in passage]
        frequency = Counter(term for count in documents for term in count)
        mean = sum(count.total() for count in documents) / max(1, len(documents)) or 1.0
        weights = {
            term: math.log(1 + (len(documents) - frequency[term] + 0.5) / (frequency[term] + 0.5))
            for term in set(_terms(task.query))
        }
        return [
            [
                Span(start, end, self._bm25(count, weights, mean))
                for (start, end), count in zip(spans, passage, strict=True)
            ]
            for spans, passage in zip(cut, counts, strict=True)
        ]

    def _bm25(self, count: Counter[str], weights: dict[str, float], mean: float) -> float:
        damping = self.k1 * (1 - self.b + self.b * count.total() / mean)
        return sum(
            idf * count[term] * (self.k1 + 1) / (count[term] + damping)
            for term, idf in weights.items()
            if count[term]
        )


def _terms(text: str) -> list[str]:
    return _TERM.findall(text.lower())


BASELINES: dict[str, type[Compressor]] = {
    c.name: c for c in (HeadCompressor, Bm25Compressor, RandomCompressor, SentenceOptimizerCompressor)
}
