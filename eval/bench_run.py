"""One compressor on one data set: compress every question, score it, sum up."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ..compressors import Budget, CompressedPassage, Compression, Compressor, render_context
from ..errors import NotInstalled
from .data import Example, to_passages
from .metrics import (
    Estimate,
    answer_recall,
    bootstrap_ci,
    kept_macro,
    kept_micro,
    support_precision,
    support_recall,
)
from .remember import ScoreMemory

__all__ = ["METRICS", "Failure", "Row", "Scores", "evaluate", "score"]

METRICS = (kept_micro, kept_macro, answer_recall, support_recall, support_precision)
TOLERANCE = 0.02
"""A ratio is met where the share kept lies within 2 points of it."""


@dataclass(frozen=True, slots=True)
class Scores:
    """What one question came to; None where a metric does not apply."""

    tokens_before: int
    tokens_after: int
    seconds: float
    answer_recall: float | None
    support_recall: float | None
    support_precision: float | None


@dataclass(frozen=True, slots=True)
class Failure:
    """A question on which the compressor failed: that is a result too, and the run goes on."""

    id: str
    error: str
    traceback: str


@dataclass(frozen=True, slots=True)
class Row:
    """One compressor with one budget on one data set.

    ``questions`` were compressed; those in ``failures`` come on top. ``ratio_met`` is the share of
    questions kept within 2 points of ``ratio``, ``seconds`` the mean wall time a question.
    """

    data: str
    compressor: str
    ratio: float | None
    questions: int
    kept_micro: float | None
    kept_macro: float | None
    ratio_met: float | None
    answer_recall: Estimate
    support_recall: Estimate
    support_precision: Estimate
    seconds: float | None
    failures: tuple[Failure, ...]


def score(example: Example, result: Compression) -> Scores:
    """The metrics of one compression.

    Answer recall is asked only where an answer can be found in the whole context as it would have
    been sent: an answer that was not in it cannot have been lost by the compressor.
    """
    whole = render_context([CompressedPassage.whole(p.source) for p in result.passages])
    findable = answer_recall(example.answers, whole) == 1.0
    kept = [None if p.kept is None else [(s.start, s.end) for s in p.kept] for p in result.passages]
    supporting = [p.supporting_spans for p in example.passages]
    texts = [p.text for p in example.passages]
    return Scores(
        tokens_before=result.tokens_before,
        tokens_after=result.tokens_after,
        seconds=result.seconds,
        answer_recall=answer_recall(example.answers, result.text) if findable else None,
        support_recall=support_recall(kept, supporting, texts),
        support_precision=support_precision(kept, supporting, texts),
    )


def evaluate(
    compressor: Compressor,
    examples: Iterable[Example],
    ratio: float | None,
    *,
    data: str,
    seed: int = 0,
    advance: Callable[[], None] = lambda: None,
    memory: ScoreMemory | None = None,
) -> Row:
    """Compress each example by itself to ``ratio`` of its tokens (None: untouched or adaptive) and sum up.

    The first example is compressed twice and the second time counts, so that loading a model
    is not in the seconds. ``advance`` is called after each example. With the ``memory`` of earlier
    budgets nothing is scored twice, and the seconds of scoring are counted for each budget all the same.

    Raises:
        NotInstalled: the compressor lacks a model or package; no question could succeed.
    """
    budget = Budget(ratio=ratio) if ratio is not None else Budget()
    memory = memory or ScoreMemory(compressor)
    scores: list[Scores] = []
    failures: list[Failure] = []
    for number, example in enumerate(examples):
        try:
            passages = to_passages(example)
            if number == 0:
                compressor.compress(example.question, passages, budget)
            result = memory.compress(example.question, passages, budget)
            scores.append(score(example, result))
        except NotInstalled:
            raise
        except Exception as error:  # noqa: BLE001 - third-party code may raise anything; it is recorded
            text = f"{type(error).__name__}: {error}"
            failures.append(Failure(example.id, text, traceback.format_exc()))
        advance()
    return _row(data, compressor.name, ratio, scores, failures, seed)


def _row(
    data: str, name: str, ratio: float | None, scores: list[Scores], failures: list[Failure], seed: int
) -> Row:
    tokens = [(s.tokens_before, s.tokens_after) for s in scores]
    shares = [after / before for before, after in tokens if before]
    met = [abs(share - ratio) <= TOLERANCE for share in shares] if ratio is not None else []
    return Row(
        data=data,
        compressor=name,
        ratio=ratio,
        questions=len(scores),
        kept_micro=kept_micro(tokens),
        kept_macro=kept_macro(tokens),
        ratio_met=sum(met) / len(met) if met else None,
        answer_recall=bootstrap_ci((s.answer_recall for s in scores), seed),
        support_recall=bootstrap_ci((s.support_recall for s in scores), seed),
        support_precision=bootstrap_ci((s.support_precision for s in scores), seed),
        seconds=sum(s.seconds for s in scores) / len(scores) if scores else None,
        failures=tuple(failures),
    )
