"""Whether a gold answer still stands in a text."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import ClassVar

from ...rag.normalise import normalise_answer
from .answers import check_answers
from .metric import Metric

__all__ = ["AnswerRecall", "answer_recall"]

_JUDGEMENTS = frozenset({"yes", "no"})


class AnswerRecall(Metric):
    """Whether a gold answer stands in the text, both in SQuAD's normal form: 1.0 or 0.0.

    An answer stands in the text where its normal form occurs there with no letter, digit or
    combining mark touching it on either side: whole words, never a part of one ("art" does not
    stand in "Bonaparte"). One of several gold answers is enough.

    None, which means not applicable and never counts as found, where no gold answer can be
    looked up: none is given (unanswerable, or only sentences are labelled), all are empty after
    normalisation, or all are yes or no, which is a judgement on the text and no string in it.

    Source: our own definition; the has-answer criterion of open-domain question answering
    (Chen et al., 2017) with SQuAD's normalisation.
    """

    name: ClassVar[str] = "answer_recall"
    version: ClassVar[int] = 1

    def __call__(self, answers: Sequence[str], text: str) -> float | None:
        """1.0, 0.0, or None where no answer can be looked up."""
        sought = {normalise_answer(answer) for answer in check_answers(answers)} - _JUDGEMENTS - {""}
        if not sought:
            return None
        normal = normalise_answer(text)
        return float(any(_stands_in(answer, normal) for answer in sought))


def _stands_in(answer: str, text: str) -> bool:
    start = text.find(answer)
    while start >= 0:
        end = start + len(answer)
        if not (_in_word(text[start - 1 : start]) or _in_word(text[end : end + 1])):
            return True
        start = text.find(answer, start + 1)
    return False


def _in_word(character: str) -> bool:
    # Marks are vowels in many scripts and no word characters to str.isalnum.
    return bool(character) and (character.isalnum() or unicodedata.category(character).startswith("M"))


answer_recall = AnswerRecall()
