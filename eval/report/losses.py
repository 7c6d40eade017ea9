"""The questions that a compressor cost most, with what it kept and what it left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ..data import EvalPassage
from .results import Results
from .summary import Cell

__all__ = ["Loss", "Piece", "worst_losses"]


@dataclass(frozen=True, slots=True)
class Piece:
    """Text of a passage; ``gold`` where it belongs to a supporting sentence."""

    text: str
    kept: bool
    gold: bool


@dataclass(frozen=True, slots=True)
class Loss:
    """A question, what it scored with the whole context and with what was left, the passages that matter."""

    cell: Cell
    question: str
    id: str
    answers: tuple[str, ...]
    before: float
    after: float
    answer: str | None
    passages: tuple[tuple[str, tuple[Piece, ...]], ...]
    left_out: int
    """Passages that are not shown: neither gold nor kept from."""
    rewritten: str | None


def worst_losses(results: Results, cell: Cell, full: Cell, most: int = 5) -> list[Loss]:
    """The ``most`` questions that lost most of the cell's primary metric; none that lost nothing."""
    name = cell.primary
    differences = [
        (before - after, number)
        for number, (after, before) in enumerate(zip(cell.scores[name], full.scores[name], strict=True))
        if after is not None and before is not None and before > after
    ]
    differences.sort(key=lambda pair: (-pair[0], pair[1]))
    records = {
        r["question"]: r
        for r in results.records
        if (r["dataset"], r["compressor"], r["budget"]) == (cell.dataset, cell.compressor, cell.budget)
    }
    found = []
    for _, number in differences[:most]:
        identity = cell.questions[number]
        example = results.questions[cell.dataset][identity].example
        record = records[identity]
        kept = record["kept"]
        passages, left_out = [], 0
        for passage, spans in zip(example.passages, kept or [None] * len(example.passages), strict=True):
            if not spans and not passage.supporting and not passage.is_gold:
                left_out += 1
                continue
            passages.append((passage.title, pieces(passage, spans or [])))
        found.append(
            Loss(
                cell=cell,
                question=example.question,
                id=identity,
                answers=example.answers,
                before=float(full.scores[name][number] or 0.0),
                after=float(cell.scores[name][number] or 0.0),
                answer=cell.answers[number],
                passages=tuple(passages),
                left_out=left_out,
                rewritten=record["text"],
            )
        )
    return found


def pieces(passage: EvalPassage, kept: Sequence[Sequence[int]]) -> tuple[Piece, ...]:
    """The passage cut where anything changes; the pieces' texts make up the passage's."""
    gold = passage.supporting_spans or ()
    cuts = {0, len(passage.text)} | {at for span in (*kept, *gold) for at in span}
    places = sorted(cuts)
    return tuple(
        Piece(
            passage.text[start:end],
            any(s <= start and end <= e for s, e in kept),
            any(s <= start and end <= e for s, e in gold),
        )
        for start, end in pairwise(places)
    )
