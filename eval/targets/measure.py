"""A compressor on examples with one budget: what it kept of each, and the figures over all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ...compressors import Budget, CompressedPassage, Compression, Compressor
from ..bench_run import Failure, Scores, score
from ..data import Example, Offsets, to_passages
from ..metrics import Estimate, bootstrap_ci, support_recall
from .batches import in_batches
from .oracle import oracle_tokens
from .ratio import bootstrap_ratio

__all__ = ["Measured", "Outcome", "kept_whole", "measure"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One question, compressed and scored."""

    example: Example
    compression: Compression
    scores: Scores


@dataclass(frozen=True, slots=True)
class Measured:
    """All questions that were compressed, in their order, and those on which the compressor failed.

    Each figure is a mean over questions with its 95% bootstrap interval; ``seed`` is the bootstrap's.
    """

    outcomes: tuple[Outcome, ...]
    failures: tuple[Failure, ...]

    def answer_recall(self, seed: int = 0) -> Estimate:
        """Share of questions with a gold answer in what was sent, where one was in the whole context."""
        return bootstrap_ci((o.scores.answer_recall for o in self.outcomes), seed)

    def support_recall(self, seed: int = 0) -> Estimate:
        """Share of a question's labelled supporting sentences kept whole."""
        return bootstrap_ci((o.scores.support_recall for o in self.outcomes), seed)

    def right_sentence(self, seed: int = 0) -> Estimate:
        """Share of questions with at least one of their labelled supporting sentences kept whole.

        What answer recall is to data that label sentences and give no answers.
        """
        return bootstrap_ci((_right_sentence(o) for o in self.outcomes), seed)

    def kept(self, seed: int = 0) -> Estimate:
        """Share of a question's tokens kept: a long context weighs as much as a short one."""
        shares = [(o.scores.tokens_before, o.scores.tokens_after) for o in self.outcomes]
        return bootstrap_ci((after / before if before else None for before, after in shares), seed)

    def kept_by_oracle(self, seed: int = 0) -> Estimate:
        """Mean share kept by mean share that the oracle would keep (see ``oracle``).

        Over the questions for which there is an oracle; both means are resampled together.
        """
        return bootstrap_ratio([_beside_oracle(o) for o in self.outcomes], seed)


def measure(
    compressor: Compressor,
    examples: Sequence[Example],
    budget: Budget | None = None,
    *,
    batch: int = 16,
    advance: Callable[[int], None] = lambda _: None,
) -> Measured:
    """Compress every example's passages and score what is left, ``batch`` questions at a time.

    The compressor's own threshold without a ``budget``. A question on which it fails is in ``failures``
    and the run goes on. ``advance`` is told how many examples are done after each batch.

    Raises:
        NotInstalled: the compressor lacks a model or package; no question could succeed.
    """

    def work(some: Sequence[Example]) -> list[Outcome]:
        questions, passages = [e.question for e in some], [to_passages(e) for e in some]
        results = compressor.compress_batch(questions, passages, budget)
        return [Outcome(e, r, score(e, r)) for e, r in zip(some, results, strict=True)]

    outcomes, failures = in_batches(examples, work, batch=batch, advance=advance)
    return Measured(tuple(outcomes), tuple(failures))


def _beside_oracle(outcome: Outcome) -> tuple[float, float] | None:
    tokens, before = oracle_tokens(outcome.example), outcome.scores.tokens_before
    return (outcome.scores.tokens_after / before, tokens / before) if tokens and before else None


def _right_sentence(outcome: Outcome) -> float | None:
    found = [
        kept_whole(outcome.compression.passages[i], sentence)
        for i, passage in enumerate(outcome.example.passages)
        for sentence in passage.supporting_spans or ()
    ]
    known = [whole for whole in found if whole is not None]
    return float(any(known)) if known else None


def kept_whole(passage: CompressedPassage, sentence: Offsets) -> bool | None:
    """Whether a sentence of a passage was kept, as support recall judges it; None where it was rewritten."""
    kept = None if passage.kept is None else [(s.start, s.end) for s in passage.kept]
    share = support_recall([kept], [[sentence]], [passage.source.text])
    return None if share is None else share == 1.0
