"""What can be told of a question and its passages without a model."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..segment import split
from ..types import Passage

__all__ = ["FEATURES", "features"]

FEATURES = (
    "log tokens",
    "log passages",
    "log sentences",
    "query words",
    "capitalised query words",
    "comparing words",
    "relative words",
    "best overlap",
    "overlap lead",
    "overlap spread",
    "overlapping passages",
    "redundancy",
    "structured share",
)
"""In order: length; guessed hops; spread of lexical scores; redundancy; kind of text."""

_MOST = 400  # sentences looked at: beyond them the figures hardly change, and their table would grow as n x n
_COMPARING = re.compile(
    r"\b(?:both|same|older|younger|earlier|later|first|or|than|more|most|between|also|share)\b", re.I
)
_RELATIVE = re.compile(r"\b(?:whose|that|which|who|where)\b|'s\b|\bof the\b", re.I)
_CAPITAL = re.compile(r"(?<!^)\b[A-Z][\w.-]*")


def features(query: str, passages: Sequence[Passage], tokens: int) -> NDArray[np.float64]:
    """The figures named in ``FEATURES``, float64 [features]; all finite, whatever the texts hold.

    Args:
        tokens: of the whole context.
    """
    segments = [[(p.text[s.start : s.end], s.kind) for s in split(p.text)] for p in passages]
    texts = [(text, number) for number, found in enumerate(segments) for text, _ in found][:_MOST]
    kinds = [kind for found in segments for _, kind in found]
    overlap, redundancy = _overlap(query, [text for text, _ in texts])
    first = np.sort(overlap)[::-1]
    touched = {number for (_, number), value in zip(texts, overlap, strict=True) if value > 0.05}
    return np.array(
        [
            math.log1p(tokens),
            math.log1p(len(passages)),
            math.log1p(len(kinds)),
            min(len(query.split()), 60) / 10,
            min(len(_CAPITAL.findall(query)), 20) / 5,
            min(len(_COMPARING.findall(query)), 5),
            min(len(_RELATIVE.findall(query)), 5),
            float(first[0]) if len(first) else 0.0,
            float(first[0] - first[1]) if len(first) > 1 else 0.0,
            float(first.std()) if len(first) else 0.0,
            len(touched) / max(1, len(passages)),
            redundancy,
            sum(kind != "sentence" for kind in kinds) / max(1, len(kinds)),
        ],
        dtype=np.float64,
    )


def _overlap(query: str, texts: Sequence[str]) -> tuple[NDArray[np.float64], float]:
    """Cosine over tf-idf of every text with the query, and the mean of each text's nearest other."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    if not texts:
        return np.zeros(0), 0.0
    try:
        table = TfidfVectorizer(sublinear_tf=True).fit_transform([query, *texts])
    except ValueError:  # not one word in all of them
        return np.zeros(len(texts)), 0.0
    body = table[1:]
    overlap = np.asarray((body @ table[0].T).todense(), dtype=np.float64).ravel()
    alike = np.asarray((body @ body.T).todense(), dtype=np.float64)
    np.fill_diagonal(alike, 0.0)
    return overlap, float(alike.max(1).mean())
