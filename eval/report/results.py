"""A finished run's folder, read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..runs.errors import RunMissing
from ..runs.questions import Question, read_questions

__all__ = ["Results", "read_results"]


@dataclass(frozen=True, slots=True)
class Results:
    """``records`` and ``timings`` are parallel; ``questions`` by data set and id; ``state``: ``run.json``."""

    folder: Path
    state: Mapping[str, Any]
    records: list[dict[str, Any]]
    timings: list[dict[str, Any]]
    questions: Mapping[str, Mapping[str, Question]]


def read_results(folder: Path) -> Results:
    """What a run left in ``folder``.

    Raises:
        RunMissing: there is no run, it is not finished, or a file of it is broken.
    """
    try:
        state = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        records = _lines(folder / "results.jsonl")
        timings = _lines(folder / "timings.jsonl")
        questions = {
            name: {q.example.id: q for q in read_questions(folder / "questions" / f"{name}.jsonl.gz")}
            for name in state["sizes"]
        }
    except FileNotFoundError as error:
        raise RunMissing(
            f"{folder} holds no finished run: {Path(str(error.filename)).name} is not there",
            hint="tersus eval run with the same options goes on where it stopped",
        ) from error
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise RunMissing(
            f"{folder} cannot be read: {error}", hint="run it anew into another folder"
        ) from error
    return Results(folder, state, records, timings, questions)


def _lines(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]
