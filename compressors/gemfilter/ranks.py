"""From the scores of tokens to the place of each unit among its rivals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..segment.word_units import WordUnit
from ..types import Passage, Span
from ..wordwise import Reduce, pool_tokens, scored_spans, units_of
from .prompt import Prompt

__all__ = ["Granularity", "standings", "unit_scores", "units_in"]

Granularity = Literal["token", "word", "sentence"]
_REDUCE: dict[Granularity, Reduce] = {"token": "max", "word": "mean", "sentence": "mean"}


def units_in(passages: Sequence[Passage], granularity: Granularity) -> list[list[WordUnit]]:
    """What is kept or dropped whole: sentences, or words for both other granularities."""
    return [units_of(p.text, "sentence" if granularity == "sentence" else "word") for p in passages]


def unit_scores(
    units: Sequence[Sequence[WordUnit]],
    prompts: Sequence[Prompt],
    scores: Sequence[NDArray[np.float32]],
    granularity: Granularity,
) -> list[NDArray[np.float64]]:
    """One score a unit of each passage, from the pooled scores of the prompts' tokens, ``[tokens]`` each.

    A word among tokens ("token") scores as its best token does, so that whichever of its tokens is among the
    best brings all of it; words and sentences score the mean of theirs.
    """
    offsets: list[list[tuple[int, int]]] = [[] for _ in units]
    values: list[list[float]] = [[] for _ in units]
    for prompt, row in zip(prompts, scores, strict=True):
        for part in prompt.parts:
            offsets[part.passage] += part.offsets
            values[part.passage] += row[part.tokens.start : part.tokens.stop].tolist()
    least = min((min(found) for found in values if found), default=0.0)
    return [
        pool_tokens(found, where, what, _REDUCE[granularity], missing=least)
        for found, where, what in zip(units, offsets, values, strict=True)
    ]


def standings(units: Sequence[Sequence[WordUnit]], scores: Sequence[NDArray[np.float64]]) -> list[list[Span]]:
    """The units as spans whose score is the share of all text, by characters, that scores no better: 1 is
    the best. Inner products have no scale of their own; this one is the same for every question.
    """
    flat = np.concatenate([np.empty(0), *scores])
    sizes = np.array([unit.end - unit.start for found in units for unit in found], dtype=np.float64)
    order = np.argsort(flat, kind="stable")
    _, first, counts = np.unique(flat[order], return_index=True, return_counts=True)
    reached = np.cumsum(sizes[order])[first + counts - 1] / max(sizes.sum(), 1.0)
    shares = np.empty(len(flat))
    shares[order] = np.repeat(reached, counts)
    parts = np.split(shares, np.cumsum([len(found) for found in units])[:-1]) if units else []
    return [scored_spans(found, part) for found, part in zip(units, parts, strict=True)]
