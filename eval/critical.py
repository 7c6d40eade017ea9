"""The critical score of a question: the largest threshold at which what its answer needs is still kept."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from ..compressors import Candidates, ContractViolation, Span
from .data import Example, Offsets
from .metrics import answer_recall

__all__ = ["Basis", "Critical", "critical_score"]

Basis = Literal["marked", "string", "supporting"]
_LONGEST_RUN = 4  # neighbouring spans over which an answer that no span holds alone is looked for


@dataclass(frozen=True, slots=True)
class Critical:
    """``score``: thresholds up to it (included) keep what is needed; ``-inf`` where none does.

    ``basis`` says what is needed: a marked answer, an answer string, or a supporting sentence.
    """

    score: float
    basis: Basis


def critical_score(example: Example, candidates: Candidates) -> Critical | None:
    """Which threshold on the spans' scores the question can stand.

    What must stay is, by the best label that the data has:

    - ``marked``: one of the places where an answer was marked.
    - ``string``: a gold answer, found as in answer recall (whole words of SQuAD's normal form) in a
      gold passage; in any passage where the data set names none as gold.
    - ``supporting``: one supporting sentence, where no answer string can be found (yes and no, or
      only sentences are labelled).

    A place or sentence stays where every span that it reaches into stays, so cut in two it has the
    smaller of two scores; an answer string may likewise reach over up to four neighbouring spans.
    Titles do not count: they are not selected.

    None where the question says nothing about the compressor: it is unanswerable, or neither an answer
    nor a supporting sentence stands in the passages' text.

    Raises:
        ContractViolation: there are not as many lists of candidates as passages.
    """
    if len(candidates) != len(example.passages):
        raise ContractViolation(f"{len(candidates)} lists of spans for {len(example.passages)} passages")
    if example.impossible:
        return None
    pairs = list(zip(example.passages, candidates, strict=True))
    marked = [_kept_until(p.text, place, spans) for p, spans in pairs for place in p.answer_spans or ()]
    if marked:
        return Critical(max(marked), "marked")
    labelled = any(passage.is_gold is not None for passage in example.passages)
    found = [
        _answer_kept_until(example.answers, passage.text, spans)
        for passage, spans in pairs
        if (passage.is_gold or not labelled) and answer_recall(example.answers, passage.text)
    ]
    if found:
        return Critical(max(found), "string")
    supporting = [
        _kept_until(p.text, sentence, spans) for p, spans in pairs for sentence in p.supporting_spans or ()
    ]
    return Critical(max(supporting), "supporting") if supporting else None


def _kept_until(text: str, place: Offsets, spans: Sequence[Span]) -> float:
    """The smallest score among the spans that ``place`` reaches into; -inf where they do not cover it."""
    at, end = place
    reached = [span for span in spans if span.start < end and span.end > at]
    for span in reached:
        if text[at : span.start].strip():
            return -math.inf
        at = max(at, span.end)
    return -math.inf if not reached or text[at:end].strip() else _smallest(reached)


def _answer_kept_until(answers: Sequence[str], text: str, spans: Sequence[Span]) -> float:
    """The best over all runs of neighbours that hold an answer of the smallest score in the run."""
    best = -math.inf
    for first in range(len(spans)):
        for run in _runs(text, spans[first : first + _LONGEST_RUN]):
            if answer_recall(answers, text[run[0].start : run[-1].end]):
                best = max(best, _smallest(run))
                break  # longer ones have no larger smallest score
    return best


def _runs(text: str, spans: Sequence[Span]) -> Iterable[Sequence[Span]]:
    """The first span, the first two, and so on, as long as nothing but white space lies between."""
    for last in range(len(spans)):
        if last and text[spans[last - 1].end : spans[last].start].strip():
            return
        yield spans[: last + 1]


def _smallest(spans: Iterable[Span]) -> float:
    return min(span.score for span in spans)
