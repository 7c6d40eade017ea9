"""The base of compressors that select: a subclass scores spans, this class keeps the budget."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import ClassVar, Literal

from .base import Compressor, Draft, Task
from .budget import Budget, Calibration, CalibrationMissing
from .contract import check_scores
from .render import Renderer
from .select import select_above, select_within
from .tokens import TokenCounter
from .types import CompressedPassage, Passage, Span

__all__ = ["Candidates", "ExtractiveCompressor"]

Candidates = Sequence[Sequence[Span]]
"""For one query: for each passage its scored spans, in order, not overlapping."""


class ExtractiveCompressor(Compressor):
    """Keeps the best spans, verbatim and in their order. A subclass writes ``_score_batch``."""

    kind: ClassVar[Literal["extractive", "abstractive"]] = "extractive"
    threshold: float = 0.0
    """What the adaptive budget keeps: every span with a score of at least this."""
    joined: bool = False
    """Whether neighbours that are both kept become one span: for candidates smaller than a sentence."""

    @property
    def fingerprint(self) -> str:
        """Names the scorer and its weights; a :class:`Calibration` holds for one fingerprint only."""
        return self.name

    @property
    def shipped_calibrations(self) -> Sequence[Calibration]:
        """Calibrations that come with the weights: used, and named, where the user has stored none."""
        return ()

    @abstractmethod
    def _score_batch(self, tasks: Sequence[Task]) -> Sequence[Candidates]:
        """The scored spans of every passage of every task; scores are finite, higher is more useful."""

    def score(
        self,
        query: str,
        passages: Sequence[Passage],
        *,
        counter: TokenCounter | None = None,
        renderer: Renderer | None = None,
    ) -> Candidates:
        """Every candidate span of every passage with its score, before any budget: what calibration,
        ranking metrics and rerankers read.

        Raises as :meth:`compress` does.
        """
        return self.score_batch([query], [passages], counter=counter, renderer=renderer)[0]

    def score_batch(
        self,
        queries: Sequence[str],
        passages: Sequence[Sequence[Passage]],
        *,
        counter: TokenCounter | None = None,
        renderer: Renderer | None = None,
    ) -> list[Candidates]:
        """:meth:`score` for many queries at once: ``passages[i]`` belong to ``queries[i]``."""
        tasks = self._tasks(queries, passages, None, counter, renderer)
        todo = [task for task in tasks if task.tokens_before]
        scored = self._scored(todo)
        return [next(scored) if task.tokens_before else [[] for _ in task.passages] for task in tasks]

    def _compress_batch(self, tasks: Sequence[Task]) -> Sequence[Draft]:
        whole = [self._keeps_all(task) for task in tasks]
        todo = [task for task, reason in zip(tasks, whole, strict=True) if reason is None]
        for task in todo:
            self._threshold(task.budget)  # refuse a missing calibration before the work, not after
        scored = self._scored(todo)
        return [
            self._select(task, next(scored))
            if reason is None
            else Draft([CompressedPassage.whole(p) for p in task.passages], reason)
            for task, reason in zip(tasks, whole, strict=True)
        ]

    def _scored(self, tasks: Sequence[Task]) -> Iterator[Candidates]:
        """The candidates of each task; here, because a score without order may drop its span unseen."""
        for candidates in self._score_batch(tasks) if tasks else ():
            check_scores(chain.from_iterable(candidates), self.name)
            yield candidates

    def _keeps_all(self, task: Task) -> str | None:
        """Why the budget allows everything, where it does: then nothing needs to be scored."""
        budget = task.budget
        if budget.ratio == 1:
            return "ratio=1 keeps everything"
        if budget.max_tokens is not None and task.tokens_before <= budget.max_tokens:
            return f"the context has {task.tokens_before} tokens and fits into max_tokens={budget.max_tokens}"
        return None

    def _select(self, task: Task, candidates: Candidates) -> Draft:
        threshold = self._threshold(task.budget)
        if threshold is not None:
            return select_above(task, candidates, threshold, joined=self.joined)
        return select_within(task, candidates, joined=self.joined)

    def _threshold(self, budget: Budget) -> float | None:
        """The threshold of an adaptive or risk budget; None for budgets of size."""
        if budget.adaptive:
            return self.threshold
        if budget.risk is None:
            return None
        if not isinstance(budget.risk, Calibration):
            raise CalibrationMissing(
                f"no calibration of {self.name} says which threshold keeps the risk at {budget.risk:g}",
                hint="pass Budget(risk=Calibration(...)) made for it, or a ratio or max_tokens instead",
            )
        if budget.risk.fingerprint != self.fingerprint:
            raise CalibrationMissing(
                f"the calibration was made for {budget.risk.fingerprint!r}, this is {self.fingerprint!r}",
                hint="calibrate this compressor",
            )
        return budget.risk.threshold
