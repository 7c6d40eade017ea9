"""The questions of a run, kept in its folder: results can be read, and shown, without the data's source."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ...indexes.durable import replace_file
from ..data import EvalPassage, Example

__all__ = ["Question", "read_questions", "write_questions"]


@dataclass(frozen=True, slots=True)
class Question:
    """An example with what retrieving its passages came to (no scores where they were given)."""

    example: Example
    retrieval: Mapping[str, float | None]


def write_questions(path: Path, questions: Iterable[Question]) -> str:
    """Write them; the SHA-256 of the content, which is the same wherever it is written."""
    lines = [json.dumps(asdict(question), ensure_ascii=False, allow_nan=False) for question in questions]
    content = "".join(line + "\n" for line in lines).encode("utf-8", "backslashreplace")
    replace_file(path, [gzip.compress(content, mtime=0)])
    return hashlib.sha256(content).hexdigest()


def read_questions(path: Path) -> list[Question]:
    """What :func:`write_questions` wrote."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [_question(json.loads(line)) for line in file]


def _question(raw: dict[str, Any]) -> Question:
    example = raw["example"]
    passages = tuple(
        EvalPassage(
            text=p["text"],
            title=p["title"],
            is_gold=p["is_gold"],
            sentence_spans=_spans(p["sentence_spans"]),
            supporting=None if p["supporting"] is None else tuple(p["supporting"]),
            answer_spans=_spans(p["answer_spans"]),
        )
        for p in example["passages"]
    )
    return Question(
        Example(
            id=example["id"],
            question=example["question"],
            answers=tuple(example["answers"]),
            passages=passages,
            source=example["source"],
            impossible=example["impossible"],
        ),
        raw["retrieval"],
    )


def _spans(raw: list[list[int]] | None) -> tuple[tuple[int, int], ...] | None:
    return None if raw is None else tuple((start, end) for start, end in raw)
