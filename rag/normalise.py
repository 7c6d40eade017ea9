"""How answers and texts are brought to one form before they are compared."""

from __future__ import annotations

import re
import string
from collections import Counter

__all__ = ["answer_tokens", "normalise_answer", "token_f1"]

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalise_answer(text: str) -> str:
    """``text`` in the normal form of SQuAD's official evaluation, v1.1.

    In this order: lower case; the 32 ASCII punctuation characters removed, with nothing
    put in their place; the words a, an and the removed; runs of white space made one blank.
    Two consequences of that definition: ``3.5`` becomes ``35``, and ``1969-1974`` one token.

    Source: Rajpurkar et al., 2016, "SQuAD: 100,000+ Questions for Machine Comprehension of
    Text", evaluation script v1.1.

    >>> normalise_answer(" The  U.S. Army!")
    'us army'
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def answer_tokens(text: str) -> list[str]:
    """The words of :func:`normalise_answer`; empty where nothing but articles and punctuation was there."""
    return normalise_answer(text).split()


def token_f1(said: str, gold: str) -> float:
    """Harmonic mean of precision and recall over the words of both, in 0..1.

    Words are those of :func:`answer_tokens`, counted as often as both sides have them. Where a side has
    no words left, 1.0 if the other has none either and 0.0 if it has some (the rule of the SQuAD 2.0
    script; v1.1 gives 0.0, so that an exact match could score zero).
    """
    one, other = answer_tokens(said), answer_tokens(gold)
    if not one or not other:
        return float(one == other)
    common = (Counter(one) & Counter(other)).total()
    return 2 * common / (len(one) + len(other))
