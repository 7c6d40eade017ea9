"""What protection gives and costs: the same scores, selected from with it and without."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..compressors import Budget, Candidates, Compression, ExtractiveCompressor, Protection, Task
from .bench_run import Scores, score
from .data import Example, to_passages
from .metrics import Estimate, bootstrap_ci, kept_micro

__all__ = ["VARIANTS", "Compared", "compare"]

VARIANTS: Mapping[str, Protection] = {
    "antecedents": Protection(antecedents=True),
    "headings": Protection(headings=True),
}


@dataclass(frozen=True, slots=True)
class Compared:
    """One variant with one ratio on one data set.

    Recalls are means over the same questions without protection and with it, ``answer_gain`` and
    ``support_gain`` the mean of the differences, question by question. ``changed`` is the share of
    questions whose context is another one.
    """

    data: str
    compressor: str
    protect: str
    ratio: float
    questions: int
    changed: float
    kept_without: float | None
    kept_with: float | None
    answer_without: Estimate
    answer_with: Estimate
    answer_gain: Estimate
    support_without: Estimate
    support_with: Estimate
    support_gain: Estimate


@dataclass(frozen=True, slots=True)
class _Pair:
    without: Scores
    protected: Scores
    changed: bool


class _Replayed(ExtractiveCompressor):
    """Scores that are known already, so that every selection starts from the same ones."""

    name: ClassVar[str] = "replayed"

    def __init__(self, candidates: Candidates) -> None:
        self._candidates = candidates

    def _score_batch(self, tasks: Sequence[Task]) -> Sequence[Candidates]:
        return [self._candidates for _ in tasks]


def compare(
    compressor: ExtractiveCompressor,
    examples: Iterable[Example],
    ratios: Sequence[float],
    variants: Mapping[str, Protection] = VARIANTS,
    *,
    data: str,
    seed: int = 0,
    advance: Callable[[], None] = lambda: None,
) -> list[Compared]:
    """Score each example once, select with each variant and without, and pair the results.

    ``seed`` is the bootstrap's; ``advance`` is called after each example. Raises what the compressor raises.
    """
    pairs: dict[tuple[str, float], list[_Pair]] = {(v, r): [] for r in ratios for v in variants}
    for example in examples:
        passages = to_passages(example)
        replayed = _Replayed(compressor.score(example.question, passages))
        for ratio in ratios:
            plain = replayed.compress(example.question, passages, Budget(ratio=ratio))
            for name, protection in variants.items():
                other = replayed.compress(
                    example.question, passages, Budget(ratio=ratio), protection=protection
                )
                pairs[name, ratio].append(_pair(example, plain, other))
        advance()
    return [
        _compared(data, compressor.name, name, ratio, found, seed) for (name, ratio), found in pairs.items()
    ]


def _pair(example: Example, plain: Compression, other: Compression) -> _Pair:
    return _Pair(score(example, plain), score(example, other), plain.text != other.text)


def _compared(
    data: str, name: str, protect: str, ratio: float, pairs: Sequence[_Pair], seed: int
) -> Compared:
    without, protected = [p.without for p in pairs], [p.protected for p in pairs]
    answers = ([s.answer_recall for s in without], [s.answer_recall for s in protected])
    support = ([s.support_recall for s in without], [s.support_recall for s in protected])
    return Compared(
        data=data,
        compressor=name,
        protect=protect,
        ratio=ratio,
        questions=len(pairs),
        changed=sum(p.changed for p in pairs) / len(pairs) if pairs else 0.0,
        kept_without=kept_micro([(s.tokens_before, s.tokens_after) for s in without]),
        kept_with=kept_micro([(s.tokens_before, s.tokens_after) for s in protected]),
        answer_without=bootstrap_ci(answers[0], seed),
        answer_with=bootstrap_ci(answers[1], seed),
        answer_gain=bootstrap_ci(_differences(*answers), seed),
        support_without=bootstrap_ci(support[0], seed),
        support_with=bootstrap_ci(support[1], seed),
        support_gain=bootstrap_ci(_differences(*support), seed),
    )


def _differences(without: Sequence[float | None], protected: Sequence[float | None]) -> list[float | None]:
    return [None if a is None or b is None else b - a for a, b in zip(without, protected, strict=True)]
