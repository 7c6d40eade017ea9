"""What every choice came to on every question: the rows that a policy is learned from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...compressors import load_compressor, load_counter, render_context
from ...compressors.auto.features import features
from ...compressors.auto.policy import Choice
from ...compressors.types import CompressedPassage
from ..bench_run import score
from ..data import Example, to_passages
from ..remember import ScoreMemory

__all__ = ["CHOICES", "Rows", "collect"]

CHOICES = (
    Choice("exit"),
    *(Choice("exit", ratio) for ratio in (0.1, 0.15, 0.25, 0.35, 0.5)),
    *(Choice("similarity", ratio) for ratio in (0.1, 0.25, 0.5)),
    Choice("none"),
)


@dataclass(frozen=True, slots=True)
class Rows:
    """``features`` [questions, features]; ``success`` and ``kept`` [questions, choices]; ``source`` of each.

    Success is answer recall, and where a question has no answer in its passages, support recall.
    """

    features: NDArray[np.float64]
    success: NDArray[np.float64]
    kept: NDArray[np.float64]
    source: tuple[str, ...]


def collect(
    examples: Sequence[Example],
    choices: Sequence[Choice] = CHOICES,
    report: Callable[[int], None] | None = None,
) -> Rows:
    """Compress every question under every choice; those without a label of success are left out.

    ``report`` is called with the number of questions done.
    """
    compressors = {name: load_compressor(name) for name in {choice.compressor for choice in choices}}
    memories = {name: ScoreMemory(compressor) for name, compressor in compressors.items()}
    found: list[tuple[NDArray[np.float64], list[float], list[float], str]] = []
    for number, example in enumerate(examples, 1):
        row = _row(example, choices, memories)
        if row is not None:
            found.append(row)
        if report is not None:
            report(number)
    return Rows(
        np.array([row[0] for row in found]),
        np.array([row[1] for row in found]),
        np.array([row[2] for row in found]),
        tuple(row[3] for row in found),
    )


def _row(
    example: Example, choices: Sequence[Choice], memories: dict[str, ScoreMemory]
) -> tuple[NDArray[np.float64], list[float], list[float], str] | None:
    passages = to_passages(example)
    tokens = load_counter()(render_context([CompressedPassage.whole(p) for p in passages]))
    success: list[float] = []
    kept: list[float] = []
    for choice in choices:
        result = memories[choice.compressor].compress(example.question, passages, choice.budget)
        scores = score(example, result)
        worth = scores.answer_recall if scores.answer_recall is not None else scores.support_recall
        if worth is None:
            return None
        success.append(worth)
        kept.append(result.kept)
    return features(example.question, passages, tokens), success, kept, example.source
