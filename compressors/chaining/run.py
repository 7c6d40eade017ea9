"""One task on its way through a chain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ..base import Compressor
from ..contract import ContractViolation, check_passages
from ..protection import Protection
from ..render import Renderer
from ..select import TOLERANCE
from ..task import Draft, Task, join_reasons
from ..types import CompressedPassage, StageReport
from .budgets import end_tokens, stage_budget
from .views import View, compose, merge, views_of

__all__ = ["Run"]

Offsets = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Carried(Protection):
    """Finds in a stage's text what matched in the caller's: a match may need what was dropped."""

    texts: tuple[str, ...] = ()
    found: tuple[tuple[Offsets, ...], ...] = ()

    def matches(self, texts: Sequence[str]) -> list[list[Offsets]]:
        if tuple(texts) == self.texts:
            return [list(offsets) for offsets in self.found]
        return Protection.matches(self, texts)


@dataclass(slots=True)
class Run:
    """``state`` is what is left of the caller's passages, ``tokens`` what it renders to."""

    task: Task
    state: list[CompressedPassage]
    tokens: int
    reports: list[StageReport] = field(default_factory=list)
    reason: str | None = None
    spent: int = 0
    _views: list[View] = field(default_factory=list)
    _matches: list[list[Offsets]] | None = None

    @classmethod
    def of(cls, task: Task) -> Run:
        """At the beginning: everything is left."""
        state = [CompressedPassage.whole(p) for p in task.passages]
        run = cls(task, state, task.tokens(state))
        if task.protection.keep:
            run._matches = task.protection.matches([p.text for p in task.passages])
        return run

    def ask(self, left: int, share: float | None, *, against_original: bool) -> Task | None:
        """The next stage's task; None where nothing is left to work on.

        Args:
            left: stages left to run, this one included.
            share: what was given for this stage.
            against_original: whether the stage takes ``Task.tokens_before`` for what ratios are counted
                against. Then the last stage counts its 2 points as the caller does.
        """
        self._views = views_of(self.state)
        if not self._views or not self.tokens:
            return None
        whole = self.task.tokens_before
        budget = stage_budget(self.task.budget, before=whole, now=self.tokens, left=left, share=share)
        before = self.tokens
        if left == 1 and against_original and budget.ratio is not None and budget.ratio < 1:
            budget, before = self.task.budget, whole
        return Task(
            self.task.query,
            tuple(view.passage for view in self._views),
            budget,
            self.task.counter,
            self._renderer(),
            before,
            self._protection(),
        )

    def take(self, stage: Compressor, asked: Task, draft: Draft, seconds: float) -> None:
        """Put what a stage answered in the place of what there was.

        Raises:
            ContractViolation: the answer breaks the contract or the stage's ``max_tokens``.
        """
        passages = tuple(draft.passages)
        check_passages(asked, passages, stage.name)
        before = self.tokens
        self.state = self._merged(passages)
        self.tokens = self.task.tokens(self.state)
        limit = asked.budget.max_tokens
        if limit is not None and self.tokens > limit:
            raise ContractViolation(f"{stage.name} sent {self.tokens} tokens where max_tokens was {limit}")
        self.spent += draft.overhead_tokens
        self.reason = f"{stage.name}: {draft.reason}" if draft.reason else None
        if asked.budget.ratio == 1 and self.task.budget.ratio != 1:
            self.reason = (
                None  # told for a budget that the caller did not give; finish() says what is the case
            )
        self.reports += draft.stages or [StageReport(stage.name, before, self.tokens, seconds, draft.reason)]

    def skip(self, stage: Compressor) -> None:
        """Note that nothing was left for a stage."""
        self.reports.append(StageReport(stage.name, self.tokens, self.tokens, 0.0, "nothing was left to it"))

    def finish(self) -> Draft:
        """The chain's answer."""
        return Draft(self.state, join_reasons(self.reason or self._unmet()), self.reports, self.spent)

    def _unmet(self) -> str | None:
        budget = self.task.budget
        end = end_tokens(budget, self.task.tokens_before)
        if budget.ratio is None or end is None:
            return None if self.tokens else "no stage kept anything"
        share = self.tokens / self.task.tokens_before
        if abs(share - budget.ratio) <= TOLERANCE:
            return None
        return f"{share:.0%} was kept where {budget} was asked: no stage after that could mend it"

    def _merged(self, passages: Sequence[CompressedPassage]) -> list[CompressedPassage]:
        pairs = zip(self._views, passages, strict=True)
        return merge(self.state, {view.number: compose(view, got, self._views) for view, got in pairs})

    def _renderer(self) -> Renderer:
        """Renders what a stage keeps as the caller's renderer will, from the caller's passages.

        So that a budget counts what will be sent, whatever the renderer reads of a passage.
        """
        state, views, render = self.state, self._views, self.task.renderer
        by_passage = {id(view.passage): view for view in views}

        def rendered(given: Sequence[CompressedPassage]) -> str:
            composed = [
                compose(view, got, views) if (view := by_passage.get(id(got.source))) else got
                for got in given
            ]
            if [id(got.source) for got in given] == list(by_passage):
                numbers = (view.number for view in views)
                composed = merge(state, dict(zip(numbers, composed, strict=True)))
            return render(composed)

        return rendered

    def _protection(self) -> Protection:
        given = self.task.protection
        if self._matches is None:
            return given
        texts = tuple(view.passage.text for view in self._views)
        found = []
        for view, text in zip(self._views, texts, strict=True):
            if any(part.start is None for part in view.parts):
                found.append((*given.matches([text])[0], *self._repeated(view, text)))
            else:
                found.append(tuple(view.carried(self._matches[view.number])))
        return _Carried(given.keep, given.titles, given.headings, given.antecedents, texts, tuple(found))

    def _repeated(self, view: View, text: str) -> Iterator[Offsets]:
        """Where a written text repeats what the patterns matched in its sources, whatever stood around it."""
        for number in view.sources:
            source = self.task.passages[number].text
            for start, end in (self._matches or [])[number]:
                wanted = " ".join(source[start:end].split())
                at = text.find(wanted) if wanted else -1
                while at >= 0:
                    yield at, at + len(wanted)
                    at = text.find(wanted, at + 1)
