"""One unit of work, in whatever process: compress, read, score."""

from __future__ import annotations

import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from ...compressors import Compression, Compressor
from ...errors import NotInstalled
from ..bench_options import load
from ..data import Example, to_passages
from ..gemfilter.peak import PeakMemory
from ..remember import ScoreMemory
from .plan import Unit
from .questions import Question, read_questions
from .readers import Answer, load_reader
from .scoring import answer_scores, context_scores, failed_scores
from .spec import RunSpec, parse_budget

__all__ = ["lost", "pilot", "work"]


@lru_cache(maxsize=4)
def _questions(path: Path) -> list[Question]:
    return read_questions(path)


@lru_cache(maxsize=32)
def _compressor(spec: str) -> Compressor:
    return load(spec)


@dataclass(slots=True)
class _Cell:
    """One question at one budget."""

    question: Question
    budget: str
    result: Compression | None
    failure: dict[str, str] | None
    seconds: float | None
    peak: int | None
    answers: dict[str, Any] = field(default_factory=dict)
    reading: dict[str, Any] = field(default_factory=dict)

    @property
    def example(self) -> Example:
        return self.question.example


def work(folder: Path, spec: RunSpec, unit: Unit) -> dict[str, Any]:
    """What the unit comes to: ``{"unit", "records", "timings", "busy"}``, JSON throughout.

    ``records`` hold nothing that another run of the same unit would not give; ``timings`` are beside
    them, in the same order; ``busy`` are the seconds inside compressor and reader.

    Raises:
        NotInstalled: a model or package is missing; no question could succeed.
    """
    questions = _questions(folder / "questions" / f"{unit.dataset}.jsonl.gz")[unit.start : unit.stop]
    compressor = _compressor(unit.compressor)
    memory = ScoreMemory(compressor)
    busy = 0.0
    cells = []
    for budget in spec.budgets_of(unit.compressor):
        for question in questions:
            started = time.perf_counter()
            cells.append(_compress(compressor, memory, question, budget))
            busy += time.perf_counter() - started
    for name in spec.reading:
        busy += _read(name, [cell for cell in cells if cell.result is not None], spec.judge)
    cells.sort(key=lambda cell: questions.index(cell.question))  # stable: budgets stay in their order
    return _result(unit, spec, cells, busy)


def _result(unit: Unit, spec: RunSpec, cells: Sequence[_Cell], busy: float) -> dict[str, Any]:
    return {
        "unit": unit.key,
        "records": [_record(unit, cell, spec.reading) for cell in cells],
        "timings": [
            {"compress": cell.seconds, "peak": cell.peak, "read": cell.reading} for cell in cells
        ],
        "busy": busy,
    }  # fmt: skip


def pilot(folder: Path, spec: RunSpec, unit: Unit) -> float:
    """Seconds that a question takes, all budgets and readers together, once the models are loaded."""
    one = Unit(unit.dataset, unit.compressor, unit.start, unit.start + 1)
    work(folder, spec, one)
    started = time.perf_counter()
    work(folder, spec, one)
    return time.perf_counter() - started


_warm: set[str] = set()


