"""Long inputs as LongBench has them: ``{"input", "context", "answers", "_id"}`` a line.

Bai et al., 2023, "LongBench: A Bilingual, Multitask Benchmark for Long Context Understanding".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ..data import DataDamaged, EvalPassage, Example
from ..data_files import Line
from ..runs.questions import Question

__all__ = ["is_longbench", "read"]

_PASSAGE = re.compile(r"^Passage \d+:\n", re.MULTILINE)


def is_longbench(path: Path) -> bool:
    """Whether the first line of the file has a context and no passages."""
    if not path.is_file():
        return False
    try:
        first = next(Line.read(path, 1), None)
    except DataDamaged:  # whoever reads it as what it should be says what is wrong
        return False
    return first is not None and "context" in first.fields and "passages" not in first.fields


def read(path: Path, limit: int | None) -> list[Question]:
    """One passage for each ``Passage N:`` of the context, where it has them; else the whole as one.

    Raises:
        DataDamaged: a line does not follow the format.
    """
    return [Question(_example(line), {}) for line in Line.read(path, limit)]


def _example(line: Line) -> Example:
    line.fields.setdefault("id", line.fields.get("_id"))
    return Example(
        id=line.identity(),
        question=line.text("input"),
        answers=line.texts("answers"),
        passages=tuple(_passages(line.text("context"))),
        source=str(line.fields.get("dataset") or "longbench"),
    )


def _passages(context: str) -> Iterator[EvalPassage]:
    marks = list(_PASSAGE.finditer(context))
    if not marks:
        yield EvalPassage(text=context.strip())
        return
    ends = [mark.start() for mark in marks[1:]] + [len(context)]
    for mark, end in zip(marks, ends, strict=True):
        title, _, text = context[mark.end() : end].strip().partition("\n")
        yield EvalPassage(text=text.strip(), title=title) if text.strip() else EvalPassage(text=title)
