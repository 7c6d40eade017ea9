"""How well a compressor's scores rank the sentences of a question's passages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ...compressors import Candidates, ExtractiveCompressor
from ..bench_run import Failure
from ..data import Example, Offsets, to_passages
from ..metrics import Estimate, bootstrap_ci
from .batches import in_batches
from .ranking import average_precision, reciprocal_rank
from .sentence_scores import sentence_scores

__all__ = ["Ranked", "Ranking", "rank"]


@dataclass(frozen=True, slots=True)
class Ranking:
    """One question's candidate sentences with their scores.

    ``sentences``: passage number and offsets; ``right``: positions in it of the labelled ones.
    """

    example: Example
    sentences: tuple[tuple[int, Offsets], ...]
    scores: tuple[float | None, ...]
    right: frozenset[int]
    average_precision: float | None
    reciprocal_rank: float | None


@dataclass(frozen=True, slots=True)
class Ranked:
    """All questions that were ranked, in their order, and those on which the compressor failed."""

    rankings: tuple[Ranking, ...]
    failures: tuple[Failure, ...]

    def mean_average_precision(self, seed: int = 0) -> Estimate:
        """MAP with its 95% bootstrap interval."""
        return bootstrap_ci((r.average_precision for r in self.rankings), seed)

    def mean_reciprocal_rank(self, seed: int = 0) -> Estimate:
        """MRR with its 95% bootstrap interval."""
        return bootstrap_ci((r.reciprocal_rank for r in self.rankings), seed)


def rank(
    compressor: ExtractiveCompressor,
    examples: Sequence[Example],
    *,
    batch: int = 16,
    advance: Callable[[int], None] = lambda _: None,
) -> Ranked:
    """Score the passages, before any budget, and rank the data set's own sentences by it.

    Candidates are all sentences, blank ones left out, of all passages that have labels. See
    :func:`sentence_scores` for how a sentence comes to a score. Failures, ``batch`` and ``advance`` as
    for ``measure``.

    Raises:
        NotInstalled: the compressor lacks a model or package; no question could succeed.
    """

    def work(some: Sequence[Example]) -> list[Ranking]:
        questions, passages = [e.question for e in some], [to_passages(e) for e in some]
        scored = compressor.score_batch(questions, passages)
        return [_ranking(e, spans) for e, spans in zip(some, scored, strict=True)]

    rankings, failures = in_batches(examples, work, batch=batch, advance=advance)
    return Ranked(tuple(rankings), tuple(failures))


def _ranking(example: Example, candidates: Candidates) -> Ranking:
    sentences: list[tuple[int, Offsets]] = []
    scores: list[float | None] = []
    right: set[int] = set()
    for i, (passage, spans) in enumerate(zip(example.passages, candidates, strict=True)):
        if passage.supporting_spans is None:
            continue
        own = [s for s in passage.sentence_spans or () if s[0] < s[1]]
        right.update(len(sentences) + k for k, s in enumerate(own) if s in passage.supporting_spans)
        sentences += [(i, s) for s in own]
        scores += sentence_scores(own, spans)
    return Ranking(
        example,
        tuple(sentences),
        tuple(scores),
        frozenset(right),
        average_precision(scores, right),
        reciprocal_rank(scores, right),
    )
