"""Where compressors disagree: who kept what the other lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from .summary import BASELINE, Cell

__all__ = ["Disagreement", "disagreements"]


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Numbers of questions on which both of two cells do well (score over a half), one alone, or neither."""

    one: str
    other: str
    both: int
    one_alone: int
    other_alone: int
    neither: int


def disagreements(cells: Sequence[Cell], most: int = 12) -> list[Disagreement]:
    """Pairs of compressors at the same budget, those first that differ most; ``most`` of them."""
    found = []
    for one, other in combinations([cell for cell in cells if cell.compressor != BASELINE], 2):
        if one.budget != other.budget or one.primary != other.primary:
            continue
        counts = {(True, True): 0, (True, False): 0, (False, True): 0, (False, False): 0}
        for a, b in zip(one.scores[one.primary], other.scores[one.primary], strict=True):
            if a is not None and b is not None:
                counts[a > 0.5, b > 0.5] += 1
        found.append(
            Disagreement(
                one.label, other.label, counts[True, True], counts[True, False], counts[False, True],
                counts[False, False],
            )
        )  # fmt: skip
    return sorted(found, key=lambda d: -(d.one_alone + d.other_alone))[:most]
