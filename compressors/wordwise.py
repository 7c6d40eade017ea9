"""From a model's score of each token to scored spans of whole words or sentences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .segment import split
from .segment.word_units import WordUnit, split_words
from .types import Span

__all__ = ["Granularity", "Reduce", "pool_tokens", "scored_spans", "units_of"]

Granularity = Literal["word", "sentence"]
Reduce = Literal["max", "mean", "sum"]
_REDUCE: dict[Reduce, Callable[[NDArray[np.float64]], float]] = {
    "max": np.max,
    "mean": np.mean,
    "sum": np.sum,
}


def units_of(text: str, granularity: Granularity) -> list[WordUnit]:
    """The units that are kept or dropped whole: words (:func:`split_words`), or segments (:func:`split`)."""
    if granularity == "word":
        return split_words(text)
    return [WordUnit(s.start, s.end, "block", i) for i, s in enumerate(split(text))]


def pool_tokens(
    units: Sequence[WordUnit],
    offsets: Sequence[tuple[int, int]],
    values: ArrayLike,
    reduce: Reduce = "max",
    missing: float = 0.0,
) -> NDArray[np.float64]:
    """One score a unit, float64 [units], from the scores of the tokens that touch it.

    Args:
        units: in order, not overlapping.
        offsets: where token ``i`` stands in the same text, ``(start, end)``, in order; a token without
            characters (a special token) is ``(i, i)`` and counts for nothing.
        values: float [tokens], finite.
        reduce: how the scores of a unit's tokens become one.
        missing: the score of a unit that no token touches, because the model's window ended before it.
    """
    scores = np.asarray(values, dtype=np.float64)
    out = np.full(len(units), missing, dtype=np.float64)
    first = 0
    for number, unit in enumerate(units):
        while first < len(offsets) and offsets[first][1] <= unit.start:
            first += 1
        last = first
        while last < len(offsets) and offsets[last][0] < unit.end:
            last += 1
        inside = [i for i in range(first, last) if offsets[i][0] < offsets[i][1]]
        if inside:
            found = scores[inside]
            out[number] = _REDUCE[reduce](found)
    return out


def scored_spans(units: Sequence[WordUnit], scores: ArrayLike) -> list[Span]:
    """The candidates of one passage. The mark that ends a sentence scores as its best word does."""
    values = np.asarray(scores, dtype=np.float64).copy()
    best: dict[int, float] = {}
    for unit, score in zip(units, values, strict=True):
        if unit.kind != "mark":
            best[unit.segment] = max(best.get(unit.segment, -np.inf), float(score))
    for number, unit in enumerate(units):
        if unit.kind == "mark":
            values[number] = best[unit.segment]
    return [Span(unit.start, unit.end, float(score)) for unit, score in zip(units, values, strict=True)]
