"""Small questions whose figures can be worked out by hand, and a compressor with known scores."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from tersus.compressors import ExtractiveCompressor, Span, Task
from tersus.compressors.segment import split
from tersus.errors import NotInstalled
from tersus.eval.data import EvalPassage, Example, join_sentences


class Table(ExtractiveCompressor):
    """Scores by sentence; 0 for those that are not in the table. Fails on queries that say so."""

    name: ClassVar[str] = "table"
    threshold: float = 0.5

    def __init__(self, scores: Mapping[str, float]) -> None:
        self.scores = scores

    def _score_batch(self, tasks: Sequence[Task]) -> list[list[list[Span]]]:
        if any("fail" in task.query for task in tasks):
            raise ZeroDivisionError("told to")
        if any("absent" in task.query for task in tasks):
            raise NotInstalled("no model here", hint="install it")
        return [[self._spans(p.text) for p in task.passages] for task in tasks]

    def _spans(self, text: str) -> list[Span]:
        return [Span(s.start, s.end, self.scores.get(text[s.start : s.end], 0.0)) for s in split(text)]


def passage(
    sentences: Sequence[str], supporting: Sequence[int] | None = None, title: str = "T"
) -> EvalPassage:
    text, spans = join_sentences(sentences)
    return EvalPassage(text, title, True, spans, None if supporting is None else tuple(supporting))


def example(
    name: str, answers: Sequence[str], passages: Sequence[EvalPassage], question: str = "what?"
) -> Example:
    return Example(name, question, tuple(answers), tuple(passages), "toy")


def write(folder: Path, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / f"{name}.dev.jsonl").write_text(text, encoding="utf-8")
