"""Token costs of candidate spans, estimated so that they add up."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from .ranking import Ranking
from .task import Task
from .types import CompressedPassage

__all__ = ["Costs"]


class Costs:
    """What each span of a ranking costs in tokens.

    Span ``i`` costs ``tokens[i]``; the first span kept of a passage also costs
    ``overhead[passage]`` (title and separator). The sum errs by a few tokens, because
    tokenizers merge across joins, and no separator stands before the first passage.
    """

    def __init__(self, task: Task, ranking: Ranking) -> None:
        self.ranking = ranking
        self.passage = ranking.passage
        texts = [p.text for p in task.passages]
        self.tokens = [
            task.counter(" " + texts[number][span.start : span.end])
            for number, span in zip(ranking.passage, ranking.spans, strict=True)
        ]
        self.overhead = [0] * len(texts)
        for i, (number, span) in enumerate(zip(ranking.passage, ranking.spans, strict=True)):
            if i == 0 or ranking.passage[i - 1] != number:
                alone = CompressedPassage.of(task.passages[number], [span])
                # What a second block adds to a first: the separator merges with the tokens around it.
                added = task.tokens([alone, alone]) - task.tokens([alone]) - self.tokens[i]
                self.overhead[number] = max(0, added)

    def values(self) -> NDArray[np.float64]:
        """What each span is worth where a sum decides.

        A protected span outweighs all that are not; else the worth halves from one place in the order to
        the next, so that a better span outweighs all lesser ones together, as in greedy choice.
        """
        places: dict[int, int] = {}
        for i, _ in self.ranking.order:
            places.setdefault(i, len(places))
        halved = 0.5 ** np.array([places[i] for i in range(len(places))], dtype=np.float64)
        protected = np.array([i in self.ranking.protected for i in range(len(places))], dtype=np.float64)
        return 2 * protected + np.maximum(halved, 1e-15)

    def estimate(self, chosen: Iterable[int]) -> int:
        """Tokens of a set of spans, by number."""
        chosen = list(chosen)
        opened = {self.passage[i] for i in chosen}
        return sum(self.tokens[i] for i in chosen) + sum(self.overhead[p] for p in opened)

    def greedy(self, limit: int) -> list[int]:
        """Spans in the ranking's order, each taken if it still fits under ``limit``."""
        total, opened = 0, set[int]()
        chosen: dict[int, None] = {}
        for i, owner in self.ranking.order:
            passage = self.passage[i]
            cost = self.tokens[i] + (0 if passage in opened else self.overhead[passage])
            if i not in chosen and (owner == i or owner in chosen) and total + cost <= limit:
                total += cost
                opened.add(passage)
                chosen[i] = None
        return list(chosen)

    def best_of_the_short(self) -> int:
        """Where no span fits: the best of those at most twice as long as the shortest."""
        whole = [t + self.overhead[p] for t, p in zip(self.tokens, self.passage, strict=True)]
        return next(i for i, owner in self.ranking.order if owner == i and whole[i] <= 2 * min(whole))
