"""The interface of every compressor, and the one place where they are measured."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Literal

from ..errors import InvalidInput
from .budget import Budget
from .contract import ContractViolation, check_passages
from .protection import Protection
from .render import Renderer, render_context
from .task import Draft, Task, join_reasons
from .tokens import TokenCounter, load_counter
from .types import CompressedPassage, Compression, Passage

__all__ = ["Compressor", "ContractViolation", "Draft", "Task"]


class Compressor(ABC):
    """Text in, less text out. A subclass writes one method, ``_compress_batch``.

    Instances hold no state between calls and may be used from several threads.
    """

    name: ClassVar[str] = ""
    kind: ClassVar[Literal["extractive", "abstractive"]] = "extractive"
    summary: ClassVar[str] = ""
    """One line for ``tersus compressors``."""
    model: str | None = None
    """The model it runs, if any: an alias, a hub name or a path."""
    paper: ClassVar[str | None] = None
    speed: ClassVar[str] = ""
    """By order of magnitude, a query of 10 passages on two CPU cores, models loaded: "instant" (less than
    10 ms), "fast" (less than 0.5 s), "medium" (less than 5 s) or "slow"; "" where nobody has said."""
    needs_query: ClassVar[bool] = True

    def compress(
        self,
        query: str,
        passages: Sequence[Passage],
        budget: Budget | None = None,
        *,
        protection: Protection | None = None,
        counter: TokenCounter | None = None,
        renderer: Renderer | None = None,
    ) -> Compression:
        """Compress the passages retrieved for one query.

        Args:
            query: the question; may be empty only where ``needs_query`` is false.
            passages: in the order in which they are to be sent.
            budget: how much may stay; the compressor's own threshold by default.
            protection: what stays besides the best; nothing by default.
            counter: the target model's token counter; cl100k by default.
            renderer: how the prompt renders its context; title and text by default.

        Raises:
            InvalidInput: wrong types, or an empty query.
            KeepTooSlow: a pattern of ``protection`` takes too long on these passages.
            CalibrationMissing: ``budget.risk`` without a calibration for this compressor.
        """
        return self.compress_batch(
            [query], [passages], budget, protection=protection, counter=counter, renderer=renderer
        )[0]

    def compress_batch(
        self,
        queries: Sequence[str],
        passages: Sequence[Sequence[Passage]],
        budget: Budget | None = None,
        *,
        protection: Protection | None = None,
        counter: TokenCounter | None = None,
        renderer: Renderer | None = None,
    ) -> list[Compression]:
        """Compress for many queries at once: ``passages[i]`` belong to ``queries[i]``.

        Returns one :class:`Compression` a query. Raises as :meth:`compress` does.
        """
        tasks = self._tasks(queries, passages, budget, counter, renderer, protection)
        started = time.perf_counter()
        todo = [task for task in tasks if task.tokens_before]
        drafts = iter(self._compress_batch(todo) if todo else [])
        seconds = time.perf_counter() - started
        total = sum(task.tokens_before for task in tasks) or 1
        return [
            self._measure(task, next(drafts), seconds * task.tokens_before / total)
            if task.tokens_before
            else self._nothing(task)
            for task in tasks
        ]

    def accepts(self, query: str) -> bool:
        """Whether it can work with this query: with an empty one only where ``needs_query`` is false."""
        return not self.needs_query or bool(query.strip())

    def check_query(self, query: object) -> None:
        """Refuse what :meth:`accepts` does not, before any work; raises InvalidInput."""
        if not isinstance(query, str):
            raise InvalidInput(f"the query must be str, got {type(query).__name__}")
        if not self.accepts(query):
            raise InvalidInput(
                f"{self.name} needs a query, and this one is empty",
                hint="say what the passages are to answer",
            )

    @abstractmethod
    def _compress_batch(self, tasks: Sequence[Task]) -> Sequence[Draft]:
        """One draft a task; every task has at least one token to work on."""

    def _tasks(
        self,
        queries: Sequence[str],
        passages: Sequence[Sequence[Passage]],
        budget: Budget | None,
        counter: TokenCounter | None,
        renderer: Renderer | None,
        protection: Protection | None = None,
    ) -> list[Task]:
        if isinstance(queries, str) or len(queries) != len(passages):
            raise InvalidInput("a batch needs a list of queries and one list of passages for each")
        counter = counter or load_counter()
        renderer = renderer or render_context
        budget = budget or Budget()
        protection = protection or Protection()
        return [
            self._task(*pair, budget, counter, renderer, protection)
            for pair in zip(queries, passages, strict=True)
        ]

    def _task(
        self,
        query: str,
        passages: Sequence[Passage],
        budget: Budget,
        counter: TokenCounter,
        renderer: Renderer,
        protection: Protection,
    ) -> Task:
        self.check_query(query)
        if isinstance(passages, (str, Passage)) or not all(isinstance(p, Passage) for p in passages):
            raise InvalidInput("passages must be a sequence of Passage", hint="[Passage(text=...), ...]")
        whole = renderer([CompressedPassage.whole(p) for p in passages])
        return Task(query, tuple(passages), budget, counter, renderer, counter(whole), protection)

    def _measure(self, task: Task, draft: Draft, seconds: float) -> Compression:
        passages = tuple(draft.passages)
        check_passages(task, passages, self.name)
        text = task.renderer(passages)
        after = task.counter(text)
        limit = task.budget.max_tokens
        if limit is not None and after > limit:
            raise ContractViolation(f"{self.name} sent {after} tokens where max_tokens was {limit}")
        reason = join_reasons(draft.reason, task.protection.loss(passages))
        return Compression(
            passages,
            text,
            task.tokens_before,
            after,
            seconds,
            self.name,
            reason,
            tuple(draft.stages),
            draft.overhead_tokens,
        )

    def _nothing(self, task: Task) -> Compression:
        passages = tuple(CompressedPassage.of(p, []) for p in task.passages)
        reason = "all passages are empty" if passages else "no passages were given"
        return Compression(passages, "", 0, 0, 0.0, self.name, reason)
