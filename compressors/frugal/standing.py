"""The place of a unit among its own passage's or sentence's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..segment.word_units import WordUnit

__all__ = ["Scope", "standings"]

Scope = Literal["context", "passage", "sentence"]


def standings(units: Sequence[WordUnit], scores: NDArray[np.float64], scope: Scope) -> NDArray[np.float64]:
    """For each unit the share of its rivals' characters that score no better, itself included: 1 is the best.

    Rivals are the units of its sentence, or with the scope "passage" all. Kept from a standing of 1 - k on,
    every sentence (or passage) keeps about k of its text.

    Args:
        units: of one passage.
        scores: [units].
        scope: "passage" or "sentence".
    """
    group = np.array([unit.segment if scope == "sentence" else 0 for unit in units], dtype=np.int64)
    size = np.array([unit.end - unit.start for unit in units], dtype=np.float64)
    found = np.empty(len(units))
    for number in np.unique(group):
        rivals = np.flatnonzero(group == number)
        order = rivals[np.argsort(scores[rivals], kind="stable")]
        reached = np.cumsum(size[order]) / size[order].sum()
        last = np.searchsorted(scores[order], scores[order], side="right") - 1  # equal scores stand alike
        found[order] = reached[last]
    return found
