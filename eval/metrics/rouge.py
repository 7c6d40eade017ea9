"""Overlap of a text with human summaries, by n-grams."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import ClassVar

from ...errors import InvalidInput
from .metric import Metric

__all__ = ["Rouge1", "Rouge2", "rouge1", "rouge2"]

_WORD = re.compile(r"[^\W_]+")


class _RougeN(Metric):
    size: ClassVar[int]

    __slots__ = ()

    def __call__(self, text: str, summaries: Sequence[str]) -> float | None:
        """F1 in 0..1, the mean over the summaries; None where no summary has an n-gram.

        Raises:
            InvalidInput: ``summaries`` is one string, or holds something else than strings.
        """
        if isinstance(summaries, str) or not all(isinstance(s, str) for s in summaries):
            raise InvalidInput("summaries must be a sequence of strings", hint='["Good."], not "Good."')
        own = self._grams(text)
        others = [grams for summary in summaries if (grams := self._grams(summary))]
        if not others:
            return None
        return sum(_f1(own, other) for other in others) / len(others)

    def _grams(self, text: str) -> Counter[tuple[str, ...]]:
        words = _WORD.findall(text.lower())
        return Counter(zip(*(words[i:] for i in range(self.size)), strict=False))


class Rouge1(_RougeN):
    """F1 of the words that a text and a human summary have in common, each as often as both have it.

    Words are runs of letters and digits in lower case, not stemmed. Of several human summaries the mean
    counts, so that one of them, said word for word, is not all that is asked. Summaries without a
    word are left out.

    Source: Lin, 2004, "ROUGE: A Package for Automatic Evaluation of Summaries".
    """

    name: ClassVar[str] = "rouge1"
    version: ClassVar[int] = 1
    size: ClassVar[int] = 1

    __slots__ = ()


class Rouge2(_RougeN):
    """The same as :class:`Rouge1` of pairs of neighbouring words, over the ends of sentences too."""

    name: ClassVar[str] = "rouge2"
    version: ClassVar[int] = 1
    size: ClassVar[int] = 2

    __slots__ = ()


def _f1(one: Counter[tuple[str, ...]], other: Counter[tuple[str, ...]]) -> float:
    total = one.total() + other.total()
    return 2 * (one & other).total() / total if total else 0.0


rouge1 = Rouge1()
rouge2 = Rouge2()
