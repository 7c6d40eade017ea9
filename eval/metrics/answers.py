"""Metrics of an answer against gold answers: exact match and F1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from ...errors import InvalidInput
from ...rag.normalise import normalise_answer, token_f1
from .metric import Metric

__all__ = ["F1", "ExactMatch", "check_answers", "exact_match", "f1"]


def check_answers(answers: Sequence[str]) -> Sequence[str]:
    """``answers`` as given; a bare string would silently be taken for its letters.

    Raises:
        InvalidInput: a string, or something else than strings inside.
    """
    if isinstance(answers, str) or not all(isinstance(a, str) for a in answers):
        raise InvalidInput("gold answers must be a sequence of strings", hint='["Paris"], not "Paris"')
    return answers


class ExactMatch(Metric):
    """Whether the prediction equals a gold answer after normalisation: 1.0 or 0.0.

    The best over the gold answers counts. None (not applicable) without gold answers. For an
    unanswerable question give ``[""]``: then an empty prediction is right, as in SQuAD 2.0.

    Source: SQuAD evaluation script v1.1 (Rajpurkar et al., 2016).
    """

    name: ClassVar[str] = "exact_match"
    version: ClassVar[int] = 1

    def __call__(self, prediction: str, answers: Sequence[str]) -> float | None:
        """1.0, 0.0, or None where there are no gold answers."""
        if not check_answers(answers):
            return None
        said = normalise_answer(prediction)
        return float(any(said == normalise_answer(answer) for answer in answers))


class F1(Metric):
    """Harmonic mean of precision and recall over the words of prediction and gold answer, in 0..1.

    Words are those of the normal form, counted as often as both sides have them; the best over
    the gold answers counts. Where a side has no words left, F1 is 1.0 if the other has none
    either and 0.0 if it has some (the rule of the SQuAD 2.0 script; v1.1 gives 0.0, so that
    an exact match could score zero). None (not applicable) without gold answers.

    Source: SQuAD evaluation scripts v1.1 and 2.0 (Rajpurkar et al., 2016 and 2018).
    """

    name: ClassVar[str] = "f1"
    version: ClassVar[int] = 1

    def __call__(self, prediction: str, answers: Sequence[str]) -> float | None:
        """A share in 0..1, or None where there are no gold answers."""
        if not check_answers(answers):
            return None
        return max(token_f1(prediction, answer) for answer in answers)


exact_match = ExactMatch()
f1 = F1()
