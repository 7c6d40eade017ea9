"""Token costs of candidate spans, estimated so that they add up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from .base import Task
from .types import CompressedPassage, Span

__all__ = ["Costs"]


class Costs:
    """The candidates of one task as flat lists, in reading order, with their costs in tokens.

    ``spans[i]`` belongs to passage ``passage[i]`` and costs ``tokens[i]``; the first
    span kept of a passage also costs ``overhead[passage]`` (title and separators). The
    sum errs by a few tokens, because tokenizers merge across joins.
    """

    def __init__(self, task: Task, candidates: Sequence[Sequence[Span]]) -> None:
        self.spans: list[Span] = []
        self.passage: list[int] = []
        self.tokens: list[int] = []
        self.overhead: list[int] = []
        for number, (passage, spans) in enumerate(zip(task.passages, candidates, strict=True)):
            for span in spans:
                self.spans.append(span)
                self.passage.append(number)
                self.tokens.append(task.counter(" " + passage.text[span.start : span.end]))
            self.overhead.append(0)
            if spans:
                alone = CompressedPassage.of(passage, spans[:1])
                # One more for the empty line between two passages.
                self.overhead[-1] = max(0, task.tokens([alone]) - task.counter(alone.text)) + 1
        self._by_score = sorted(range(len(self.spans)), key=lambda i: (-self.spans[i].score, i))

    def best(self) -> int:
        """The span with the highest score."""
        return self._by_score[0]

    def ranks(self) -> NDArray[np.float64]:
        """The place of each span by falling score, from 0."""
        ranks = np.empty(len(self.spans))
        ranks[self._by_score] = np.arange(len(self.spans))
        return ranks

    def estimate(self, chosen: Iterable[int]) -> int:
        """Tokens of a set of spans, by number."""
        chosen = list(chosen)
        opened = {self.passage[i] for i in chosen}
        return sum(self.tokens[i] for i in chosen) + sum(self.overhead[p] for p in opened)

    def greedy(self, limit: int) -> list[int]:
        """Spans by falling score, each taken if it still fits under ``limit``."""
        total, opened, chosen = 0, set[int](), list[int]()
        for i in self._by_score:
            passage = self.passage[i]
            cost = self.tokens[i] + (0 if passage in opened else self.overhead[passage])
            if total + cost <= limit:
                total += cost
                opened.add(passage)
                chosen.append(i)
        return chosen

    def best_of_the_short(self) -> int:
        """Where no span fits: the best-scored of those at most twice as long as the shortest."""
        whole = [t + self.overhead[p] for t, p in zip(self.tokens, self.passage, strict=True)]
        return next(i for i in self._by_score if whole[i] <= 2 * min(whole))
