"""``chain``: compressors one after the other, each given what the one before left."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import ClassVar, Literal

from ...errors import InvalidInput
from ..base import Compressor, Draft, Task
from ..budget import CalibrationMissing
from ..extractive import ExtractiveCompressor
from .budgets import check_shares
from .run import Run

__all__ = ["ChainCompressor", "chain"]

_SPEEDS = ("instant", "fast", "medium", "slow")


class ChainCompressor(Compressor):
    """Runs compressors one after the other. The budget is that of the end.

    Every stage is given the text that the one before left. Under a ratio or ``max_tokens`` each keeps the
    same share of what it gets, unless ``shares`` says otherwise, and the last one brings the rest down to
    the budget; under an adaptive budget each keeps by its own threshold. Spans are those of the caller's
    passages throughout; text that a stage wrote names the passages it came from.

    Args:
        stages: at least one compressor; a chain among them is taken apart.
        shares: for each stage but the last what it keeps of the text it is given, in 0..1, or None.

    Raises:
        InvalidInput: no stage, something that is no compressor, or shares that do not fit.
    """

    summary: ClassVar[str] = "Compressors one after the other"

    def __init__(self, stages: Sequence[Compressor], *, shares: Sequence[float | None] | None = None) -> None:
        if not stages or not all(isinstance(stage, Compressor) for stage in stages):
            raise InvalidInput(
                "a chain needs one compressor or more", hint='chain("exit", "frugal"), names or instances'
            )
        self.stages = tuple(_flat(stages))
        self.shares = check_shares(shares, len(self.stages))
        self.model = ", ".join(dict.fromkeys(stage.model for stage in self.stages if stage.model)) or None

    @property
    def name(self) -> str:  # type: ignore[override]
        """The stages' names with a plus between them, as :func:`load_compressor` takes it."""
        return "+".join(stage.name for stage in self.stages)

    @property
    def kind(self) -> Literal["extractive", "abstractive"]:  # type: ignore[override]
        """Extractive where every stage is."""
        return "extractive" if all(s.kind == "extractive" for s in self.stages) else "abstractive"

    @property
    def speed(self) -> str:  # type: ignore[override]
        """That of the slowest stage."""
        known = [stage.speed for stage in self.stages]
        return max(known, key=_SPEEDS.index) if set(known) <= set(_SPEEDS) else ""

    @property
    def needs_query(self) -> bool:  # type: ignore[override]
        """Whether any stage does."""
        return any(stage.needs_query for stage in self.stages)

    def accepts(self, query: str) -> bool:
        """Whether every stage can work with this query."""
        return all(stage.accepts(query) for stage in self.stages)

    def _compress_batch(self, tasks: Sequence[Task]) -> Sequence[Draft]:
        if any(task.budget.risk is not None for task in tasks):
            raise CalibrationMissing(
                f"a risk is promised for one compressor's scores, and {self.name} is a chain",
                hint="use that compressor alone, or a ratio or max_tokens",
            )
        runs = [Run.of(task) for task in tasks]
        for number, stage in enumerate(self.stages):
            self._stage(number, stage, runs)
        return [run.finish() for run in runs]

    def _stage(self, number: int, stage: Compressor, runs: Sequence[Run]) -> None:
        left = len(self.stages) - number
        share = self.shares[number] if left > 1 else None
        # These count ratios against Task.tokens_before, so that the 2 points are of the whole context.
        whole = isinstance(stage, (ExtractiveCompressor, ChainCompressor))
        asked = [(run, run.ask(left, share, against_original=whole)) for run in runs]
        todo = [(run, task, run.tokens) for run, task in asked if task is not None]
        started = time.perf_counter()
        drafts = stage._compress_batch([task for _, task, _ in todo]) if todo else []
        seconds = time.perf_counter() - started
        total = sum(tokens for _, _, tokens in todo) or 1
        for (run, task, tokens), draft in zip(todo, drafts, strict=True):
            run.take(stage, task, draft, seconds * tokens / total)
        for run, given in asked:
            if given is None:
                run.skip(stage)


def chain(*stages: str | Compressor, shares: Sequence[float | None] | None = None) -> ChainCompressor:
    """A chain of compressors, by name or as instances.

    >>> chain("none", "none").name
    'none+none'

    Raises:
        UnknownCompressor, CompressorBroken: of a name.
        InvalidInput: as :class:`ChainCompressor`.
    """
    from ..registry import load_compressor

    found = [load_compressor(stage) if isinstance(stage, str) else stage for stage in stages]
    return ChainCompressor(found, shares=shares)


def _flat(stages: Iterable[Compressor]) -> Iterable[Compressor]:
    for stage in stages:
        if isinstance(stage, ChainCompressor):
            yield from stage.stages
        else:
            yield stage
