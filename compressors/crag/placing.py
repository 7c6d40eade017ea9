"""Written sentences put in the place of the passages, as long as there is room."""

from __future__ import annotations

from collections.abc import Sequence

from ..task import Task
from ..types import CompressedPassage, SourcedSentence

__all__ = ["place", "placed"]


def placed(task: Task, sentences: Sequence[SourcedSentence]) -> list[CompressedPassage]:
    """Each sentence in the place of the first passage that it came from; the other passages are dropped."""
    found: list[list[SourcedSentence]] = [[] for _ in task.passages]
    for sentence in sentences:
        found[min(sentence.passages)].append(sentence)
    return [
        CompressedPassage.rewritten(passage, said) if said else CompressedPassage.of(passage, [])
        for passage, said in zip(task.passages, found, strict=True)
    ]


def place(
    task: Task,
    sentences: Sequence[SourcedSentence],
    limit: int,
    always: Sequence[SourcedSentence] = (),
) -> list[SourcedSentence]:
    """``always``, and of ``sentences``, in their order, each that still fits into ``limit`` tokens
    of rendered context and says what was not said before."""
    chosen = list(always)
    said = {sentence.text for sentence in chosen}
    for sentence in sentences:
        if sentence.text not in said and task.tokens(placed(task, [*chosen, sentence])) <= limit:
            chosen.append(sentence)
            said.add(sentence.text)
    return chosen