def _compress(compressor: Compressor, memory: ScoreMemory, question: Question, budget: str) -> _Cell:
    import torch

    asked, passages = parse_budget(budget), to_passages(question.example)
    peak = PeakMemory(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    try:
        if compressor.name not in _warm:  # so that loading a model is not in the seconds
            compressor.compress(question.example.question, passages, asked)
            _warm.add(compressor.name)
        with peak:
            result = memory.compress(question.example.question, passages, asked)
    except NotInstalled:
        raise
    except Exception as error:  # noqa: BLE001 - third-party code may raise anything; it is recorded
        return _Cell(question, budget, None, _failure(error), None, None)
    return _Cell(question, budget, result, None, result.seconds, peak.bytes)


def _read(name: str, cells: Sequence[_Cell], judge: str | None) -> float:
    """Answers for all cells; the seconds inside the reader."""
    if not cells:
        return 0.0
    reader = load_reader(name)
    started = time.perf_counter()
    answers: list[Answer | dict[str, str]] = []
    try:
        contexts = [cell.result.text for cell in cells if cell.result is not None]
        answers += reader.answer([cell.example for cell in cells], contexts)
    except NotInstalled:
        raise
    except Exception:  # noqa: BLE001 - one question's failure must not take the others' answers
        answers = [_read_one(name, cell) for cell in cells]
    spent = time.perf_counter() - started
    for cell, answer in zip(cells, answers, strict=True):
        said = answer.text if isinstance(answer, Answer) else None
        scores = answer_scores(cell.example, said, _cosine)
        if judge is not None:
            scores["judge"] = _judged(judge, cell.example, said)
        cell.answers[name] = {"answer": said, "scores": scores}
        if isinstance(answer, Answer):
            cell.answers[name] |= {"prompt": answer.prompt_tokens, "completion": answer.completion_tokens}
            cell.reading[name] = answer.seconds
        else:
            cell.answers[name] |= answer
            cell.reading[name] = None
    return spent


def _read_one(name: str, cell: _Cell) -> Answer | dict[str, str]:
    assert cell.result is not None  # noqa: S101
    try:
        return load_reader(name).answer([cell.example], [cell.result.text])[0]
    except Exception as error:  # noqa: BLE001
        return _failure(error)


def _judged(judge: str, example: Example, said: str | None) -> float | None:
    from .judge import judged

    return judged(judge, example, said)


def _cosine(answer: str, answers: Sequence[str]) -> float:
    import numpy as np

    from ...rag.embedding import load_embedding

    model = load_embedding()
    one, *others = np.asarray(model.get_text_embedding_batch([answer, *answers]), dtype=np.float64)
    norms = [float(np.linalg.norm(one) * np.linalg.norm(other)) or 1.0 for other in others]
    best = max(float(one @ other) / norm for other, norm in zip(others, norms, strict=True))
    return round(min(1.0, max(0.0, best)), 6)


def _failure(error: BaseException) -> dict[str, str]:
    text = f"{type(error).__name__}: {error}"
    return {"error": text, "traceback": "".join(traceback.format_exception(error))}


def _record(unit: Unit, cell: _Cell, readers: Sequence[str]) -> dict[str, Any]:
    example, result = cell.example, cell.result
    record: dict[str, Any] = {
        "dataset": unit.dataset, "question": example.id,
        "compressor": unit.compressor, "budget": cell.budget,
    }  # fmt: skip
    if result is None:
        return record | _failed(example, readers, cell.failure)
    rewritten = any(p.kept is None for p in result.passages)
    record |= {
        "tokens_before": result.tokens_before,
        "tokens_after": result.tokens_after,
        "scores": context_scores(example, result),
        "kept": [None if p.kept is None else [[s.start, s.end] for s in p.kept] for p in result.passages],
        "text": result.text if rewritten else None,
        "reason": result.reason,
        "readers": cell.answers,
    }
    return record


def lost(folder: Path, spec: RunSpec, unit: Unit, why: str) -> dict[str, Any]:
    """What :func:`work` comes to where it cannot be done."""
    questions = _questions(folder / "questions" / f"{unit.dataset}.jsonl.gz")[unit.start : unit.stop]
    failure = {"error": why, "traceback": ""}
    cells = [
        _Cell(question, budget, None, failure, None, None)
        for question in questions
        for budget in spec.budgets_of(unit.compressor)
    ]
    return _result(unit, spec, cells, 0.0)


def _failed(example: Example, readers: Sequence[str], failure: dict[str, str] | None) -> dict[str, Any]:
    """Nothing scored, and the whole context sent: what is done where a compressor fails."""
    try:
        whole = _compressor("none").compress(example.question, to_passages(example)).tokens_before
    except Exception:  # noqa: BLE001 - what cannot be counted, 4 million characters say, has no share kept
        whole = 0
    nothing = {r: {"answer": None, "scores": answer_scores(example, None)} for r in readers}
    return {
        "tokens_before": whole, "tokens_after": whole, "scores": failed_scores(example),
        "kept": None, "text": None, "reason": None, "readers": nothing, "failure": failure,
    }  # fmt: skip
