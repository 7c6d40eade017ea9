"""The contexts that the model is trained on: each question among passages like those a retriever finds."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from ..metrics import answer_recall
from .labels import LabelledPassage, LabelledQuestion

__all__ = ["Contexts", "Sampling"]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How often a data set's questions come in an epoch, and how many passages are added.

    ``share`` of the questions a pass; ``own``: bounds of how many of the question's own distractors
    stay; ``added``: bounds of passages of other questions, half of them near (TF-IDF), half random;
    ``alone``: share of contexts to which none is added.
    """

    share: float = 1.0
    own: tuple[int, int] = (0, 0)
    added: tuple[int, int] = (0, 0)
    alone: float = 0.0


class Contexts:
    """Draws contexts for questions; the same seed and epoch draw the same."""

    def __init__(self, questions: Sequence[LabelledQuestion], plan: dict[str, Sampling], seed: int) -> None:
        self.questions = questions
        self.plan = plan
        self.seed = seed
        pool: dict[str, LabelledPassage] = {}
        for question in questions:
            for passage in question.passages:
                pool.setdefault(passage.passage.text, passage)
        self.pool = list(pool.values())
        self.near = self._nearest(30)

    def epoch(self, number: int) -> list[LabelledQuestion]:
        """The contexts of one pass, shuffled."""
        draw = random.Random(f"{self.seed}:{number}")  # noqa: S311 (samples, no secrets)
        chosen = [i for i, q in enumerate(self.questions) if draw.random() < self.plan[q.source].share % 1]
        for i, q in enumerate(self.questions):
            chosen += [i] * int(self.plan[q.source].share)
        draw.shuffle(chosen)
        return [self._context(i, draw) for i in chosen]

    def _context(self, number: int, draw: random.Random) -> LabelledQuestion:
        question = self.questions[number]
        sampling = self.plan[question.source]
        gold = [p for p in question.passages if p.useful]
        rest = [p for p in question.passages if not p.useful]
        if not gold and len(rest) == 1:
            gold, rest = rest, []
        passages = gold + draw.sample(rest, min(len(rest), draw.randint(*sampling.own)))
        if draw.random() >= sampling.alone:
            passages += self._added(number, draw.randint(*sampling.added), draw)
        draw.shuffle(passages)
        return LabelledQuestion(question.id, question.question, question.answers, passages, question.source)

    def _added(self, number: int, count: int, draw: random.Random) -> list[LabelledPassage]:
        question = self.questions[number]
        taken = {p.passage.text for p in question.passages}
        titles = {p.passage.title for p in question.passages}
        near = draw.sample(list(self.near[number]), min(len(self.near[number]), count + 4))
        wanted = [*near[: (count + 1) // 2], *(draw.randrange(len(self.pool)) for _ in range(3 * count))]
        added: list[LabelledPassage] = []
        for i in wanted:
            other = self.pool[i]
            if len(added) == count:
                break
            if other.passage.text in taken or (other.passage.title and other.passage.title in titles):
                continue
            if answer_recall(question.answers, other.passage.text) == 1:
                continue
            taken.add(other.passage.text)
            added.append(LabelledPassage(other.passage, other.segments, np.zeros_like(other.labels)))
        return added

    def _nearest(self, count: int) -> list[list[int]]:
        vectorizer = TfidfVectorizer(sublinear_tf=True, stop_words="english", max_features=200_000)
        matrix = vectorizer.fit_transform([f"{p.passage.title} {p.passage.text}" for p in self.pool])
        near: list[list[int]] = []
        for start in range(0, len(self.questions), 256):
            asked = vectorizer.transform([q.question for q in self.questions[start : start + 256]])
            scores = (asked @ matrix.T).toarray()
            near += np.argsort(-scores, axis=1)[:, :count].tolist()
        return near
