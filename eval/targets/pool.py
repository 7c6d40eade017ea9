"""Passages of other questions: a pool to draw distractors from, at random or by BM25."""

from __future__ import annotations

import math
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from ..data import EvalPassage, Example
from ..metrics import answer_recall

__all__ = ["Pool"]

_TERM = re.compile(r"\w+")
_K1, _B = 1.2, 0.75


class Pool:
    """All passages of ``examples``, each once, with titles, searched by BM25 over title and text.

    ``idf(t) = ln(1 + (N - df + 0.5) / (df + 0.5))`` over the N passages, k1 = 1.2, b = 0.75; terms are
    lower-cased runs of word characters. Equal scores stand in the order of the data.

    Source: Robertson and Zaragoza, 2009, "The Probabilistic Relevance Framework: BM25 and Beyond",
    with the idf that stays above zero.
    """

    def __init__(self, examples: Iterable[Example]) -> None:
        once = {(_title(p.title), _plain(p.text)): p for e in examples for p in e.passages if p.text.strip()}
        self.passages: tuple[EvalPassage, ...] = tuple(once.values())
        bags = [Counter(_terms(f"{p.title} {p.text}")) for p in self.passages]
        mean = sum(bag.total() for bag in bags) / max(1, len(bags)) or 1.0
        self._damping = [_K1 * (1 - _B + _B * bag.total() / mean) for bag in bags]
        self._postings: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for number, bag in enumerate(bags):
            for term, count in bag.items():
                self._postings[term].append((number, count))

    def nearest(self, example: Example, count: int, beside: Sequence[EvalPassage] = ()) -> list[EvalPassage]:
        """The ``count`` passages with the highest BM25 to the question, best first; fewer where there are
        fewer that share a word with it.

        As in :meth:`random`, none is the question's own, of the same article, or holds a gold answer.
        """
        scores: dict[int, float] = defaultdict(float)
        for term in set(_terms(example.question)):
            postings = self._postings.get(term, ())
            idf = math.log(1 + (len(self.passages) - len(postings) + 0.5) / (len(postings) + 0.5))
            for number, frequency in postings:
                scores[number] += idf * frequency * (_K1 + 1) / (frequency + self._damping[number])
        order = sorted(scores, key=lambda number: (-scores[number], number))
        return self._take(example, order, count, beside)

    def random(
        self, example: Example, count: int, draw: random.Random, beside: Sequence[EvalPassage] = ()
    ) -> list[EvalPassage]:
        """``count`` passages drawn without replacement; fewer where there are fewer.

        None has the text or the title (case, white space and underscores aside) of one of the
        question's own passages, none holds a gold answer in title or text (as in answer recall), and none is
        among those ``beside``.
        """
        order = draw.sample(range(len(self.passages)), len(self.passages))
        return self._take(example, order, count, beside)

    def _take(
        self, example: Example, order: Iterable[int], count: int, beside: Sequence[EvalPassage]
    ) -> list[EvalPassage]:
        taken: list[EvalPassage] = []
        for passage in self._others(example, order, beside):
            if len(taken) == count:
                break
            taken.append(passage)
        return taken

    def _others(
        self, example: Example, order: Iterable[int], beside: Sequence[EvalPassage]
    ) -> Iterator[EvalPassage]:
        titles = {_title(p.title) for p in example.passages} - {""}
        texts = {_plain(p.text) for p in (*example.passages, *beside)}
        for number in order:
            passage = self.passages[number]
            if _title(passage.title) in titles or _plain(passage.text) in texts:
                continue
            if answer_recall(example.answers, f"{passage.title}\n{passage.text}") != 1.0:
                yield passage


def _terms(text: str) -> list[str]:
    return _TERM.findall(text.lower())


def _title(title: str) -> str:
    return " ".join(title.replace("_", " ").casefold().split())


def _plain(text: str) -> str:
    return " ".join(text.split())
