"""The questions to train on: labelled, and none of those that are reported."""

from __future__ import annotations

import os
from collections.abc import Iterable

from ...rag.normalise import normalise_answer
from ..data import read_examples
from .labels import NOT_NEEDED, LabelledQuestion, label

__all__ = ["training_questions"]


def training_questions(
    sets: Iterable[str],
    *,
    data_dir: str | os.PathLike[str] | None = None,
    limit: int | None = None,
) -> tuple[list[LabelledQuestion], int]:
    """Labelled questions of the train files (the first ``limit`` of each), and how many were left out.

    Left out are questions that stand in the dev file of any of the sets (some sets share their questions,
    so one's train file can hold another's dev questions), and those of whose sentences nothing is known.

    Raises:
        DataMissing, DataDamaged: as :func:`read_examples`.
    """
    names = list(sets)
    reported = {normalise_answer(e.question) for n in names for e in read_examples(n, data_dir=data_dir)}
    found: list[LabelledQuestion] = []
    left_out = 0
    for name in names:
        for example in read_examples(name, limit, split="train", data_dir=data_dir):
            question = label(example, name)
            known = any((p.labels >= NOT_NEEDED).any() for p in question.passages)
            if known and normalise_answer(question.question) not in reported:
                found.append(question)
            else:
                left_out += 1
    return found, left_out
