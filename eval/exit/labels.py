"""Which sentences of a passage the answer needs: the data sets' labels on our own segments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...compressors import Passage
from ...compressors.segment import Segment, split
from ...rag.normalise import normalise_answer
from ..data import EvalPassage, Example, Offsets
from ..metrics import answer_recall

__all__ = ["LabelledPassage", "LabelledQuestion", "label"]

NEEDED, NOT_NEEDED, UNKNOWN = 1, 0, -1


@dataclass(frozen=True, slots=True)
class LabelledPassage:
    """A passage, its segments, and for each segment 1 (needed), 0 (not) or -1 (the data do not say)."""

    passage: Passage
    segments: list[Segment]
    labels: NDArray[np.int8]

    @property
    def useful(self) -> bool:
        """Whether a segment of it is needed."""
        return bool((self.labels == NEEDED).any())


@dataclass(frozen=True, slots=True)
class LabelledQuestion:
    """A question with its labelled passages. ``source`` is the data set."""

    id: str
    question: str
    answers: tuple[str, ...]
    passages: list[LabelledPassage]
    source: str


def label(example: Example, source: str = "") -> LabelledQuestion:
    """Labels of every passage of an example; ``source`` replaces its own.

    Supporting sentences where the data set names them; else the sentences with a marked answer; else
    those that hold an answer string, of which the one with most of the question's words
    is taken and the others are left open. In a passage that supports the answer, other sentences
    with the answer string are left open too.
    """
    passages = []
    for found in example.passages:
        segments = split(found.text)
        labels = np.zeros(len(segments), dtype=np.int8)
        if example.impossible is not True and found.is_gold is not False:
            _mark(labels, segments, found, example)
        passages.append(
            LabelledPassage(Passage(text=found.text, title=_title(found.title)), segments, labels)
        )
    return LabelledQuestion(example.id, example.question, example.answers, passages, source or example.source)


def _title(title: str) -> str:
    return title.replace("_", " ")


def _mark(
    labels: NDArray[np.int8], segments: Sequence[Segment], found: EvalPassage, example: Example
) -> None:
    holding = [
        i for i, s in enumerate(segments) if answer_recall(example.answers, found.text[s.start : s.end]) == 1
    ]
    if found.supporting_spans is not None:
        spans = found.supporting_spans
    elif found.answer_spans:
        spans = found.answer_spans
    elif holding:
        asked = set(normalise_answer(example.question).split())
        texts = [
            set(normalise_answer(found.text[segments[i].start : segments[i].end]).split()) for i in holding
        ]
        best = max(range(len(holding)), key=lambda k: (len(texts[k] & asked), -k))
        s = segments[holding[best]]
        spans = ((s.start, s.end),)
    else:
        labels[:] = UNKNOWN  # the answer is in no single sentence: nothing is known
        return
    if spans:
        labels[holding] = UNKNOWN
    for i, segment in enumerate(segments):
        if any(_mostly(segment, span) for span in spans):
            labels[i] = NEEDED


def _mostly(segment: Segment, span: Offsets) -> bool:
    """Whether one of the two lies in the other for at least half of its length."""
    shared = min(segment.end, span[1]) - max(segment.start, span[0])
    return shared > 0 and 2 * shared >= min(segment.end - segment.start, span[1] - span[0])
